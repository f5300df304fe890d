import Foundation
import Parallel
import Synchronization

/// How far a job is; updated by all threads, read by whoever shows it.
public final class JobProgress: Sendable {
  let clock = StageClock()
  private let total = Atomic<Int>(0)
  private let doneSteps = Atomic<Int>(0)
  private let totalSteps = Atomic<Int>(0)

  /// Nothing is done yet.
  public init() {}

  /// Says how many bytes there will be to read and write.
  package func setTotal(_ bytes: Int) { total.store(bytes, ordering: .relaxed) }

  /// Bytes read and written, and how many there are in all; 0 before the plan is known.
  public var bytes: (done: Int, total: Int) {
    (clock.bytesRead + clock.bytesWritten, total.load(ordering: .relaxed))
  }

  /// Where the threads' time went so far.
  public var times: StageTimes { clock.times }

  /// Says how many steps more there will be of what is not counted in bytes.
  package func addTotal(steps: Int) { totalSteps.wrappingAdd(steps, ordering: .relaxed) }

  /// Counts a step.
  package func countStep() { doneSteps.wrappingAdd(1, ordering: .relaxed) }

  /// Steps done, and how many there are in all; 0 where bytes are counted.
  public var steps: (done: Int, total: Int) {
    (doneSteps.load(ordering: .relaxed), totalSteps.load(ordering: .relaxed))
  }
}

/// When a run began.
struct RunStart {
  private let moment = ContinuousClock.now
  private let processorSeconds = RunStart.processorSeconds

  /// Since then: seconds, and those that processors worked for this process, all of them together.
  var elapsed: (seconds: Double, processorSeconds: Double) {
    (moment.duration(to: .now).seconds, Self.processorSeconds - processorSeconds)
  }

  /// User's and system's time of all threads.
  private static var processorSeconds: Double {
    let usage = resourceUsage()
    let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
    let microseconds = Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
    return seconds + microseconds / 1e6
  }
}

/// What the process took so far.
///
/// The corresponding C function is `getrusage`.
private func resourceUsage() -> rusage {
  var usage = rusage()
  #if canImport(Glibc)
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  #else
    getrusage(RUSAGE_SELF, &usage)
  #endif
  return usage
}

/// The most memory that the process had in use, in bytes.
func peakMemory() -> Int {
  // `getrusage` counts what the process had before it became this program, as under `swift run`; VmHWM does not.
  if let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
    let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
    let kibibytes = Int(line.filter(\.isNumber))
  {
    return kibibytes * 1024
  }
  let most = Int(resourceUsage().ru_maxrss)
  #if canImport(Glibc)
    return most * 1024
  #else
    return most
  #endif
}

extension Duration {
  /// The duration in seconds.
  var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}
