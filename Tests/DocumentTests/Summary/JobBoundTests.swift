import Jobs
import Parallel
import Testing

@testable import bn_stream

/// What is said of why a run took as long as it did, for numbers on both sides of each border.
@Suite(.timeLimit(.minutes(30))) struct JobBoundTests {
  /// Of ten seconds on two threads.
  private func summary(seconds: Double = 10, processorSeconds: Double?, reading: Double, writing: Double)
    -> JobSummary
  {
    JobSummary(
      status: .done, version: "1", input: "in.h5", output: "out.h5",
      totals: JobTotals(seconds: seconds, processorSeconds: processorSeconds), threads: 2,
      time: StageTimes(read: reading, compute: 1, write: writing))
  }

  @Test(arguments: [
    (15.0, 12.0, 8.0, JobBound.Cause.processors, 0.75), (14.9, 12.0, 7.0, .reading, 0.745),
    (14.9, 7.0, 12.0, .writing, 0.745), (2.0, 6.0, 4.0, .reading, 0.1), (2.0, 5.9, 4.0, .waiting, 0.1),
    (20.5, 1.0, 1.0, .processors, 1), (0.0, 5.0, 5.0, .writing, 0),
  ])
  func theCause(
    processorSeconds: Double, reading: Double, writing: Double, cause: JobBound.Cause, share: Double
  ) throws {
    let bound = try #require(
      summary(processorSeconds: processorSeconds, reading: reading, writing: writing).bound)
    #expect(bound.cause == cause)
    #expect(bound.processorShare == share)
  }

  @Test func nothingIsSaidOfShortRunsAndWithoutAMeasurement() {
    #expect(summary(seconds: 0.99, processorSeconds: 1, reading: 1, writing: 1).bound == nil)
    #expect(summary(seconds: 1, processorSeconds: 1, reading: 1, writing: 1).bound != nil)
    #expect(summary(processorSeconds: nil, reading: 1, writing: 1).bound == nil)
  }

  @Test(arguments: [
    (19.0, 1.0, 1.0, "bound by the processors, 95 % busy"),
    (5.0, 11.0, 8.0, "bound by reading, the processors 25 % busy"),
    (5.0, 8.0, 11.0, "bound by writing, the processors 25 % busy"),
    (10.0, 3.0, 3.0, "bound by threads that wait for each other, the processors 50 % busy"),
  ])
  func theWords(processorSeconds: Double, reading: Double, writing: Double, words: String) throws {
    let summary = summary(processorSeconds: processorSeconds, reading: reading, writing: writing)
    let line = try #require(SummaryText(summary).text.split(separator: "\n").last)
    #expect(line.hasPrefix("of the threads' time: reading "))
    #expect(line.hasSuffix("; \(words)"), "\(line)")
  }

  @Test func theObject() {
    let json = summary(processorSeconds: 15, reading: 1, writing: 1).json
    #expect(json.contains(#""cause" : "processors""#))
    #expect(json.contains(#""processor_share" : 0.75"#))
    #expect(json.contains(#""processor_seconds" : 15"#))
  }
}
