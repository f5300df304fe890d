import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import Parallel
import StrictJSON
import TestSupport
import Testing

/// A small job with one thread, whose calls come in the same order every time.
struct SmallJob {
  let folder: TemporaryFolder
  var keys = #""batch_size": 8"#
  var replacesOutput = false
  /// How often what is finished is written down; never, if nothing else is said.
  var recordInterval = Duration.seconds(3600)
  var threads = 1
  var shard: Shard?
  /// True to wait for other shards.
  var waits = false
  /// What was continued, in the order of the runs.
  let continuations = Continuations()
  var continued: [Continuation] { continuations.all.withLock { $0 } }

  final class Continuations: Sendable { let all = Guarded<[Continuation]>([]) }

  /// - Parameters:
  ///   - gamma: of all features; nil for none.
  ///   - storage: of the large datasets.
  ///   - isIrregular: true for a value that is not finite, a feature that does not vary, and a mask.
  init(
    samples: Int = 20, gamma: Double? = nil, storage: StorageRequest = .contiguous, isIrregular: Bool = false
  ) throws {
    folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    for (name, shift) in [("first", 0.0), ("second", 1000)] {
      let layer = try file.root.createGroup(name)
      for (index, dataset) in ["activations", "grad_output"].enumerated() {
        var values = (0..<6 * samples).map { Double($0 * $0 % (89 + index)) + shift }
        if isIrregular, index == 0 {
          values[6 * 2 + 1] = .nan
          for sample in 0..<samples { values[6 * sample + 4] = 7 }
        }
        try layer.createDataset(dataset, type: .float32, shape: [samples, 6], storage: storage)
          .writeDoubles(values)
      }
      if isIrregular {
        try layer.createDataset("mask", type: .native(.int8), shape: [samples], storage: .contiguous)
          .writeIntegers((0..<samples).map { $0 % 5 == 3 ? 0 : 1 })
      }
      if let gamma {
        try layer.createDataset("gamma", type: .float64, shape: [6], storage: .contiguous)
          .writeDoubles(Array(repeating: gamma, count: 6))
      }
    }
    try file.close()
  }

  /// One layer of many features, which little memory divides.
  init(wide features: Int, samples: Int) throws {
    try self.init()
    let file = try File(anew: input)
    let layer = try file.root.createGroup("wide")
    for (index, name) in ["activations", "grad_output"].enumerated() {
      let dataset = try layer.createDataset(
        name, type: .float32, shape: [samples, features], storage: .contiguous)
      let values = (0..<samples * features).map { Float(($0 * 7 + index) % 251) }
      try values.withUnsafeBytes { try dataset.write(leading: 0..<samples, as: .float32, from: $0) }
    }
    try file.close()
  }

  /// A job that writes down what is finished as often as can be.
  static func recording(_ keys: String, samples: Int = 20) throws -> SmallJob {
    var job = try SmallJob(samples: samples)
    job.keys = keys
    job.recordInterval = .zero
    return job
  }

  var input: String { folder.path("in.h5") }
  var output: String { folder.path("out.h5") }
  var outputName: String { "out.h5" }
  /// The name of the output while it is not complete, and of the folder that it then lies in.
  var partialName: String { "data.h5" }
  var workspaceName: String { "out.h5.partial" }

  func plan() throws -> JobPlan {
    let configuration = try JobConfiguration(json: #"{"threads": \#(threads), \#(keys)}"#, source: "test")
    var job = Job(
      input: input, output: output, configuration: configuration, replacesOutput: replacesOutput)
    job.shard = shard
    job.waits = waits
    try JobPlan.checkOutput(output, of: job)
    return try JobPlan(job)
  }

  /// Plans and runs it, as the command does.
  @discardableResult
  func run(
    _ calls: WatchedFileCalls = WatchedFileCalls(), cancellation: Cancellation = Cancellation()
  ) throws -> JobSummary {
    try calls.watch { try runHere(cancellation) }
  }

  /// Runs it until it writes its record of that number, from 1, and expects that it stops then and keeps what is done.
  /// - Returns: the calls that it made.
  @discardableResult
  func stop(
    atRecord number: Int, of ledger: String = "ledger", sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> WatchedFileCalls {
    let cancellation = Cancellation()
    let calls = WatchedFileCalls.requesting(cancellation, atRecord: number, of: ledger)
    #expect(throws: StreamError.suspended(workspace: output + ".partial"), sourceLocation: sourceLocation) {
      try run(calls, cancellation: cancellation)
    }
    return calls
  }

  /// The same, through the layer that is there.
  func runHere(_ cancellation: Cancellation = Cancellation()) throws -> JobSummary {
    var execution = Execution(try plan(), progress: JobProgress(), cancellation: cancellation)
    execution.recordInterval = recordInterval
    execution.continues = { [continuations] new in continuations.all.withLock { $0.append(new) } }
    return try execution.write(to: output)
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

extension WatchedFileCalls {
  /// Asks a run to stop when it writes its record of that number, from 1.
  /// - Parameter watching: sees each call.
  static func requesting(
    _ cancellation: Cancellation, atRecord number: Int, of ledger: String = "ledger",
    watching: @Sendable @escaping (Call) -> Void = { _ in }
  ) -> WatchedFileCalls {
    let records = Guarded(0)
    return WatchedFileCalls { call, _ in
      watching(call)
      guard call.kind == .write, call.name == ledger else { return .made }
      let count = records.withLock {
        $0 += 1
        return $0
      }
      if count == number { cancellation.request() }
      return .made
    }
  }
}
