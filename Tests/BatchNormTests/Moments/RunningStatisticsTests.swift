import BatchNorm
import BatchNormReference
import Testing

/// Running and population statistics against those of BatchNormReference and exact arithmetic.
@Suite(.timeLimit(.minutes(30))) struct RunningStatisticsTests {
  private static let layout = FeatureLayout(positionRows: 1, featureCount: 3, planeLength: 1)

  private static func batches(_ sizes: [Int]) -> [Batch] {
    var generator = SplitMix64(seed: 91)
    return sizes.map { generator.batch(layout, samples: $0, type: .double, mean: 1000) }
  }

  private static func moments(_ batch: Batch) -> BatchMoments { Kernels().run(batch).moments }

  private static func start(_ average: RunningAverage) -> BatchNorm.RunningStatistics {
    BatchNorm.RunningStatistics(average: average, mean: [1, 2, 3], variance: [4, 5, 6])
  }

  private func expectNear(_ a: [Double], _ b: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(a.count == b.count, sourceLocation: sourceLocation)
    for (a, b) in zip(a, b) {
      #expect((a - b).magnitude <= 1e-14 * b.magnitude, sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [0.1, 0.9, 0, 1, nil]) func followsTheReference(momentum: Double?) {
    let running = Self.start(momentum.map { .exponential(momentum: $0) } ?? .cumulative)
    var expected = BatchNormReference.RunningStatistics(mean: [1, 2, 3], variance: [4, 5, 6])
    for batch in Self.batches([40, 7, 300, 2, 19]) {
      running.add(Self.moments(batch))
      let reference = batch.reference
      expected.update(
        mean: FeatureRow(reference.mean), variance: FeatureRow(reference.variance), count: batch.samples,
        momentum: momentum)
    }
    expectNear(running.mean, expected.mean.values)
    expectNear(running.variance, expected.variance.values)
    if momentum == 0 {
      #expect(running.mean == [1, 2, 3])
      #expect(running.variance == [4, 5, 6])
    }
  }

  /// As in Keras, Flax and ONNX; nothing else is different.
  @Test func biasedVariances() {
    let running = BatchNorm.RunningStatistics(
      average: .exponential(momentum: 0.1), isBiased: true, mean: [1, 2, 3], variance: [4, 5, 6])
    let unbiased = Self.start(.exponential(momentum: 0.1))
    var expected = [4.0, 5, 6]
    for batch in Self.batches([40, 7, 300, 2, 19]) {
      running.add(Self.moments(batch))
      unbiased.add(Self.moments(batch))
      expected = zip(expected, batch.reference.variance).map { 0.9 * $0 + 0.1 * $1 }
    }
    expectNear(running.variance, expected)
    #expect(running.mean == unbiased.mean)
    #expect(zip(running.variance, unbiased.variance).allSatisfy { $0 < $1 })
  }

  /// With momentum 1 what was there is forgotten, even NaN.
  @Test(arguments: [RunningAverage.exponential(momentum: 1), .cumulative])
  func fullWeightForgetsWhatWasThere(average: RunningAverage) {
    let running = BatchNorm.RunningStatistics(
      average: average, mean: [.nan, .infinity, 0], variance: [.nan, .infinity, 0])
    let moments = Self.moments(Self.batches([9])[0])
    running.add(moments)
    #expect(running.mean == moments.means)
    #expect(running.variance == moments.features.map { $0.moments.variance(count: $0.count - 1) })
  }

  /// One value a feature has a mean, and no unbiased variance.
  @Test func singleValueLeavesTheVariance() {
    let running = Self.start(.exponential(momentum: 0.5))
    let moments = Self.moments(Self.batches([1])[0])
    running.add(moments)
    #expect(running.variance == [4, 5, 6])
    expectNear(running.mean, zip([1, 2, 3], moments.means).map { 0.5 * $0 + 0.5 * $1 })
  }

  /// Nor does its biased variance, which is 0, say anything.
  @Test func singleValueLeavesTheBiasedVariance() {
    let running = BatchNorm.RunningStatistics(
      average: .exponential(momentum: 0.5), isBiased: true, mean: [1, 2, 3], variance: [4, 5, 6])
    running.add(Self.moments(Self.batches([1])[0]))
    #expect(running.variance == [4, 5, 6])
  }

  /// An empty batch is none at all, for the cumulative average, too.
  @Test func emptyBatchesDoNotCount() {
    let running = Self.start(.cumulative)
    let other = Self.start(.cumulative)
    let empty = BatchMoments(featureCount: 3)
    for batch in Self.batches([5, 8]) {
      running.add(empty)
      running.add(Self.moments(batch))
      other.add(Self.moments(batch))
    }
    #expect(running.mean == other.mean)
    #expect(running.variance == other.variance)
    #expect(running.population.count == 13)
  }

  @Test func frozenStatisticsFollowThePopulationOnly() {
    let running = Self.start(.exponential(momentum: 0.5))
    for batch in Self.batches([5, 8]) {
      running.add(Self.moments(batch), updatesAverage: false)
    }
    #expect(running.mean == [1, 2, 3])
    #expect(running.variance == [4, 5, 6])
    #expect(running.population.count == 13)
  }

  /// The population is all batches as one, which the average of their statistics is not.
  @Test func populationIsThePoolOfAllBatches() {
    let running = Self.start(.cumulative)
    let batches = Self.batches([40, 7, 300, 1, 19])
    for batch in batches { running.add(Self.moments(batch)) }
    for feature in 0..<3 {
      let exact = ExactStatistics(batches.flatMap { $0.column(feature, of: $0.x) })
      #expect(running.population.count == 367)
      #expect(exact.mean.isNear(Exact(running.population.means[feature]), tolerance: 0x1p-52))
      #expect(exact.variance.isNear(Exact(running.population.variances[feature]), tolerance: 1e-14))
    }
  }

  @Test func populationCountsWhatIsNotFinite() {
    let running = Self.start(.cumulative)
    var batches = Self.batches([5, 8])
    batches[0].x[1] = .nan
    batches[1].x[4] = .infinity
    for batch in batches { running.add(Self.moments(batch)) }
    #expect(running.population[1].nonfiniteValues.nan == 1)
    #expect(running.population[1].nonfiniteValues.positive == 1)
    #expect(running.population.means[1].isNaN && running.mean[1].isNaN)
    #expect(running.population.means[0].isFinite && running.mean[0].isFinite)
  }

  /// What goes on from a state gives the bits of what was not interrupted, after any batch, whatever is not finite.
  @Test(arguments: [0, 1, 3, 5]) func statesHoldAllBits(done: Int) throws {
    var batches = Self.batches([40, 7, 300, 2, 19, 64])
    batches[1].x[4] = .infinity
    batches[2].dy?[2] = .nan
    let outputs = batches.map { Kernels().run($0) }
    /// All that the sums give, as bits; a NaN is a NaN.
    func bits(_ running: BatchNorm.RunningStatistics, _ gradients: GradientSums) -> [UInt64] {
      let population = running.population
      let written = population.written
      let numbers =
        running.mean + running.variance + population.means + population.variances + written.mean
        + written.meanRest + written.m2 + written.m2Rest + gradients.dgamma + gradients.dbeta
      return numbers.map { $0.isNaN ? 0 : $0.bitPattern } + [UInt64(population.count)]
        + population.features.flatMap(\.bits)
    }
    func sums() -> (BatchNorm.RunningStatistics, GradientSums) {
      (Self.start(.cumulative), GradientSums(featureCount: 3))
    }
    func add(_ range: Range<Int>, _ running: BatchNorm.RunningStatistics, _ gradients: GradientSums) {
      for output in outputs[range] {
        running.add(output.moments)
        gradients.add(output.batchCoefficients)
      }
    }
    let (whole, wholeGradients) = sums()
    add(0..<6, whole, wholeGradients)
    let (first, firstGradients) = sums()
    add(0..<done, first, firstGradients)
    let (second, secondGradients) = sums()
    // What it was before counts for nothing.
    add(2..<4, second, secondGradients)
    #expect(second.restore(first.state()) && secondGradients.restore(firstGradients.state()))
    #expect(second.state() == first.state() && secondGradients.state() == firstGradients.state())
    add(done..<6, second, secondGradients)
    #expect(bits(second, secondGradients) == bits(whole, wholeGradients))
    #expect(secondGradients.state() == wholeGradients.state())
    #expect(!second.restore([1, 2, 3]) && !secondGradients.restore(secondGradients.state().dropLast()))
  }

  /// A state of more features is longer, or has what is not finite in a feature that there is not.
  @Test func statesOfMoreFeaturesAreNone() {
    func statistics(_ featureCount: Int) -> BatchNorm.RunningStatistics {
      let zeros = [Double](repeating: 0, count: featureCount)
      return BatchNorm.RunningStatistics(average: .cumulative, mean: zeros, variance: zeros)
    }
    #expect(statistics(3).restore(statistics(3).state()))
    #expect(!statistics(3).restore(statistics(3).state() + [0]))
    #expect(!statistics(3).restore(statistics(9).state()))
    let five = FeatureLayout(positionRows: 1, featureCount: 5, planeLength: 1)
    var batch = Batch(five, samples: 2, x: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    batch.x[4] = .nan
    let other = statistics(5)
    other.add(Self.moments(batch))
    #expect(!statistics(3).restore(other.state()))
    let sums = GradientSums(featureCount: 3)
    #expect(sums.restore(GradientSums(featureCount: 3).state()))
    #expect(!sums.restore(GradientSums(featureCount: 9).state()))
    let (layout, wide) = (Self.layout, FeatureLayout(positionRows: 1, featureCount: 9, planeLength: 1))
    let diagnostics = DiagnosticsOverBatches(layout, hasMask: false)
    #expect(diagnostics.restore(DiagnosticsOverBatches(layout, hasMask: false).state()))
    #expect(!diagnostics.restore(DiagnosticsOverBatches(wide, hasMask: false).state()))
  }
}
