import Foundation
import Parallel
import Synchronization
import Testing

/// Order, and that no failure leaves a worker waiting: such a test would not end.
@Suite(.timeLimit(.minutes(30))) struct OrderedDeliveryTests {
  private struct Failure: Error, Equatable { let task: Int }

  /// Runs tasks through a pool and a delivery as the pipeline does.
  private func run(
    workers: Int, tasks: Int, window: Int, cancellation: Cancellation = Cancellation(),
    makeWorker: @Sendable () throws -> Void = {}, work: @Sendable (Int) throws -> Void = { _ in },
    consume: @escaping @Sendable (Int, Int) throws -> Void
  ) throws {
    let delivery = OrderedDelivery<Int>(window: window, consume: consume)
    try WorkerPool(workerCount: workers, cancellation: cancellation).run(
      taskCount: tasks, makeWorker: makeWorker,
      body: { _, task in
        do {
          guard delivery.waitForRoom(task) else { return }
          try work(task)
          try delivery.deliver(10 * task, for: task)
        } catch {
          delivery.fail()
          throw error
        }
      })
  }

  @Test(arguments: [1, 2, 8], [1, 2, 32]) func resultsComeInOrder(workers: Int, window: Int) throws {
    let seen = Guarded<[Int]>([])
    try run(
      workers: workers, tasks: 400, window: window,
      work: { task in
        // Some tasks take longer, so that later ones are done before them.
        if task % 7 == 0 { usleep(200) }
      },
      consume: { task, value in
        #expect(value == 10 * task)
        seen.withLock { $0.append(task) }
      })
    #expect(seen.withLock { $0 } == Array(0..<400))
  }

  @Test func theConsumerNeverRunsTwiceAtOnce() throws {
    let running = Atomic<Int>(0)
    try run(workers: 8, tasks: 300, window: 16) { _, _ in
      #expect(running.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue == 0)
      usleep(20)
      running.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }
  }

  /// No task begins while it is `window` or more ahead of the first one that is not consumed.
  @Test(arguments: [1, 3]) func noWorkerIsFartherAheadThanTheWindow(window: Int) throws {
    let consumed = Atomic<Int>(0)
    try run(
      workers: 4, tasks: 300, window: window,
      work: { task in
        #expect(task < consumed.load(ordering: .acquiring) + window)
        if task % 5 == 0 { usleep(200) }
      },
      consume: { task, _ in
        consumed.store(task + 1, ordering: .releasing)
      })
  }

  @Test(arguments: [1, 2, 4]) func aFailingConsumerEndsTheRun(workers: Int) {
    #expect(throws: Failure(task: 20)) {
      try run(workers: workers, tasks: 1000, window: 2) { task, _ in
        if task == 20 { throw Failure(task: task) }
      }
    }
  }

  @Test(arguments: [1, 2, 4]) func aFailingWorkerEndsTheRun(workers: Int) {
    #expect(throws: Failure(task: 20)) {
      try run(
        workers: workers, tasks: 1000, window: 2,
        work: { task in
          // The others are waiting for this task by now.
          if task == 20 {
            usleep(20_000)
            throw Failure(task: task)
          }
        }, consume: { _, _ in })
    }
  }

  /// What a task takes is counted with up to the window; who waited for room must not take more because another one failed.
  @Test func noTaskBeyondTheWindowBeginsAfterAFailure() {
    #expect(throws: Failure(task: 20)) {
      try run(
        workers: 4, tasks: 1000, window: 3,
        work: { task in
          #expect(task < 20 + 3)
          if task == 20 {
            usleep(20_000)
            throw Failure(task: task)
          }
        }, consume: { _, _ in })
    }
  }

  @Test func afterAFailureThereIsNoRoom() {
    let delivery = OrderedDelivery<Int>(window: 3) { _, _ in }
    #expect(delivery.waitForRoom(2))
    delivery.fail()
    #expect(!delivery.waitForRoom(0))
  }

  /// A worker that cannot be made must not hold a task that the others wait for.
  @Test func aWorkerThatCannotBeMadeEndsTheRun() {
    let made = Atomic<Int>(0)
    #expect(throws: Failure(task: -1)) {
      try run(
        workers: 2, tasks: 100_000, window: 1,
        makeWorker: {
          // The first worker comes late, when the other one has gone as far as it can.
          if made.wrappingAdd(1, ordering: .relaxed).oldValue == 0 {
            usleep(50_000)
            throw Failure(task: -1)
          }
        }, consume: { _, _ in })
    }
  }

  @Test(arguments: 1...20) func cancellationEndsTheRun(round: Int) {
    let cancellation = Cancellation()
    #expect(throws: Cancelled.self) {
      try run(workers: 4, tasks: 1_000_000, window: 1, cancellation: cancellation) { task, _ in
        if task == 10 * round { cancellation.request() }
      }
    }
  }

  /// Without a pool: what comes early is kept until its turn.
  @Test func earlyResultsAreKept() throws {
    let seen = Guarded<[String]>([])
    let delivery = OrderedDelivery<String>(window: 3) { _, value in seen.withLock { $0.append(value) } }
    try delivery.deliver("c", for: 2)
    try delivery.deliver("b", for: 1)
    #expect(seen.withLock { $0 } == [])
    try delivery.deliver("a", for: 0)
    #expect(seen.withLock { $0 } == ["a", "b", "c"])
  }

  /// Who waits for room is told, whatever becomes of the worker that met the failure; and what comes later is not consumed.
  @Test func afterAFailingConsumerThereIsNoRoom() throws {
    let seen = Guarded<[Int]>([])
    let delivery = OrderedDelivery<Int>(window: 3) { task, _ in
      if task == 1 { throw Failure(task: task) }
      seen.withLock { $0.append(task) }
    }
    try delivery.deliver(0, for: 0)
    #expect(delivery.waitForRoom(3))
    #expect(throws: Failure(task: 1)) { try delivery.deliver(10, for: 1) }
    #expect(!delivery.waitForRoom(1))
    try delivery.deliver(20, for: 2)
    #expect(seen.withLock { $0 } == [0])
  }
}
