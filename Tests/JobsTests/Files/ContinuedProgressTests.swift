import Foundation
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Jobs

/// What a run counts that goes on is the rest: with the share that an earlier one had finished it is the whole.
@Suite(.timeLimit(.minutes(30))) struct ContinuedProgressTests {
  @Test(
    arguments: [
      #"{"layout": "contiguous"}"#, #"{"layout": "chunked", "chunk_samples": 500, "gzip": 1}"#,
      #"{"layout": "chunked", "chunk_samples": 500}"#,
    ], [3, 8])
  func endsWithTheWhole(storage: String, record: Int) throws {
    let job = try SmallJob.recording(
      #""batch_size": 1000, "sync": false, "output_storage": \#(storage)"#, samples: 10_000)
    try job.stop(atRecord: record)
    let progress = JobProgress()
    let before = Guarded<(share: Double, done: Int)?>(nil)
    var execution = Execution(try job.plan(), progress: progress, cancellation: Cancellation())
    execution.continues = { new in before.withLock { $0 = (new.share, progress.bytes.done) } }
    _ = try execution.write(to: job.output)
    let (share, compared) = try #require(before.withLock { $0 })
    #expect(share > 0.05)
    let rest = Double(progress.bytes.done - compared) / Double(progress.bytes.total)
    // The total leaves out small results, and of what was being written some is done again.
    #expect(abs(share + rest - 1) < 0.06, "\(share) and \(rest)")
  }
}
