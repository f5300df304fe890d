import Foundation
import Jobs
import TestSupport
import Testing

@testable import bn_stream

/// Commands that read results, and are over too soon for a signal to meet them, look whether they are to stop.
@Suite(.timeLimit(.minutes(30))) struct StopBetweenLayersTests {
  private func work(_ command: some FramedCommand) throws -> CommandWork {
    try command.work(with: command.configuration())
  }

  /// Asked to stop before they begin, they write nothing, and say what a run says.
  @Test func nothingIsWritten() throws {
    let program = try Program()
    try program.makeMoments(["one.h5": ["a": 2], "two.h5": ["a": 2]])
    let (one, two) = (program.path("one.h5"), program.path("two.h5"))
    let works: [(name: String, work: CommandWork)] = [
      ("report", try work(ReportCommand.parse([one, "--out", program.path("report.html")]))),
      ("compare", try work(CompareCommand.parse([one, two, "--report", program.path("compare.html")]))),
      ("merge", try work(MergeCommand.parse([one, two, "--out", program.path("merged.h5")]))),
    ]
    let log = StandardErrorLog.logger(quiet: true, verbose: false)
    let progress = JobProgress()
    let context = CommandContext(
      log: log, progress: progress, display: ProgressDisplay(progress, mode: .never, log: log),
      cancellation: .init())
    context.cancellation.request()
    for (name, work) in works {
      let error = #expect(throws: (any Error).self, "\(name)") { try work.perform(context) }
      let failure = error.map { Failure($0) }
      #expect(failure?.message == InterruptionTests.message && failure?.status == .interrupted, "\(name)")
    }
    #expect(try program.files == ["one.h5", "two.h5"])
  }
}
