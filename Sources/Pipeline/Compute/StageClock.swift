import RunModel
import Synchronization

/// Adds up, over all threads, where the time goes, and how many bytes passed.
final class StageClock: Sendable {
  enum Stage: Int, CaseIterable {
    case read
    case decode
    case compute
    case encode
    case write
    case wait
  }

  private let read = Atomic<Int>(0)
  private let decode = Atomic<Int>(0)
  private let compute = Atomic<Int>(0)
  private let encode = Atomic<Int>(0)
  private let write = Atomic<Int>(0)
  private let wait = Atomic<Int>(0)
  private let readBytes = Atomic<Int>(0)
  private let writtenBytes = Atomic<Int>(0)

  /// Runs `body` and adds its time to a stage.
  func measure<Result>(_ stage: Stage, _ body: () throws -> Result) rethrows -> Result {
    let start = ContinuousClock.now
    defer {
      let (seconds, attoseconds) = start.duration(to: .now).components
      add(Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000), to: stage)
    }
    return try body()
  }

  private func add(_ nanoseconds: Int, to stage: Stage) {
    switch stage {
    case .read: read.wrappingAdd(nanoseconds, ordering: .relaxed)
    case .decode: decode.wrappingAdd(nanoseconds, ordering: .relaxed)
    case .compute: compute.wrappingAdd(nanoseconds, ordering: .relaxed)
    case .encode: encode.wrappingAdd(nanoseconds, ordering: .relaxed)
    case .write: write.wrappingAdd(nanoseconds, ordering: .relaxed)
    case .wait: wait.wrappingAdd(nanoseconds, ordering: .relaxed)
    }
  }

  func addBytesRead(_ count: Int) { readBytes.wrappingAdd(count, ordering: .relaxed) }
  func addBytesWritten(_ count: Int) { writtenBytes.wrappingAdd(count, ordering: .relaxed) }

  var bytesRead: Int { readBytes.load(ordering: .relaxed) }
  var bytesWritten: Int { writtenBytes.load(ordering: .relaxed) }

  /// Seconds of all threads together.
  var times: RunTime {
    func seconds(_ nanoseconds: borrowing Atomic<Int>) -> Double {
      Double(nanoseconds.load(ordering: .relaxed)) / 1e9
    }
    return RunTime(
      read: seconds(read), decode: seconds(decode), compute: seconds(compute), encode: seconds(encode),
      write: seconds(write), wait: seconds(wait))
  }
}
