import BatchNorm
import BatchNormReference
import Testing

/// Data whose statistics are known exactly: x[2i] + x[2i+1] = 2·mean, so nothing but the mean is left of the sum.
@Suite(.timeLimit(.minutes(30))) struct KnownStatisticsTests {
  /// Pairs about the mean, in multiples of 1/16, which a Float holds next to 10⁶; with an odd number of values a last one
  /// that is the mean itself.
  private static func batch(_ shape: LayoutBatchTests.Shape, mean: Double, seed: UInt64) -> Batch {
    var generator = SplitMix64(seed: seed)
    let layout = shape.layout
    var batch = Batch(
      layout, samples: shape.samples, x: Array(repeating: mean, count: shape.samples * layout.valuesPerSample)
    )
    let rows = shape.samples * layout.positionRows
    for feature in 0..<layout.featureCount {
      let places = (0..<rows).flatMap { row in
        (0..<layout.planeLength).map { batch.index(row: row, feature: feature, position: $0) }
      }
      for pair in 0..<places.count / 2 {
        let distance = Double(Int.random(in: -80...80, using: &generator)) / 16
        batch.x[places[2 * pair]] = mean + distance
        batch.x[places[2 * pair + 1]] = mean - distance
      }
    }
    return batch
  }

  /// Not near, but equal: the mean, and the Double that is nearest to the exact variance.
  @Test(arguments: LayoutBatchTests.shapes, [10.0, 1e6])
  func meanAndVarianceAreExact(shape: LayoutBatchTests.Shape, mean: Double) {
    let batch = Self.batch(shape, mean: mean, seed: 21)
    for input in [KernelType.float, .double] {
      let output = Kernels(input: input, wantsNormalized: false).run(batch)
      // The columns of a few features; all the others go the same way.
      for feature in Set([0, batch.layout.featureCount / 2, batch.layout.featureCount - 1]) {
        let column = batch.column(feature, of: batch.x)
        let distances = column.map { Int(16 * ($0 - mean)) }
        let variance = Exact(distances.reduce(0) { $0 + $1 * $1 }) / Exact(256 * column.count)
        #expect(output.moments.means[feature] == mean, "feature \(feature), \(input)")
        #expect(output.moments.variances[feature] == variance.double, "feature \(feature), \(input)")
      }
    }
  }
}
