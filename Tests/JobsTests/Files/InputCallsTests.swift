import Configuration
import HDF5
import LayerFiles
import TestSupport
import Testing

@testable import Jobs

/// What the system is told of the files that are read.
@Suite(.timeLimit(.minutes(30))) struct InputCallsTests {
  /// Each of several files is read from front to back, and the system may read ahead in all of them.
  @Test(arguments: [["0.h5"], ["0.h5", "1.h5", "2.h5"]])
  func allAreReadFromFrontToBack(names: [String]) throws {
    let folder = try TemporaryFolder()
    for name in names {
      let file = try File(anew: folder.path(name))
      try file.root.createGroup("layer")
        .createDataset("activations", type: .float64, shape: [4, 1], storage: .contiguous)
        .writeDoubles([1, 2, 3, 4])
      try file.close()
    }
    let calls = WatchedFileCalls()
    let job = Job(
      inputs: names.map { folder.path($0) }, output: nil, configuration: JobConfiguration(),
      replacesOutput: false)
    _ = try calls.watch { try JobPlan(job) }
    let advised = calls.calls.filter { $0.kind == .adviseSequentialReading }.map(\.name)
    #expect(advised == names)
  }
}
