import Configuration
import Foundation
import Jobs
import Parallel
import SystemPackage
import TestSupport
import Testing

@testable import LayerFiles

/// A signal that comes at a given call is heard, whichever it is, until the output takes its name.
@Suite(.timeLimit(.minutes(30))) struct CancellationTests {
  typealias Call = WatchedFileCalls.Call

  @Test func atEveryCall() throws {
    let job = try SmallJob()
    let expected = try job.expectedBytes()
    let counting = WatchedFileCalls()
    try job.run(counting)
    try FileManager.default.removeItem(atPath: job.output)
    let calls = counting.calls
    // The last number is written before the output is closed and the device is waited for; from there on the output is as good as there.
    let last = try #require(calls.lastIndex { $0.kind == .write })
    for number in calls.indices {
      let cancellation = Cancellation()
      let watched = WatchedFileCalls { _, index in
        if index == number { cancellation.request() }
        return .made
      }
      do {
        try job.run(watched, cancellation: cancellation)
        #expect(number > last, "at call \(number), \(calls[number])")
        #expect(try job.folder.bytes("out.h5") == expected)
        try FileManager.default.removeItem(atPath: job.output)
      } catch {
        #expect(error as? StreamError == .interrupted)
      }
      #expect(try job.left == [], "at call \(number), \(calls[number])")
    }
  }

  /// Workers that wait for each other hear it, too.
  @Test(arguments: [2, 7], [#""batch_size": 2"#, #""batch_size": "all", "memory": "17MiB""#])
  func withThreads(threads: Int, keys: String) throws {
    var job = try SmallJob()
    job.keys = keys
    for number in [0, 5, 12] {
      let cancellation = Cancellation()
      let written = Guarded(0)
      let watched = WatchedFileCalls { call, _ in
        guard call.kind == .write else { return .made }
        if written.withLock({
          $0 += 1
          return $0 == number + 1
        }) {
          cancellation.request()
        }
        return .made
      }
      #expect(throws: StreamError.interrupted) { try job.run(watched, cancellation: cancellation) }
      #expect(try job.left == [])
    }
  }

  /// One that waits for another process, which works on the same shard, hears it as soon as it has looked again.
  @Test func whileItWaits() throws {
    let made = try SmallJob()
    let workspace = made.output + ".partial"
    try FileManager.default.createDirectory(atPath: workspace, withIntermediateDirectories: false)
    let held = Guarded<FileLock?>(try FileLock(workspace + "/shard-0-of-2.lock", SystemFileCalls()))
    try #require(held.withLock { $0 != nil })
    // Who does not hear it would look for ever: it is let in some time.
    let looks = Guarded(0)
    let calls = WatchedFileCalls { call, _ in
      guard call.kind == .lock, call.name == "shard-0-of-2.lock" else { return .made }
      let count = looks.withLock {
        $0 += 1
        return $0
      }
      if count == 60 { held.withLock { $0 = nil } }
      return .made
    }
    let configuration = try JobConfiguration(json: #"{"batch_size": 8, "threads": 1}"#, source: "test")
    var job = Job(
      input: made.input, output: made.output, configuration: configuration, replacesOutput: false)
    job.shard = Shard(index: 0, count: 2)
    job.waits = true
    let plan = try JobPlan(job)
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: StreamError.interrupted) {
      try calls.watch {
        try Execution(plan, progress: JobProgress(), cancellation: cancellation).write(to: made.output)
      }
    }
    let count = looks.withLock { $0 }
    #expect(count > 0 && count < 60)
  }
}
