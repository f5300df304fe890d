import Arithmetic
import BatchNormReference
import Testing

/// Merging of moments against exact rational arithmetic over all the values.
@Suite(.timeLimit(.minutes(30))) struct PairMomentsTests {
  /// The moments of some values by exact arithmetic, rounded to what PairMoments holds.
  private static func moments(_ x: [Double], _ dy: [Double]) -> (
    rounded: PairMoments<Double>, exact: ExactMoments
  ) {
    let exact = ExactMoments(x.map { Exact($0) }, dy.map { Exact($0) })
    return (
      PairMoments(
        mean: exact.mean.doubleDouble, m2: exact.m2.doubleDouble,
        gradientMean: exact.gradientMean.doubleDouble,
        comoment: exact.comoment.doubleDouble.high), exact
    )
  }

  /// Sets of unequal size and far apart: merging rounds at 2⁻¹⁰⁴, the comoment (a plain Double) at 2⁻⁵³.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func mergingEqualsMomentsOfTheUnion(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let counts = (Int.random(in: 1...40, using: &generator), Int.random(in: 1...40, using: &generator))
    let far = seed % 2 == 0 ? 1e6 : 0
    let x = (0..<counts.0 + counts.1).map { ($0 < counts.0 ? far : 0) + generator.uniform() }
    let dy = x.map { _ in 5 + generator.uniform() }
    let left = Self.moments(Array(x[..<counts.0]), Array(dy[..<counts.0])).rounded
    let right = Self.moments(Array(x[counts.0...]), Array(dy[counts.0...])).rounded
    let merged = left.merged(with: right, MergeWeights(counts.0, counts.1))
    let exact = Self.moments(x, dy).exact

    #expect(
      exact.mean.isNear(Exact(merged.mean), tolerance: 0x1p-101, scale: x.map { Exact($0).magnitude }.total))
    #expect(exact.m2.isNear(Exact(merged.m2), tolerance: 0x1p-100))
    #expect(exact.gradientMean.isNear(Exact(merged.gradientMean), tolerance: 0x1p-101))
    // |comoment| ≤ √(m2 · m2 of dy) ≤ m2 + m2 of dy: the scale of what is added up.
    let scale = exact.m2 + Exact(Double(x.count) * 4)
    #expect(exact.comoment.isNear(Exact(merged.comoment), tolerance: 0x1p-50, scale: scale))
  }

  /// One value at a time, a thousand times: the errors of a thousand merges stay out of sight.
  @Test func manyMergesKeepTheirPrecision() {
    var generator = SplitMix64(seed: 3)
    let x = (0..<1000).map { _ in 1e6 + generator.uniform() }
    var total = PairMoments<Double>.empty
    for (index, value) in x.enumerated() {
      var one = PairMoments<Double>.empty
      one.mean = DoubleDouble(value)
      total = index == 0 ? one : total.merged(with: one, MergeWeights(index, 1))
    }
    let exact = ExactStatistics(x)
    #expect(exact.mean.isNear(Exact(total.mean), tolerance: 1000 * 0x1p-104))
    #expect(exact.variance.isNear(Exact(total.m2) / Exact(1000), tolerance: 1e6 * 1000 * 0x1p-104))
  }

  @Test func weightsAreExactToTheirPrecision() {
    for (left, right) in [(1, 2), (3, 7), (2009, 41), (1 << 40, 3), (0, 5)] {
      let weights = MergeWeights(left, right)
      let total = Exact(left + right)
      #expect((Exact(right) / total).isNear(Exact(weights.share), tolerance: 0x1p-103))
      #expect((Exact(left) * Exact(right) / total).isNear(Exact(weights.weight), tolerance: 0x1p-103))
    }
  }

  /// The subscript of a lane takes and gives all five numbers.
  @Test func lanesAreIndependent() {
    var lanes = PairMoments<Lanes>.empty
    let one = PairMoments<Double>(
      mean: DoubleDouble(1, 0x1p-60), m2: DoubleDouble(2, 0x1p-59), gradientMean: DoubleDouble(3, 0x1p-58),
      comoment: 4)
    lanes[3] = one
    for lane in 0..<8 {
      let moments = lanes[lane]
      let numbers = [
        moments.mean.high, moments.mean.low, moments.m2.high, moments.m2.low, moments.gradientMean.high,
        moments.gradientMean.low, moments.comoment,
      ]
      #expect(
        numbers == (lane == 3 ? [1, 0x1p-60, 2, 0x1p-59, 3, 0x1p-58, 4] : Array(repeating: 0, count: 7)))
    }
  }
}

/// The five moments by exact arithmetic.
private struct ExactMoments {
  let mean, m2, gradientMean, comoment: Exact

  init(_ x: [Exact], _ dy: [Exact]) {
    let mean = x.total / Exact(x.count)
    let gradientMean = dy.total / Exact(x.count)
    self.mean = mean
    self.gradientMean = gradientMean
    // Sums of products less the products of sums: exact here, so nothing cancels.
    let count = Exact(x.count)
    m2 = x.map { $0 * $0 }.total - mean * mean * count
    comoment = zip(x, dy).map { $0 * $1 }.total - mean * gradientMean * count
  }
}
