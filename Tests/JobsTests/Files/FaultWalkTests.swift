import Configuration
import Foundation
import Jobs
import LayerFiles
import Parallel
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

  /// What ends a run, or a shard's, after it has written down what is finished.
  enum LateFault: CaseIterable, Sendable { case full, unreadable, changed }

  /// After an error with which a later run can go on it is told where what is finished is kept, after others it is not.
  @Test(arguments: LateFault.allCases, [nil, Shard(index: 0, count: 2)])
  func whatIsKeptIsTold(fault: LateFault, shard: Shard?) throws {
    var job = try SmallJob.recording(#""batch_size": 2, "sync": false"#)
    let expected = try job.expectedBytes()
    job.shard = shard
    let stopped = job
    let ledger = shard == nil ? "ledger" : "shard-0-of-2.ledger"
    let records = Guarded(0)
    let calls = WatchedFileCalls { call, _ in
      if call.kind == .write, call.name == ledger { records.withLock { $0 += 1 } }
      guard records.withLock({ $0 }) > 1 else { return .made }
      let isRead = call.kind == .read && call.name == "in.h5"
      let isWrite = call.kind == .write && ["data.h5", "shard-0-of-2.spool"].contains(call.name)
      switch fault {
      case .full: return isWrite ? .fails(.noSpace) : .made
      case .unreadable: return isRead ? .fails(.ioError) : .made
      case .changed:
        if isWrite { try FileManager.default.changeTime(ofItemAtPath: stopped.input) }
        return .made
      }
    }
    let kept = Guarded<[String]>([])
    let error = #expect(throws: StreamError.self) {
      try calls.watch {
        var execution = Execution(
          try stopped.plan(), progress: JobProgress(), cancellation: Cancellation())
        execution.recordInterval = .zero
        execution.keeps = { folder in kept.withLock { $0.append(folder) } }
        _ = try execution.write(to: stopped.output)
      }
    }
    let folders = kept.withLock { $0 }
    switch fault {
    case .full: #expect(error == .writeFailed(path: job.output, .noSpace))
    case .unreadable: #expect(error == .readFailed(path: job.input, .ioError))
    case .changed: #expect(error == .inputChanged(path: job.input))
    }
    #expect(folders == (fault == .changed ? [] : [job.output + ".partial"]))
    guard fault != .changed else { return }
    // It is there.
    for index in 0..<(shard == nil ? 1 : 2) {
      if shard != nil { job.shard = Shard(index: index, count: 2) }
      try job.run()
    }
    #expect(try job.folder.bytes("out.h5") == expected)
  }

  @Test func whereEveryReadFails() throws {
    let job = try SmallJob()
    let calls = WatchedFileCalls { call, _ in call.kind == .read ? .fails(.ioError) : .made }
    let error = #expect(throws: StreamError.self) { try job.run(calls) }
    #expect(error == .readFailed(path: job.input, .ioError))
    #expect(try job.left == [])
  }
}
