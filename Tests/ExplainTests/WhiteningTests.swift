import Configuration
import HDF5
import Jobs
import Parallel
import TestSupport
import Testing

@testable import Explain

@Suite struct WhiteningTests {
  /// What NumPy finds in the digits: `numpy.linalg.eigvalsh` of their covariance, and `numpy.corrcoef`, in float64.
  @Test("whitening the digits", .enabled(if: LinearAlgebra.shared != nil, "LAPACK is not installed"))
  func digits() throws {
    let algebra = try #require(LinearAlgebra.shared)
    let found = try Whitening(source: DigitsSample(JobConfiguration()), algebra: algebra).explanation {}
    func value(_ quantity: Quantity) throws -> Double {
      try #require(found.measures.first { $0.quantity == quantity }).value
    }
    #expect(try value(.dimensionsLeftOut) == 3)
    // The least eigenvalue is known to 64·2⁻⁵³ of the largest, 4e5 times as much.
    #expect(abs(try value(.conditionNumber) / 434_247.476_494 - 1) < 1e-8)
    #expect(abs(try value(.effectiveRank) - 13.168_511_170_07) < 1e-9)
    #expect(abs(try value(.remainingCorrelation) - 0.183_289_347_86) < 1e-10)
    #expect(try value(.covarianceOperations) == 1797 * 64 * 64 + 64 * 64 * 64)
    #expect(try value(.dimensionwiseOperations) == 1797 * 64)
    let bound = 100 * (try value(.conditionNumber)) * 0x1p-53
    #expect(try value(.whiteningError) <= bound && value(.choleskyError) <= bound)
    #expect(found.verdict == .held)
    let eigenvalues = try #require(found.series.first { $0.path == "eigenvalues" }).values
    for (found, expected) in zip(eigenvalues.prefix(3), [178.907_315_78, 163.626_640_73, 141.709_536_23]) {
      #expect(abs(found - expected) < 1e-8)
    }
  }

