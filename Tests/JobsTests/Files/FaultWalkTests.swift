import Foundation
import Jobs
import LayerFiles
import SystemPackage
import TestSupport
import Testing

/// A whole run, in which one call of the operating system fails: the first, the second, and so on to the last.
///
/// Whichever it is, either the output is there, with every byte as it should be, or a `StreamError` is thrown and neither the output nor
/// its temporary file is.
@Suite(.timeLimit(.minutes(30))) struct FaultWalkTests {
  typealias Call = WatchedFileCalls.Call

  /// What happens to the call.
  enum Fault: CaseIterable, Sendable {
    case noSpace, inputOutput, interrupted, short

    func outcome(_ call: Call) -> WatchedFileCalls.Outcome {
      switch self {
      case .noSpace: .fails(.noSpace)
      case .inputOutput: .fails(.ioError)
      case .interrupted: .fails(.interrupted)
      case .short: .short(1)
      }
    }

    /// True if a run must come to its end all the same.
    func isHarmless(_ call: Call) -> Bool {
      switch (self, call.kind) {
      case (.short, _): true
      case (_, .beginWriteback), (_, .adviseSequentialReading), (_, .close): true
      // Where nobody knows how much room there is, there is enough.
      case (_, .freeByteCount): true
      case (.interrupted, _): true
      default: false
      }
    }
  }

  /// True if the run must not go on as if nothing were: the output would not be what it says, or not be on the device.
  private func mustBeHeard(_ fault: Fault, _ call: Call, _ job: SmallJob) -> Bool {
    guard [.noSpace, .inputOutput].contains(fault) else { return false }
    return [.read, .write, .allocate, .link].contains(call.kind)
      || (call.kind == .synchronize && call.name == job.partialName)
  }

  private func walk(_ job: SmallJob, _ fault: Fault) throws {
    let expected = try job.expectedBytes()
    let counting = WatchedFileCalls()
    try job.run(counting)
    try FileManager.default.removeItem(atPath: job.output)
    let calls = counting.calls
    #expect(calls.count > 20)
    for number in calls.indices {
      let watched = WatchedFileCalls { call, index in index == number ? fault.outcome(call) : .made }
      let what = "\(fault) at call \(number), \(calls[number])"
      do {
        try job.run(watched)
        #expect(!mustBeHeard(fault, calls[number], job), "\(what)")
        #expect(try job.folder.bytes("out.h5") == expected, "\(what)")
        try FileManager.default.removeItem(atPath: job.output)
      } catch is StreamError {
        #expect(!fault.isHarmless(calls[number]), "\(what)")
      }
      // A temporary file that cannot be removed is all that may stay.
      let left = try job.left
      #expect(
        left.isEmpty
          || ([.unlink, .removeFolder].contains(calls[number].kind) && left == [job.workspaceName]),
        "\(what): \(left)")
      for name in left { try FileManager.default.removeItem(atPath: job.folder.path(name)) }
    }
  }

  @Test(arguments: Fault.allCases) func ofARun(fault: Fault) throws {
    try walk(SmallJob(), fault)
  }

  @Test(arguments: Fault.allCases) func ofARunInSeveralPasses(fault: Fault) throws {
    var job = try SmallJob()
    job.keys = #""batch_size": "all", "outputs": ["output", "normalized", "grad_input", "batches"]"#
    try walk(job, fault)
  }

  @Test(arguments: Fault.allCases) func ofARunWithChunks(fault: Fault) throws {
    var job = try SmallJob()
    job.keys = #""batch_size": 8, "output_storage": {"layout": "chunked", "chunk_samples": 3, "gzip": 1}"#
    try walk(job, fault)
  }

  /// What is replaced stays until the last moment.
  @Test(arguments: [Fault.noSpace, .inputOutput]) func ofARunThatReplaces(fault: Fault) throws {
    var job = try SmallJob()
    job.replacesOutput = true
    let old = Data("old".utf8)
    func begin() throws { try old.write(to: job.folder.url.appending(path: "out.h5")) }
    try begin()
    let counting = WatchedFileCalls()
    try job.run(counting)
    for number in counting.calls.indices {
      try begin()
      let watched = WatchedFileCalls { call, index in index == number ? fault.outcome(call) : .made }
      do {
        try job.run(watched)
        #expect(try job.folder.bytes("out.h5") != old)
      } catch is StreamError {
        #expect(try job.folder.bytes("out.h5") == old, "\(fault) at \(counting.calls[number])")
      }
      let left = try job.left.filter { $0 != "out.h5" }
      for name in left { try FileManager.default.removeItem(atPath: job.folder.path(name)) }
    }
  }

  /// Many threads meet the same fault, each in its own call.
  @Test(arguments: [Errno.noSpace, .ioError]) func whereEveryWriteFails(number: Errno) throws {
    var job = try SmallJob()
    job.keys = #""batch_size": 2"#
    let calls = WatchedFileCalls { call, _ in call.kind == .write ? .fails(number) : .made }
    let error = #expect(throws: StreamError.self) { try job.run(calls) }
    #expect(error == .writeFailed(path: job.output, number))
    #expect(try job.left == [])
  }

  @Test func whereEveryReadFails() throws {
    let job = try SmallJob()
    let calls = WatchedFileCalls { call, _ in call.kind == .read ? .fails(.ioError) : .made }
    let error = #expect(throws: StreamError.self) { try job.run(calls) }
    #expect(error == .readFailed(path: job.input, .ioError))
    #expect(try job.left == [])
  }
}
