import Configuration
import HDF5
import Jobs
import Parallel
import TestSupport
import Testing

@testable import Explain

/// The samples of a file's layer, with their classes, as networks are trained on them.
@Suite(.timeLimit(.minutes(30))) struct ExplainedLayerTests {
  /// A layer of the numbers 0, 1, 2 and so on, with labels.
  private func samples(_ shape: [Int], labels: [Int]) throws -> LabelledSamples {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createDataset("activations", type: .float64, shape: shape, storage: .contiguous)
      .writeDoubles((0..<shape.reduce(1, *)).map { Double($0) })
    try file.root.createDataset(
      "labels", type: .native(.int64), shape: [labels.count], storage: .contiguous
    ).writeIntegers(labels)
    try file.close()
    let plan = try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil, configuration: JobConfiguration(), replacesOutput: false))
    let layer = ExplainedLayer(
      try #require(plan.layers.first), of: plan, cancellation: Cancellation())
    return try layer.labelledSamples()
  }

  /// A sample [2, 1, 4] has eight numbers, though it has two features. All are divided by the largest, which is 23.
  @Test func pictureHasAllItsNumbers() throws {
    let samples = try samples([3, 2, 1, 4], labels: [7, 5, 7])
    #expect(samples.data.count == 3 && samples.data.features == 8)
    #expect(samples.data.layer == "/" && samples.data.batch == nil)
    #expect(samples.x.rows == 3 && samples.x.columns == 8)
    #expect(samples.x[1, 0] == 8.0 / 23 && samples.x[2, 7] == 1)
    #expect(samples.labels == [1, 0, 1] && samples.classes == 2)
  }

  /// From two classes on there is something to learn; more than a thousand are none.
  @Test(arguments: [2, 1000]) func fewestAndMostClasses(count: Int) throws {
    let samples = try samples([count, 1], labels: (0..<count).map { 3 * $0 })
    #expect(samples.classes == count && samples.labels == Array(0..<count))
  }
}
