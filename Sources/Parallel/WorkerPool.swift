import Dispatch
import Synchronization

/// Runs numbered units of work on all cores with `DispatchQueue.concurrentPerform`.
public struct WorkerPool: Sendable {
  /// How many workers run at most; `concurrentPerform` starts no more than there are cores.
  public let workerCount: Int
  private let cancellation: Cancellation

  /// At least one worker; `cancellation` is looked at before each unit.
  public init(workerCount: Int, cancellation: Cancellation) {
    self.workerCount = max(1, workerCount)
    self.cancellation = cancellation
  }

  /// Runs `body` for every unit. Units are taken in ascending order, each by the next worker that is free.
  ///
  /// - Parameters:
  ///   - unitCount: units 0 ..< unitCount.
  ///   - makeWorker: makes what a worker keeps from unit to unit, such as buffers. It runs once a worker, before its first
  ///     unit is taken.
  ///   - body: does one unit with the worker's own state.
  /// - Throws: the first error of a worker, or `Cancelled`. The others finish the unit they are at; no further one begins.
  public func run<Worker>(
    unitCount: Int, makeWorker: @Sendable () throws -> Worker,
    body: @Sendable (inout Worker, Int) throws -> Void
  ) throws {
    let next = Atomic<Int>(0)
    let firstError = FirstError()
    let cancellation = cancellation
    // `concurrentPerform` orders what is done before, in and after it, but the thread sanitizer does not see that; these
    // two numbers tell it.
    let finished = Atomic<Int>(0)
    next.store(0, ordering: .releasing)
    DispatchQueue.concurrentPerform(iterations: min(workerCount, unitCount)) { _ in
      var worker: Worker?
      defer { finished.wrappingAdd(1, ordering: .releasing) }
      do {
        while !firstError.isSet {
          guard next.load(ordering: .acquiring) < unitCount else { return }
          // All that can fail outside of `body` comes before a unit is taken: others may wait for that unit.
          try cancellation.check()
          var state = try worker ?? makeWorker()
          let unit = next.wrappingAdd(1, ordering: .acquiring).oldValue
          guard unit < unitCount else { return }
          worker = nil
          try body(&state, unit)
          worker = state
        }
      } catch {
        firstError.set(error)
      }
    }
    _ = finished.load(ordering: .acquiring)
    try firstError.rethrow()
  }

  /// Runs `body` for every unit, with no state kept between units.
  public func run(unitCount: Int, body: @Sendable (Int) throws -> Void) throws {
    try run(unitCount: unitCount, makeWorker: {}, body: { _, unit in try body(unit) })
  }
}
