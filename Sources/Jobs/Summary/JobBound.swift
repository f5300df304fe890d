import Parallel

/// What kept a run from being faster: where more of it would have helped.
public struct JobBound: Codable, Sendable, Equatable {
  /// What there was too little of.
  public enum Cause: String, Codable, Sendable, CaseIterable {
    /// Processors: nearly all the time all of the threads had one, and used it.
    case processors
    /// What the input is read from.
    case reading
    /// What the output is written to.
    case writing
    /// Work for all threads at once.
    case waiting
  }

  /// What there was too little of.
  public let cause: Cause
  /// The share of the time that the threads could have worked in which processors worked for them, at most 1.
  public let processorShare: Double

  /// Threads that have a processor for three quarters of their time would gain little from anything else. Of others the stages' times say what
  /// they waited for: a thread that reads or writes waits for the device, but for the while that its processor copies.
  ///
  /// - Parameters:
  ///   - threads: how many computed, at least 1.
  ///   - time: of all threads together.
  /// - Returns: nil for runs of less than a second, of which a part that nobody could wish away is the program's start, and where the processors'
  ///   time is not known.
  init?(_ totals: JobTotals, threads: Int, _ time: StageTimes) {
    guard totals.seconds >= 1, let processorSeconds = totals.processorSeconds else { return nil }
    let possible = totals.seconds * Double(threads)
    processorShare = min(1, processorSeconds / possible)
    let (reading, writing) = (time.read ?? 0, time.write ?? 0)
    cause =
      if processorShare >= 0.75 {
        .processors
      } else if reading + writing < possible / 2 {
        .waiting
      } else {
        reading > writing ? .reading : .writing
      }
  }

  private enum CodingKeys: String, CodingKey {
    case cause
    case processorShare = "processor_share"
  }
}
