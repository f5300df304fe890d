import Testing

@testable import BatchNormReference

@Suite(.timeLimit(.minutes(30))) struct StatisticsTests {
  /// Two batches by hand; the unbiased variance of four values is 4/3 of the biased one.
  @Test func runningStatisticsWithMomentum() {
    var running = RunningStatistics(mean: [0], variance: [1])
    running.update(mean: [8], variance: [3], count: 4, momentum: 0.25)
    #expect(running.mean == [2])
    #expect(running.variance == [0.75 + 1])
    running.update(mean: [-2], variance: [0.75], count: 4, momentum: 0.25)
    #expect(running.mean == [1])
    #expect(running.variance == [0.75 * 1.75 + 0.25])
    #expect(running.batchCount == 2)
  }

  /// Without a momentum the initial values do not count, and every batch counts the same.
  @Test func cumulativeAverage() {
    var running = RunningStatistics(mean: [100], variance: [100])
    for (mean, variance) in [(1.0, 3.0), (3.0, 6.0), (8.0, 0.0), (4.0, 3.0)] {
      running.update(mean: [mean], variance: [variance], count: 4, momentum: nil)
    }
    // Four averages with weights 1, 1/2, 1/3, 1/4, a few roundings each.
    #expect((running.mean[0] - 4).magnitude <= 4e-15)
    #expect((running.variance[0] - 4).magnitude <= 4e-15)
  }

  @Test func singleValueHasNoCorrection() {
    var running = RunningStatistics(mean: [0], variance: [1])
    running.update(mean: [4], variance: [0], count: 1, momentum: 0.5)
    #expect(running.mean == [2])
    #expect(running.variance == [0.5])
  }

  /// The batches' variances are 1 and 1, their means 0 and 10; the population's variance is 1 + 25.
  @Test func populationCountsTheVarianceBetweenBatches() {
    let population = PopulationStatistics(of: [column(-1, 1), column(9, 11)])
    #expect(population.mean == [5])
    #expect(population.variance == [26])
    #expect(population.count == 4)
  }

  @Test func populationOfMaskedBatches() {
    let population = PopulationStatistics(
      of: [column(-1, 1, 77), column(.nan, 9, 11)], masks: [[true, true, false], [false, true, true]])
    #expect(population.mean == [5])
    #expect(population.variance == [26])
    #expect(population.count == 4)
  }
}
