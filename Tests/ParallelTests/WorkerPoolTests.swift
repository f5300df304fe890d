import Foundation
import Synchronization
import Testing

@testable import Parallel

@Suite(.timeLimit(.minutes(30))) struct WorkerPoolTests {
  private struct Failure: Error, Equatable { let task: Int }

  @Test(arguments: [1, 2, 3, 8, 64], [0, 1, 2, 7, 1000])
  func everyTaskRunsOnce(workers: Int, tasks: Int) throws {
    let runs = Guarded(Array(repeating: 0, count: tasks))
    try WorkerPool(workerCount: workers, cancellation: Cancellation()).run(taskCount: tasks) { task in
      runs.withLock { $0[task] += 1 }
    }
    #expect(runs.withLock { $0 } == Array(repeating: 1, count: tasks))
  }

  /// Each worker sees ascending tasks, and one worker all of them.
  @Test(arguments: [1, 2, 4]) func tasksAreTakenInAscendingOrder(workers: Int) throws {
    let sequences = Guarded<[Int: [Int]]>([:])
    let next = Atomic<Int>(0)
    try WorkerPool(workerCount: workers, cancellation: Cancellation()).run(taskCount: 500) {
      next.wrappingAdd(1, ordering: .relaxed).oldValue
    } body: { worker, task in
      sequences.withLock { $0[worker, default: []].append(task) }
    }
    let taken = sequences.withLock { $0 }
    #expect(taken.count <= workers)
    for sequence in taken.values { #expect(sequence == sequence.sorted()) }
    #expect(taken.values.joined().sorted() == Array(0..<500))
  }

  /// Both wait for each other.
  @Test(
    .enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1, "one core runs one worker at a time"),
    .timeLimit(.minutes(30)))
  func workersWorkAtTheSameTime() throws {
    let arrived = Atomic<Int>(0)
    let met = Atomic<Int>(0)
    // Long enough for any machine, and not for ever: one worker alone would wait for itself.
    let deadline = ContinuousClock.now + .seconds(60)
    try WorkerPool(workerCount: 2, cancellation: Cancellation()).run(taskCount: 2) { _ in
      arrived.wrappingAdd(1, ordering: .acquiringAndReleasing)
      while arrived.load(ordering: .acquiring) < 2, .now < deadline { Thread.sleep(forTimeInterval: 0.001) }
      if arrived.load(ordering: .acquiring) == 2 { met.wrappingAdd(1, ordering: .relaxed) }
    }
    #expect(met.load(ordering: .relaxed) == 2)
  }

  /// In whatever order they come.
  @Test(arguments: [[3, 5, 4], [5, 3, 4], [4, 5, 3], [5, 4, 3], [3, .max], [.max, 3]])
  func theErrorOfTheFirstTaskIsKept(tasks: [Int]) {
    let first = FirstError()
    #expect(throws: Never.self) { try first.rethrow() }
    #expect(!first.isSet)
    for task in tasks { first.set(Failure(task: task), ofTask: task) }
    #expect(first.isSet)
    #expect(throws: Failure(task: 3)) { try first.rethrow() }
  }

  /// What a worker keeps goes from task to task.
  @Test func workersKeepTheirState() throws {
    let total = Atomic<Int>(0)
    try WorkerPool(workerCount: 1, cancellation: Cancellation()).run(taskCount: 10) {
      0
    } body: { sum, task in
      sum += task
      total.store(sum, ordering: .relaxed)
    }
    #expect(total.load(ordering: .relaxed) == 45)
  }

  @Test(arguments: [1, 2, 8]) func firstErrorEndsTheWork(workers: Int) {
    let runs = Atomic<Int>(0)
    let pool = WorkerPool(workerCount: workers, cancellation: Cancellation())
    #expect(throws: Failure(task: 5), "the first in the order of tasks, whoever fails first") {
      try pool.run(taskCount: 100_000) { task in
        runs.wrappingAdd(1, ordering: .relaxed)
        if task >= 5 { throw Failure(task: task) }
      }
    }
    // The tasks before, and at most one of each worker.
    #expect(runs.load(ordering: .relaxed) <= 5 + workers)
  }

  @Test func oneWorkerThrowsTheErrorOfTheFirstTaskThatFails() {
    let pool = WorkerPool(workerCount: 1, cancellation: Cancellation())
    #expect(throws: Failure(task: 3)) {
      try pool.run(taskCount: 10) { if $0 >= 3 { throw Failure(task: $0) } }
    }
  }

  @Test(arguments: [1, 2, 8]) func cancellationEndsTheWork(workers: Int) {
    let cancellation = Cancellation()
    let runs = Atomic<Int>(0)
    #expect(throws: Cancelled.self) {
      try WorkerPool(workerCount: workers, cancellation: cancellation).run(taskCount: 100_000) { task in
        runs.wrappingAdd(1, ordering: .relaxed)
        if task == 10 { cancellation.request() }
      }
    }
    #expect(runs.load(ordering: .relaxed) < 100_000)
  }

  @Test func cancelledBeforeItBeginsRunsNothing() {
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) {
      try WorkerPool(workerCount: 2, cancellation: cancellation).run(taskCount: 3) { _ in
        Issue.record("a task ran")
      }
    }
  }

  /// A request after the last task was taken comes too late to lose its work.
  @Test func cancellationInTheLastUnitChangesNothing() throws {
    let cancellation = Cancellation()
    try WorkerPool(workerCount: 1, cancellation: cancellation).run(taskCount: 3) {
      if $0 == 2 { cancellation.request() }
    }
  }

  @Test func failingToMakeAWorkerIsAnErrorOfTheRun() {
    let pool = WorkerPool(workerCount: 3, cancellation: Cancellation())
    #expect(throws: Failure(task: -1)) {
      try pool.run(taskCount: 10) {
        throw Failure(task: -1)
      } body: { (_: inout Int, _) in
        Issue.record("a task ran")
      }
    }
  }
}
