import Synchronization

/// Adds up, over all threads, where the time goes, and how many bytes passed.
public final class StageClock: Sendable {
  /// What a thread does.
  public enum Stage: Int, CaseIterable {
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

  /// Nothing was measured yet.
  public init() {}

  /// Runs `body` and adds its time to a stage.
  public func measure<Result>(_ stage: Stage, _ body: () throws -> Result) rethrows -> Result {
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

  /// Counts bytes that were read.
  public func addBytesRead(_ count: Int) { readBytes.wrappingAdd(count, ordering: .relaxed) }
  /// Counts bytes that were written.
  public func addBytesWritten(_ count: Int) { writtenBytes.wrappingAdd(count, ordering: .relaxed) }

  /// Bytes read so far.
  public var bytesRead: Int { readBytes.load(ordering: .relaxed) }
  /// Bytes written so far.
  public var bytesWritten: Int { writtenBytes.load(ordering: .relaxed) }

  /// Seconds of all threads together.
  public var times: StageTimes {
    func seconds(_ nanoseconds: borrowing Atomic<Int>) -> Double {
      Double(nanoseconds.load(ordering: .relaxed)) / 1e9
    }
    return StageTimes(
      read: seconds(read), decode: seconds(decode), compute: seconds(compute), encode: seconds(encode),
      write: seconds(write), wait: seconds(wait))
  }
}

/// Where a run's time went, in seconds, summed over threads; what was not measured is left out.
public struct StageTimes: Codable, Sendable, Equatable {
  public var read: Double?
  /// Undoing filters and converting element types.
  public var decode: Double?
  public var compute: Double?
  /// Converting element types and applying filters.
  public var encode: Double?
  public var write: Double?
  /// Waiting for work, for a lock, or for another thread.
  public var wait: Double?

  public init(
    read: Double? = nil, decode: Double? = nil, compute: Double? = nil, encode: Double? = nil,
    write: Double? = nil, wait: Double? = nil
  ) {
    self.read = read
    self.decode = decode
    self.compute = compute
    self.encode = encode
    self.write = write
    self.wait = wait
  }
}
