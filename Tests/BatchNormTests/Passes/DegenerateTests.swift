import BatchNorm
import BatchNormReference
import Testing

/// Data at the edges: no variance, no ε, the largest and the smallest numbers.
@Suite(.timeLimit(.minutes(30))) struct DegenerateTests {
  static let shapes = [
    LayoutBatchTests.Shape(300, 1, 65, 1), .init(77, 1, 3, 1), .init(50, 1, 3, 49), .init(40, 5, 2, 7),
    .init(1, 1, 9, 1),
  ]

  private static func batch(
    _ shape: LayoutBatchTests.Shape, type: KernelType, _ value: (Int) -> Double
  ) -> Batch {
    var generator = SplitMix64(seed: 51)
    var batch = generator.batch(shape.layout, samples: shape.samples, type: type)
    batch.x = batch.x.indices.map(value).rounded(to: type)
    return batch
  }

  /// A constant feature gives exactly β and a finite dx; without ε, exactly β and dx = 0.
  @Test(arguments: shapes, [100, 0.1, -1e6 / 3, 3e38, -1e-40, 0])
  func constantFeatureGivesBeta(shape: LayoutBatchTests.Shape, value: Double) throws {
    for (type, epsilon) in [(KernelType.float, 1e-5), (.double, 1e-5), (.float, 0), (.double, 0)] {
      var batch = Self.batch(shape, type: type) { _ in value }
      batch.epsilon = epsilon
      let output = Kernels(input: type).run(batch)
      let (y, xHat, dx) = (try #require(output.y), try #require(output.xHat), try #require(output.dx))
      for feature in 0..<shape.featureCount {
        let beta = batch.parameters[feature].beta
        #expect(batch.column(feature, of: y).allSatisfy { $0 == beta })
        #expect(output.moments.variances[feature] == 0)
        #expect(output.moments.means[feature] == batch.x[0])
      }
      #expect(xHat.allSatisfy { $0 == 0 })
      #expect(dx.allSatisfy { epsilon == 0 ? $0 == 0 : $0.isFinite })
      #expect(output.isFinite && output.coefficients.allSatisfy { $0.isFinite })
    }
  }

  /// The largest Floats, of both signs: their squares are small for a Double.
  @Test(arguments: shapes.filter { $0.samples > 1 })
  func largestFloatsGiveTheCorrectResult(shape: LayoutBatchTests.Shape) {
    var batch = Self.batch(shape, type: .float) { ($0 % 2 == 0 ? 3e38 : -3.4e38) / Double($0 % 5 + 1) }
    for feature in 0..<shape.featureCount { batch.parameters[feature].gamma = 1e6 }
    Comparison(batch, Kernels(input: .float, output: .float)).expectAgreement("to Float")
    Comparison(batch, Kernels(input: .float, output: .double)).expectAgreement("to Double")
    #expect(Kernels(input: .float).run(batch).all.allSatisfy { !$0.overflows })
  }

  /// The smallest Floats, with nothing to hide behind: ε = 0.
  @Test(arguments: shapes.filter { $0.samples > 1 })
  func subnormalFloatsGiveTheCorrectResult(shape: LayoutBatchTests.Shape) {
    var batch = Self.batch(shape, type: .float) { Double($0 * $0 % 17) * 0x1p-149 }
    batch.epsilon = 0
    Comparison(batch, Kernels(input: .float, output: .double)).expectAgreement("subnormal")
  }

  /// Subnormal Doubles have no variance that a Double could hold; ε decides, and without ε the result is β.
  @Test(arguments: [1e-5, 0]) func subnormalDoublesStayFinite(epsilon: Double) throws {
    var batch = Self.batch(.init(77, 1, 3, 1), type: .double) { Double($0 * $0 % 17) * 0x1p-1074 }
    batch.epsilon = epsilon
    let output = Kernels().run(batch)
    for feature in 0..<3 {
      let beta = batch.parameters[feature].beta
      let y = batch.column(feature, of: try #require(output.y))
      #expect(y.allSatisfy { $0 == beta })
    }
    #expect(output.isFinite)
  }

  /// Doubles up to 1e150 give the correct result; beyond, where squares do not fit into a Double, the feature says so,
  /// and the others do not notice.
  @Test(arguments: shapes.filter { $0.samples > 1 }, [1e150, 1e160, 1e200, 1e300, 1.7e308])
  func overflowIsNeverSilent(shape: LayoutBatchTests.Shape, size: Double) throws {
    var batch = Self.batch(shape, type: .double) { Double($0 * $0 % 11) - 4 }
    let clean = Kernels().run(batch)
    for index in batch.x.indices where index / shape.planeLength % shape.featureCount == 1 {
      batch.x[index] *= size / 10
    }
    let output = Kernels().run(batch)
    #expect(output.all.map(\.overflows) == (0..<shape.featureCount).map { $0 == 1 && size > 1e150 })
    #expect(output.all[1].nonfiniteValues.total == 0)
    if size <= 1e150 {
      Comparison(batch, Kernels()).expectAgreement("\(size)")
    } else {
      #expect(!output.moments.variances[1].isFinite)
    }
    for feature in 0..<shape.featureCount where feature != 1 {
      for (a, b) in [(output.y, clean.y), (output.dx, clean.dx)] {
        #expect(
          batch.column(feature, of: try #require(a)).isSame(as: batch.column(feature, of: try #require(b))))
      }
    }
  }

  /// No sample at all: nothing to read or write, and statistics that say so.
  @Test func emptyBatchHasNoStatistics() {
    let batch = Batch(FeatureLayout(positionRows: 1, featureCount: 3, planeLength: 1), samples: 0, x: [])
    let output = Kernels().run(batch)
    #expect(
      output.moments.count == 0 && output.moments.means.allSatisfy(\.isNaN)
        && output.moments.variances.allSatisfy(\.isNaN) && output.coefficients.allSatisfy { $0.dbeta == 0 })
    #expect(output.isFinite && output.keptToItsMemory)
  }
}