  /// The layer in a file that `build` makes in the root.
  private func layer(_ folder: TemporaryFolder, _ build: (Group) throws -> Void) throws -> ExplainedLayer {
    let file = try File(anew: folder.path("in.h5"))
    try build(file.root)
    try file.close()
    let plan = try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil, configuration: JobConfiguration(), replacesOutput: false))
    return ExplainedLayer(try #require(plan.layers.first), of: plan, cancellation: Cancellation())
  }

  private func rows(_ matrix: DenseMatrix) -> [[Double]] {
    (0..<matrix.rows).map { row in (0..<matrix.columns).map { matrix[row, $0] } }
  }

  /// Each position of each sample is a row of its features, but for those that a mask leaves out, whatever they hold.
  @Test(arguments: [nil, [1, 0, 1, 1]] as [[Int]?])
  func positionsAreRows(mask: [Int]?) throws {
    let folder = try TemporaryFolder()
    let layer = try layer(folder) { root in
      try root.createDataset("activations", type: .float64, shape: [2, 2, 1, 2], storage: .contiguous)
        .writeDoubles([1, mask == nil ? 2 : .nan, 3, 4, 5, 6, 7, 8])
      if let mask {
        try root.createDataset("mask", type: .native(.int8), shape: [2, 1, 1, 2], storage: .contiguous)
          .writeIntegers(mask)
      }
    }
    let all = [[1.0, 3], [2, 4], [5, 7], [6, 8]]
    #expect(layer.blockCount == 1)
    #expect(try rows(layer.rows(block: 0)) == (mask == nil ? all : [all[0], all[2], all[3]]))
  }

  /// Blocks have 4 MiB at most: of 1,024 features 512 samples.
  @Test func laterBlocksHaveLaterSamples() throws {
    let folder = try TemporaryFolder()
    let layer = try layer(folder) { root in
      try root.createDataset("activations", type: .native(.int16), shape: [600, 1024], storage: .contiguous)
        .writeDoubles((0..<600 * 1024).map { Double($0 / 1024) })
    }
    #expect(layer.blockCount == 2)
    let (first, second) = (try layer.rows(block: 0), try layer.rows(block: 1))
    #expect(first.rows == 512 && second.rows == 88)
    #expect(first[0, 0] == 0 && first[511, 1023] == 511 && second[0, 0] == 512 && second[87, 7] == 599)
  }

  /// Rows of so many numbers.
  private struct Rows: ExplainedSource {
    struct Unasked: Error {}
    let matrix: DenseMatrix
    let blockCount = 1
    func rows(block: Int) -> DenseMatrix { matrix }
    func data(count: Int) -> ExplainedData {
      ExplainedData(file: nil, layer: nil, batch: nil, count: count, features: matrix.columns)
    }
    func requireMemory(_ byteCount: Int) {}
    func batch(_ number: Int) throws -> ExplainedBatch { throw Unasked() }
    func labelledSamples() throws -> LabelledSamples { throw Unasked() }
  }

  /// Features 1, 3, 1, 3 and 0, 0, 4, 4 have variances of 1 and 4 and nothing in common; a feature that does not vary is left out.
  @Test(
    "whitening a few features, a single one, and none that varies",
    .enabled(if: LinearAlgebra.shared != nil, "LAPACK is not installed"),
    arguments: [
      ([[1.0, 3, 1, 3]], 1.0, 0.0), ([[1, 3, 1, 3], [7, 7, 7, 7]], 1, 0),
      ([[0, 0, 4, 4], [1, 3, 1, 3]], 4, 0),
      // Of a correlation of 1/√2.
      ([[1, 3, 1, 3], [1, 3, 2, 2]], nil, 0.5.squareRoot()), ([[7, 7, 7, 7]], nil, nil),
    ] as [([[Double]], Double?, Double?)])
  func fewFeatures(features: [[Double]], condition: Double?, correlation: Double?) throws {
    let matrix = DenseMatrix(
      rows: features.count, columns: 4, values: features.flatMap { $0 }
    ).transposed
    let found = try Whitening(source: Rows(matrix: matrix), algebra: #require(LinearAlgebra.shared))
      .explanation {}
    func value(_ quantity: Quantity) -> Double? {
      found.measures.first { $0.quantity == quantity }?.value
    }
    let varying = features.filter { Set($0).count > 1 }.count
    #expect(value(.dimensionsLeftOut) == Double(features.count - varying))
    #expect(found.verdict == (varying == 0 ? .inconclusive : .held))
    if let condition { #expect(abs(try #require(value(.conditionNumber)) - condition) < 1e-12) }
    if let correlation {
      #expect(abs(try #require(value(.remainingCorrelation)) - correlation) < 1e-15)
    } else {
      #expect(value(.remainingCorrelation) == nil)
    }
  }

  /// Of 1, 3, 1, 3 and 1, 3, 2, 2 the variances are 1 and ½ and the covariance is ½, whose eigenvalues are ¾ ± √5/4.
  @Test(
    "the covariance of all values is written, and its eigenvalues from the largest on",
    .enabled(if: LinearAlgebra.shared != nil, "LAPACK is not installed"))
  func series() throws {
    let matrix = DenseMatrix(rows: 4, columns: 2, values: [1, 1, 3, 3, 1, 2, 3, 2])
    let found = try Whitening(source: Rows(matrix: matrix), algebra: #require(LinearAlgebra.shared))
      .explanation {}
    #expect(found.data.count == 4 && found.data.features == 2)
    let covariance = try #require(found.series.first { $0.path == "covariance" })
    #expect(covariance.shape == [2, 2] && covariance.values == [1, 0.5, 0.5, 0.5])
    let eigenvalues = try #require(found.series.first { $0.path == "eigenvalues" })
    #expect(eigenvalues.shape == [2])
    let expected = [0.75 + 5.0.squareRoot() / 4, 0.75 - 5.0.squareRoot() / 4]
    for (found, expected) in zip(eigenvalues.values, expected) { #expect(abs(found - expected) < 1e-14) }
  }

  @Test(
    "without any value nothing is shown",
    .enabled(if: LinearAlgebra.shared != nil, "LAPACK is not installed"))
  func noValues() throws {
    let matrix = DenseMatrix(rows: 0, columns: 2, values: [])
    let found = try Whitening(source: Rows(matrix: matrix), algebra: #require(LinearAlgebra.shared))
      .explanation {}
    #expect(found.verdict == .inconclusive && found.data.count == 0)
    #expect(found.measures == [] && found.series.isEmpty)
  }

  @Test(.enabled(if: LinearAlgebra.shared != nil, "LAPACK is not installed"))
  func decompositions() throws {
    let algebra = try #require(LinearAlgebra.shared)
    let matrix = DenseMatrix(rows: 2, columns: 2, values: [2, 1, 1, 2])
    let (values, vectors) = try #require(algebra.eigen(matrix))
    #expect(abs(values[0] - 1) < 1e-15 && abs(values[1] - 3) < 1e-15)
    // Of 1 it is (1, -1)/√2, of 3 (1, 1)/√2, up to a sign.
    #expect(abs(vectors[0, 0] + vectors[0, 1]) < 1e-15 && abs(vectors[1, 0] - vectors[1, 1]) < 1e-15)
    let factor = try #require(algebra.cholesky(DenseMatrix(rows: 2, columns: 2, values: [4, 2, 2, 5])))
    #expect(factor.values == [2, 0, 1, 2])
    #expect(factor.solvingLower(DenseMatrix(rows: 2, columns: 1, values: [2, 5])).values == [1, 2])
    #expect(algebra.cholesky(DenseMatrix(rows: 2, columns: 2, values: [1, 2, 2, 1])) == nil)
  }

  /// Eight matrices of float64 are held; of so many features that no memory has room, as much as there can be.
  @Test(
    arguments: [
      (0, 0), (1000, 64_000_000), (1 << 27, 1 << 60), (1 << 29, .max), (1 << 40, .max),
    ] as [(Int, Int)])
  func memoryIsThatOfEightMatrices(features: Int, bytes: Int) {
    #expect(Whitening.memory(featureCount: features) == bytes)
  }
}
