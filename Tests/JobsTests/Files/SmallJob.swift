import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import Parallel
import StrictJSON
import TestSupport

/// A small job with one thread, whose calls come in the same order every time.
struct SmallJob {
  let folder: TemporaryFolder
  var keys = #""batch_size": 8"#
  var replacesOutput = false

  init() throws {
    folder = try TemporaryFolder()
    let file = try File(creating: folder.path("in.h5"))
    for (name, shift) in [("first", 0.0), ("second", 1000)] {
      let layer = try file.root.createGroup(name)
      for (index, dataset) in ["activations", "grad_output"].enumerated() {
        try layer.createDataset(dataset, type: .float32, shape: [20, 6], storage: .contiguous)
          .writeDoubles((0..<120).map { Double($0 * $0 % (89 + index)) + shift })
      }
    }
    try file.close()
  }

  var input: String { folder.path("in.h5") }
  var output: String { folder.path("out.h5") }
  var outputName: String { "out.h5" }
  /// The name of the output while it is not complete, and of the folder that it then lies in.
  var partialName: String { "data.h5" }
  var workspaceName: String { "out.h5.partial" }

  func plan() throws -> JobPlan {
    let configuration = try JobConfiguration(json: #"{"threads": 1, \#(keys)}"#, source: "test")
    let job = Job(
      input: input, output: output, configuration: configuration, replacesOutput: replacesOutput)
    try JobPlan.checkOutput(output, of: job)
    return try JobPlan(job)
  }

  /// Plans and runs it, as the command does.
  @discardableResult
  func run(
    _ calls: WatchedFileCalls = WatchedFileCalls(), cancellation: Cancellation = Cancellation()
  ) throws -> JobSummary {
    try calls.watch {
      try Execution(plan(), progress: JobProgress(), cancellation: cancellation).write(to: output)
    }
  }

  /// What is in the folder beside the input.
  var left: [String] { get throws { try folder.names.filter { $0 != "in.h5" } } }

  /// What the output is to be: that of a run that nothing disturbs.
  func expectedBytes() throws -> Data {
    var job = self
    job.replacesOutput = true
    try job.run()
    defer { try? FileManager.default.removeItem(atPath: output) }
    return try folder.bytes("out.h5")
  }
}
