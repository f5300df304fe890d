import BatchNorm
import BatchNormReference
import Testing

/// Mean and variance against exact rational arithmetic on the very values, where plain sums fail.
@Suite(.timeLimit(.minutes(30))) struct ExactStatisticsTests {
  struct Data: CustomTestStringConvertible {
    let mean, deviation: Double
    let type: KernelType

    var testDescription: String { "\(type) mean \(mean) deviation \(deviation)" }
  }

  static let data = [
    Data(mean: 1e6, deviation: 1, type: .float), Data(mean: 1e4, deviation: 0.1, type: .float),
    Data(mean: -3e-5, deviation: 1e-9, type: .float), Data(mean: 1e9, deviation: 1e-3, type: .double),
    Data(mean: 1e15, deviation: 1, type: .double), Data(mean: 0, deviation: 1e-30, type: .float),
  ]

  static let shapes = [
    LayoutBatchTests.Shape(1301, 1, 8, 1), .init(1501, 1, 3, 1), .init(43, 1, 3, 49), .init(70, 5, 2, 7),
  ]

  private static func batch(_ data: Data, _ shape: LayoutBatchTests.Shape, seed: UInt64) -> Batch {
    var generator = SplitMix64(seed: seed)
    let count = shape.samples * shape.layout.valuesPerSample
    let x = (0..<count).map { _ in data.mean + data.deviation * generator.normal() }
    var batch = Batch(shape.layout, samples: shape.samples, x: x.rounded(to: data.type))
    batch.dy = (0..<count).map { _ in generator.uniform() }.rounded(to: data.type)
    batch.epsilon = 0
    return batch
  }

  /// What is asked for is 1e-9 for the variance. Blocks of 256 values lose about 256 · 2⁻⁵³ = 3e-14, merging nothing.
  @Test(arguments: data, shapes)
  func meanAndVarianceAreThoseOfTheValues(data: Data, shape: LayoutBatchTests.Shape) {
    let batch = Self.batch(data, shape, seed: 31)
    let output = Kernels(input: data.type, wantsNormalized: false).run(batch)
    // Two features; exact arithmetic takes its time.
    for feature in [0, batch.layout.featureCount - 1] {
      let exact = ExactStatistics(batch.column(feature, of: batch.x))
      let scale = Exact(max(data.mean.magnitude, data.deviation))
      #expect(
        exact.mean.isNear(Exact(output.moments.means[feature]), tolerance: 0x1p-52, scale: scale),
        "feature \(feature)")
      #expect(
        exact.variance.isNear(Exact(output.moments.variances[feature]), tolerance: 3e-14),
        "feature \(feature)")
    }
  }

  /// Float results within 2e-7 of their scale, where sums in Float are off by 4.9.
  @Test(arguments: data, shapes)
  func outputsFollow(data: Data, shape: LayoutBatchTests.Shape) {
    let batch = Self.batch(data, shape, seed: 32)
    let comparison = Comparison(batch, Kernels(input: data.type, output: data.type))
    // One rounding to the type of the output, and nothing else.
    let bound = data.type == .float ? 6.1e-8 : 1e-14
    #expect(comparison.yError <= bound)
    #expect(comparison.xHatError <= bound)
    #expect(comparison.dxError <= bound)
  }

  /// The value that a block subtracts from all others is an outlier: the worst that can happen to its variance, whose
  /// condition number is then the block's size, 256. With the roundings of 256 additions, which do not all go one way,
  /// 256 · √256 · 2⁻⁵³ = 5e-13.
  @Test func anOutlierInFrontOfEveryBlockCostsLittle() {
    var generator = SplitMix64(seed: 33)
    let rows = 2048
    let x = (0..<rows * 64).map { $0 / 64 % 256 == 0 ? 1e8 : generator.normal() }
    let batch = Batch(FeatureLayout(positionRows: 1, featureCount: 64, planeLength: 1), samples: rows, x: x)
    let output = Kernels(wantsNormalized: false).run(batch)
    for feature in [0, 7, 63] {
      let exact = ExactStatistics(batch.column(feature, of: batch.x))
      #expect(exact.variance.isNear(Exact(output.moments.variances[feature]), tolerance: 5e-13))
      #expect(exact.mean.isNear(Exact(output.moments.means[feature]), tolerance: 5e-13))
    }
  }
}
