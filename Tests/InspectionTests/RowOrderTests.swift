import BatchNorm
import Configuration
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// What threads hand over is put together with what is of the same batches and features, in whatever order it comes.
@Suite(.timeLimit(.minutes(30))) struct RowOrderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Four samples of four features, in two batches.
  private func plan() throws -> JobPlan {
    var configuration = JobConfiguration()
    configuration.batchSize = .samples(2)
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [4, 4], values: (0..<16).map { Double($0 * $0 % 7) }),
        "bn/gamma": .init(shape: [4], values: [1, -2, 4, 8]),
      ])
    return try Repository.plan(input, configuration)
  }

  /// |γ|·invStd·(|dγ| + |dβ|)/2 is 1, 4, 16, 32 in the first batch and 4, 2, 4, 4 in the second.
  @Test(arguments: [false, true], [false, true])
  func termsOfGradientsAreThoseOfTheirRows(isPartByPart: Bool, isReversed: Bool) throws {
    let plan = try plan()
    let scales = ResultScales(plan.layers[0])
    let rows: [LayerResult: [[Double]]] = [
      .batchInvStd: [[1, 1, 1, 1], [0.5, 0.5, 0.5, 0.5]],
      .batchGradGamma: [[2, 4, 6, 8], [-16, 0, 0, 2]],
      .batchGradBeta: [[0, 0, -2, 0], [0, 4, 4, 0]],
    ]
    let results: [LayerResult] = [.batchInvStd, .batchGradGamma, .batchGradBeta]
    var steps: [(result: LayerResult, batch: Int, features: Range<Int>)] = []
    for batch in 0..<2 {
      for features in [0..<2, 2..<4] {
        for result in results { steps.append((result, batch, features)) }
      }
    }
    if !isPartByPart {
      steps = results.flatMap { result in steps.filter { $0.result == result } }
    }
    if isReversed { steps.reverse() }
    for (result, batch, features) in steps {
      let row: [Double] = try #require(rows[result])[batch]
      Array(row[features]).withUnsafeBufferPointer {
        scales.add(result, TensorPart(samples: batch..<batch + 1, features: features), $0)
      }
    }
    #expect(scales.scale(of: .gradInput) == [4, 4, 16, 32])
    withExtendedLifetime(plan) {}
  }

  /// Of batches of two values the unbiased variance is twice the biased one.
  @Test func meansWaitForTheVariancesOfTheirBatch() throws {
    let plan = try plan()
    let rows = try #require(MistakenRows(plan.layers[0], .mistake(.unbiasedVariance)))
    let first = TensorPart(samples: 0..<1, features: 0..<4)
    let second = TensorPart(samples: 1..<2, features: 0..<4)
    #expect(rows.take(.batchMean, first, [1, 2, 3, 4]).isEmpty)
    #expect(rows.take(.batchVariance, second, [5, 6, 7, 8]).isEmpty)
    let one = rows.take(.batchVariance, first, [10, 20, 30, 40])
    #expect(one.map { $0.0 } == [.batchMean, .batchVariance])
    #expect(one.map { $0.1 } == [[1, 2, 3, 4], [20, 40, 60, 80]])
    let other = rows.take(.batchMean, second, [-1, -2, -3, -4])
    #expect(other.map { $0.0 } == [.batchMean, .batchVariance])
    #expect(other.map { $0.1 } == [[-1, -2, -3, -4], [10, 12, 14, 16]])
    withExtendedLifetime(plan) {}
  }

  private static let layout = FeatureLayout(positionRows: 1, featureCount: 2, planeLength: 1)

  /// Parts of four samples of two features, of which the first may be wrong by 10 and the second by a half.
  @Test(arguments: [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]]) func wrongNumbersAreOfTheirFeatures(
    order: [Int]
  ) throws {
    let ours: [Double] = [1, 2, 3, 4, 5, 6, 7, 8]
    let theirs: [Double] = [1, 2, 12, 5, 25, 6.25, 7, 7]
    let bounds = WrongElements.Bounds(
      layout: Self.layout, rows: 4, batches: nil, limits: [10, 0.5], type: .float64)
    var all = WrongElements(bounds)
    let parts: [TensorPart] = [0..<2, 2..<4].flatMap { samples in
      [0..<1, 1..<2].map { TensorPart(samples: samples, features: $0) }
    }
    for number in order {
      let part = parts[number]
      let places: [Int] = part.samples.flatMap { row in part.features.map { 2 * row + $0 } }
      let (left, right): ([Double], [Double]) = (places.map { ours[$0] }, places.map { theirs[$0] })
      var found = all.empty(for: part)
      found.add(left, right, part)
      all.merge(found)
    }
    #expect(all.count == 3 && all.ofFeatures == [1, 2] && all.ofRows == [0, 1, 1, 1])
    let first = try #require(all.first)
    #expect(first.element == 3 && first.ours == 4 && first.theirs == 5)
  }

  /// 2²⁰ rows are counted one by one, and one more is too many.
  @Test(arguments: [(1_048_576, 1_048_576), (1_048_577, 0)])
  func rowsOfVeryManyAreNotCountedOneByOne(rows: Int, counted: Int) throws {
    let bounds = WrongElements.Bounds(
      layout: Self.layout, rows: rows, batches: nil, limits: [0, 0], type: .float64)
    var all = WrongElements(bounds)
    let part = TensorPart(samples: rows - 1..<rows, features: 0..<2)
    var found = all.empty(for: part)
    let (left, right): ([Double], [Double]) = ([1, 2], [1, 3])
    found.add(left, right, part)
    all.merge(found)
    #expect(all.count == 1 && all.ofFeatures == [0, 1] && all.first?.element == 2 * rows - 1)
    #expect(all.ofRows.count == counted && (WrongValues.Touched(all.ofRows) == nil) == (counted == 0))
  }
}
