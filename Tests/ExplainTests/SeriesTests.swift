import Parallel
import Testing

@testable import Explain

/// The numbers of trainings that `explain --out` writes, and what is said where nothing was learned: of a few samples.
@Suite(.timeLimit(.minutes(30))) struct SeriesTests {
  /// Eight samples of three numbers, in two classes.
  private static let samples = LabelledSamples(
    ExplainedData(file: nil, layer: nil, batch: nil, count: 8, features: 3),
    x: DenseMatrix(rows: 8, columns: 3, values: (0..<24).map { Double($0 * $0 % 11) - 4 }),
    labels: (0..<8).map { $0 % 2 })

  private static let pool = WorkerPool(workerCount: 2, cancellation: Cancellation())

  /// The same numbers bit by bit, NaN among them.
  private func expect(
    _ explanation: Explanation, _ path: String, _ shape: [Int], _ values: [Double],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let series = try #require(
      explanation.series.first { $0.path == path }, "\(path)", sourceLocation: sourceLocation)
    #expect(series.shape == shape, "\(path)", sourceLocation: sourceLocation)
    let (found, expected) = (series.values.map(\.bitPattern), values.map(\.bitPattern))
    #expect(found == expected, "\(path)", sourceLocation: sourceLocation)
  }

  /// A network of 3, 5, 4 and 2 units has (3 + 1)·5 + (5 + 1)·4 + (4 + 1)·2 parameters, and one more for each hidden unit with batch
  /// normalization.
  @Test(arguments: [("without", false, 54), ("with", true, 63)])
  func ofALandscape(variant: String, hasBatchNorm: Bool, parameters: Int) throws {
    var landscape = Landscape(samples: Self.samples)
    (landscape.steps, landscape.hidden) = (4, [5, 4])
    let found = try landscape.explanation(Self.pool) {}
    let course = try landscape.course(hasBatchNorm: hasBatchNorm) {}
    #expect(course.lowest != course.highest)
    try expect(found, "\(variant)/loss", [4], course.loss)
    try expect(found, "\(variant)/loss_low", [4], course.lowest)
    try expect(found, "\(variant)/loss_high", [4], course.highest)
    try expect(found, "\(variant)/predictiveness", [4], course.predictiveness)
    try expect(found, "\(variant)/smoothness", [4], course.smoothness)
    try expect(found, "\(variant)/recorded_steps", [4], [0, 1, 2, 3])
    let rows: [Double] = course.recorded.flatMap { $0.rows.map { Double($0) } }
    try expect(found, "\(variant)/recorded_samples", [4, 8], rows)
    let all: [Double] = course.recorded.flatMap { $0.parameters }
    try expect(found, "\(variant)/recorded_parameters", [4, parameters], all)
  }

  /// Means move from one step to the next.
  @Test(arguments: [Variant.without, .with, .noisy]) func ofAShift(variant: Variant) throws {
    var experiment = CovariateShift(samples: Self.samples)
    (experiment.steps, experiment.hidden) = (3, [5, 4])
    let found = try experiment.explanation(Self.pool) {}
    let course = try experiment.course(variant) {}
    let name = variant.rawValue
    try expect(found, "\(name)/loss", [3], course.loss)
    try expect(found, "\(name)/movement_of_means", [2], course.movement)
    try expect(found, "\(name)/gradient_distance", [3], course.distance)
    try expect(found, "\(name)/gradient_cosine", [3], course.cosine)
  }

  @Test func whereNothingIsLearnedAShiftShowsNothing() throws {
    var experiment = CovariateShift(samples: Self.samples)
    (experiment.steps, experiment.hidden, experiment.rate) = (3, [5, 4], 1e-9)
    let found = try experiment.explanation(Self.pool) {}
    #expect(found.verdict == .inconclusive && found.against == [])
  }

  /// Every tenth step of a short training, and every eleventh of one of 1,100 steps.
  @Test(arguments: [(25, 3), (1100, 100)]) func percentilesAreTakenAHundredTimes(steps: Int, times: Int)
    throws
  {
    var experiment = Percentiles(samples: Self.samples)
    (experiment.steps, experiment.hidden) = (steps, [2, 2])
    let course = try experiment.course(hasBatchNorm: false) {}
    #expect(course.loss.count == steps && course.percentiles.count == times)
    #expect(course.percentiles.allSatisfy { $0.count == 2 })
  }

  /// Percentiles that are taken once have not moved, with batch normalization as without it.
  @Test(arguments: [(1, true), (10, true), (11, false)])
  func whatIsLookedAtOnceShowsNothing(steps: Int, isInconclusive: Bool) throws {
    var experiment = Percentiles(samples: Self.samples)
    (experiment.steps, experiment.hidden) = (steps, [2, 2])
    let found = try experiment.explanation(Self.pool) {}
    #expect((found.verdict == .inconclusive) == isInconclusive)
    #expect(found.against == [] || !isInconclusive)
  }

  /// The last tenth of a training's losses, or of a short one the last.
  @Test(
    arguments: [(1, 1), (3, 3), (9, 9), (10, 10), (19, 19), (20, 19.5), (30, 29)] as [(Int, Double)])
  func lastLosses(count: Int, mean: Double) {
    #expect(meanOfLastTenth((1...count).map { Double($0) }) == mean)
  }
}
