import Foundation
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

/// A run goes on within batches that all workers share, cut into segments.
@Suite(.timeLimit(.minutes(30))) struct LargeBatchResumeTests {
  /// Within a batch of many segments, in both passes, with chunks that end in the middle of one, and with other numbers of threads.
  @Test(arguments: [#""layout": "contiguous""#, #""layout": "chunked", "chunk_samples": 700, "gzip": 1"#])
  func withinALargeBatch(storage: String) throws {
    var job = try SmallJob(samples: 400_000)
    let keys = #""batch_size": "all", "sync": false, "output_storage": {\#(storage)}"#
    /// Of four segments all stay in memory between the passes, or few do of fifty.
    func divide(threads: Int) {
      job.threads = threads
      job.keys = keys + (threads == 1 ? "" : #", "memory": "18MiB""#)
    }
    divide(threads: 1)
    job.recordInterval = .zero
    let expected = try job.expectedBytes()
    for threads in [1, 2] {
      divide(threads: threads)
      let all = try calls(of: job)
      #expect(all > 60)
      for number in stride(from: 1, to: all, by: all / 8) {
        divide(threads: threads)
        // The last ones come when nothing is left to stop.
        guard try interrupted(job, atCall: number) else {
          #expect(number > all / 2)
          try FileManager.default.removeItem(atPath: job.output)
          continue
        }
        divide(threads: 3 - threads)
        try job.run()
        #expect(try job.folder.bytes("out.h5") == expected, "\(threads) threads, call \(number)")
        try FileManager.default.removeItem(atPath: job.output)
      }
    }
    let shares = job.continued.map(\.share)
    #expect(shares.contains { $0 > 0.1 && $0 < 0.4 } && shares.contains { $0 > 0.6 && $0 < 0.95 })
  }

  /// Stopped within one of several large batches, and again at the first record of the next run, which has written again what an earlier
  /// batch had in a chunk that was not full.
  @Test(
    arguments: [#""layout": "contiguous""#, #""layout": "chunked", "chunk_samples": 700, "gzip": 1"#],
    [5, 15, 24, 35, 45])
  func withinLargeBatches(storage: String, record: Int) throws {
    var job = try SmallJob.recording(
      #""batch_size": 150000, "sync": false, "layers": ["first"], "memory": "17MiB", "output_storage": {\#(storage)}"#,
      samples: 400_000)
    guard case .segments(let length, _)? = try job.plan().schedules.first?.division else {
      Issue.record("a batch is not divided")
      return
    }
    // So that there are as many records: two for each segment.
    try #require(length <= 16_384, "\(length)")
    let expected = try job.expectedBytes()
    try job.stop(atRecord: record)
    try job.stop(atRecord: 1)
    job.threads = 2
    try job.run()
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(job.continued.count == 2 && job.continued[0].share <= job.continued[1].share)
  }

  /// What is gathered for diagnostics no record holds: of such a batch nothing is written down before its end, so that it begins anew.
  @Test(arguments: [1, 2]) func withinALargeBatchThatIsDiagnosed(threads: Int) throws {
    // More than 4 MiB of a batch are cut into segments.
    var job = try SmallJob.recording(
      #""batch_size": "all", "sync": false, "outputs": ["grad_input", "diagnostics"]"#, samples: 200_000)
    job.threads = threads
    let expected = try job.expectedBytes()
    let all = try calls(of: job)
    try #require(all > 30)
    for number in stride(from: 1, to: all, by: all / 6) {
      job.threads = threads
      if try interrupted(job, atCall: number) {
        job.threads = 3 - threads
        try job.run()
        #expect(try job.folder.bytes("out.h5") == expected, "\(threads) threads, call \(number)")
      }
      try FileManager.default.removeItem(atPath: job.output)
    }
    // The first layer was finished, and the second was not.
    #expect(job.continued.contains { $0.share > 0.4 && $0.share < 0.6 })
  }

  /// What is written of chunks that are read whole is more than 1 MiB at once, and found as it was written.
  @Test(arguments: [2, 4]) func afterLargeParts(record: Int) throws {
    var job = try SmallJob(samples: 150_000, storage: .chunked(shape: [1000, 6], filters: []))
    job.keys = #""batch_size": 50000, "sync": false"#
    job.recordInterval = .zero
    let expected = try job.expectedBytes()
    try job.stop(atRecord: record)
    try job.run()
    let continued = try #require(job.continued.last)
    #expect(continued.damaged == [] && continued.share > 0.1, "\(continued)")
    #expect(try job.folder.bytes("out.h5") == expected)
  }

  /// How often samples are read and results written in a whole run.
  private func calls(of job: SmallJob) throws -> Int {
    let made = Count()
    #expect(try !interrupted(job, atCall: Int.max, made))
    try FileManager.default.removeItem(atPath: job.output)
    return made.number.withLock { $0 }
  }

  private final class Count: Sendable { let number = Guarded(0) }

  /// Runs until samples were read and results written so many times together.
  /// - Returns: false if the run was done before.
  private func interrupted(
    _ job: SmallJob, atCall number: Int, _ made: Count = Count()
  ) throws -> Bool {
    let cancellation = Cancellation()
    // These files are opened before there are workers, whose threads know nothing of the layer that is there.
    let calls = WatchedFileCalls { call, _ in
      guard
        (call.kind == .read && call.name == "in.h5") || (call.kind == .write && call.name == "data.h5")
          || (call.kind == .write && call.name == "spool")
      else { return .made }
      let count = made.number.withLock {
        $0 += 1
        return $0
      }
      if count == number { cancellation.request() }
      return .made
    }
    do {
      try job.run(calls, cancellation: cancellation)
      return false
    } catch let error as StreamError {
      // Nothing may be written down yet.
      #expect(error == .suspended(workspace: job.output + ".partial") || error == .interrupted)
      return true
    }
  }
}
