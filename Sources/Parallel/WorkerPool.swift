import Dispatch
import Synchronization

/// Runs numbered tasks on all cores with `DispatchQueue.concurrentPerform`.
public struct WorkerPool: Sendable {
  /// How many workers run at most; `concurrentPerform` starts no more than there are cores.
  public let workerCount: Int
  private let cancellation: Cancellation

  /// At least one worker; `cancellation` is looked at before each task.
  public init(workerCount: Int, cancellation: Cancellation) {
    self.workerCount = max(1, workerCount)
    self.cancellation = cancellation
  }

  /// Runs `body` for every task. Tasks are taken in ascending order, each by the next worker that is free.
  ///
  /// - Parameters:
  ///   - taskCount: tasks 0 ..< taskCount.
  ///   - makeWorker: makes what a worker keeps from task to task, such as buffers. It runs once a worker, before its first
  ///     task is taken.
  ///   - body: does one task with the worker's own state.
  /// - Throws: the error of the first task that failed, in the order of tasks, or `Cancelled`. When one fails, the others finish the task
  ///   that they are at, and no further one begins: so for tasks that depend on nothing else it is the same error every time.
  public func run<Worker>(
    taskCount: Int, makeWorker: @Sendable () throws -> Worker,
    body: @Sendable (inout Worker, Int) throws -> Void
  ) throws {
    let next = Atomic<Int>(0)
    let firstError = FirstError()
    let cancellation = cancellation
    // `concurrentPerform` orders what is done before, in and after it, but the thread sanitizer does not see that; these
    // two numbers tell it.
    let finished = Atomic<Int>(0)
    next.store(0, ordering: .releasing)
    DispatchQueue.concurrentPerform(iterations: min(workerCount, taskCount)) { _ in
      var worker: Worker?
      var current = Int.max
      defer { finished.wrappingAdd(1, ordering: .releasing) }
      do {
        while !firstError.isSet {
          guard next.load(ordering: .acquiring) < taskCount else { return }
          // All that can fail outside of `body` comes before a task is taken: others may wait for that task.
          try cancellation.check()
          var state = try worker ?? makeWorker()
          let task = next.wrappingAdd(1, ordering: .acquiring).oldValue
          guard task < taskCount else { return }
          current = task
          worker = nil
          try body(&state, task)
          worker = state
          current = .max
        }
      } catch {
        firstError.set(error, ofTask: current)
      }
    }
    _ = finished.load(ordering: .acquiring)
    try firstError.rethrow()
  }

  /// Runs `body` for every task, with no state kept between tasks.
  public func run(taskCount: Int, body: @Sendable (Int) throws -> Void) throws {
    try run(taskCount: taskCount, makeWorker: {}, body: { _, task in try body(task) })
  }
}

/// Keeps the error of the first task that failed, in the order of tasks.
final class FirstError: Sendable {
  private let kept = Guarded<(task: Int, error: any Error)?>(nil)
  private let hasError = Atomic<Bool>(false)

  /// True once a worker failed.
  var isSet: Bool { hasError.load(ordering: .acquiring) }

  /// - Parameter task: `Int.max` for an error outside of any task.
  func set(_ error: any Error, ofTask task: Int) {
    kept.withLock { kept in
      if kept.map({ task < $0.task }) ?? true { kept = (task, error) }
    }
    hasError.store(true, ordering: .releasing)
  }

  func rethrow() throws {
    if let kept = kept.withLock({ $0 }) { throw kept.error }
  }
}

extension Range<Int> {
  /// Consecutive parts of this length, the last one perhaps shorter.
  package func divided(by length: Int) -> [Range<Int>] {
    if count <= length { return isEmpty ? [] : [self] }
    return stride(from: lowerBound, to: upperBound, by: length).map {
      $0..<Swift.min($0 + length, upperBound)
    }
  }
}
