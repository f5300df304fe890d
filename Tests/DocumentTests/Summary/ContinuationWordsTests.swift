import Configuration
import HDF5
import LayerFiles
import TestSupport
import Testing

@testable import Jobs
@testable import bn_stream

/// What is said of the work that a run goes on with.
@Suite(.timeLimit(.minutes(30))) struct ContinuationWordsTests {
  /// Of 20 batches so many are done: never all of what is not finished, though only the last step may be missing.
  @Test(arguments: [(0, 0), (5, 25), (10, 50), (15, 75), (20, 99)])
  func theShare(batches: Int, percent: Int) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createGroup("layer").createDataset(
      "activations", type: .float64, shape: [40, 3], storage: .contiguous
    ).writeDoubles((0..<120).map { Double($0 % 7) })
    try file.close()
    var configuration = JobConfiguration()
    configuration.batchSize = BatchSize(samples: 2)
    let plan = try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
    var work = EarlierWork()
    work.add(ShardRecord(0, 0..<3, .batches(0..<batches, results: [])), of: plan.layers[0])
    #expect(
      Continuation(work, plan, folder: "out.h5.partial").words
        == "goes on with the unfinished work in out.h5.partial, of which \(percent) % is done")
  }
}
