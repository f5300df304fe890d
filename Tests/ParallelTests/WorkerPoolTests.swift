import Parallel
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
  private struct Failure: Error, Equatable { let unit: Int }

  @Test(arguments: [1, 2, 3, 8, 64], [0, 1, 2, 7, 1000])
  func everyUnitRunsOnce(workers: Int, units: Int) throws {
    let runs = Guarded(Array(repeating: 0, count: units))
    try WorkerPool(workerCount: workers, cancellation: Cancellation()).run(unitCount: units) { unit in
      runs.withLock { $0[unit] += 1 }
    }
    #expect(runs.withLock { $0 } == Array(repeating: 1, count: units))
  }

  /// Each worker sees ascending units, and one worker all of them.
  @Test(arguments: [1, 2, 4]) func unitsAreTakenInAscendingOrder(workers: Int) throws {
    let sequences = Guarded<[Int: [Int]]>([:])
    let next = Atomic<Int>(0)
    try WorkerPool(workerCount: workers, cancellation: Cancellation()).run(unitCount: 500) {
      next.wrappingAdd(1, ordering: .relaxed).oldValue
    } body: { worker, unit in
      sequences.withLock { $0[worker, default: []].append(unit) }
    }
    let taken = sequences.withLock { $0 }
    #expect(taken.count <= workers)
    for sequence in taken.values { #expect(sequence == sequence.sorted()) }
    #expect(taken.values.joined().sorted() == Array(0..<500))
  }

  /// What a worker keeps goes from unit to unit.
  @Test func workersKeepTheirState() throws {
    let total = Atomic<Int>(0)
    try WorkerPool(workerCount: 1, cancellation: Cancellation()).run(unitCount: 10) {
      0
    } body: { sum, unit in
      sum += unit
      total.store(sum, ordering: .relaxed)
    }
    #expect(total.load(ordering: .relaxed) == 45)
  }

  @Test(arguments: [1, 2, 8]) func firstErrorEndsTheWork(workers: Int) {
    let runs = Atomic<Int>(0)
    let pool = WorkerPool(workerCount: workers, cancellation: Cancellation())
    #expect(throws: Failure.self) {
      try pool.run(unitCount: 100_000) { unit in
        runs.wrappingAdd(1, ordering: .relaxed)
        if unit >= 5 { throw Failure(unit: unit) }
      }
    }
    // The units before, and at most one of each worker.
    #expect(runs.load(ordering: .relaxed) <= 5 + workers)
  }

  @Test func oneWorkerThrowsTheErrorOfTheFirstUnitThatFails() {
    let pool = WorkerPool(workerCount: 1, cancellation: Cancellation())
    #expect(throws: Failure(unit: 3)) {
      try pool.run(unitCount: 10) { if $0 >= 3 { throw Failure(unit: $0) } }
    }
  }

  @Test(arguments: [1, 2, 8]) func cancellationEndsTheWork(workers: Int) {
    let cancellation = Cancellation()
    let runs = Atomic<Int>(0)
    #expect(throws: Cancelled.self) {
      try WorkerPool(workerCount: workers, cancellation: cancellation).run(unitCount: 100_000) { unit in
        runs.wrappingAdd(1, ordering: .relaxed)
        if unit == 10 { cancellation.request() }
      }
    }
    #expect(runs.load(ordering: .relaxed) < 100_000)
  }

  @Test func cancelledBeforeItBeginsRunsNothing() {
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) {
      try WorkerPool(workerCount: 2, cancellation: cancellation).run(unitCount: 3) { _ in
        Issue.record("a unit ran")
      }
    }
  }

  /// A request after the last unit was taken comes too late to lose its work.
  @Test func cancellationInTheLastUnitChangesNothing() throws {
    let cancellation = Cancellation()
    try WorkerPool(workerCount: 1, cancellation: cancellation).run(unitCount: 3) {
      if $0 == 2 { cancellation.request() }
    }
  }

  @Test func failingToMakeAWorkerIsAnErrorOfTheRun() {
    let pool = WorkerPool(workerCount: 3, cancellation: Cancellation())
    #expect(throws: Failure(unit: -1)) {
      try pool.run(unitCount: 10) {
        throw Failure(unit: -1)
      } body: { (_: inout Int, _) in
        Issue.record("a unit ran")
      }
    }
  }
}
