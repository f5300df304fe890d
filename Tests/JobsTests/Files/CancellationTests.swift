import Foundation
import Jobs
import LayerFiles
import Parallel
import SystemPackage
import TestSupport
import Testing

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
}
