import Parallel
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(30))) struct ResourcePoolTests {
  @Test func givesBackWhatWasTaken() throws {
    let made = Atomic<Int>(0)
    let pool = ResourcePool { made.wrappingAdd(1, ordering: .relaxed).oldValue }
    let first = try pool.take()
    let second = try pool.take()
    #expect(Set([first, second]) == [0, 1])
    pool.giveBack(first)
    #expect(try pool.take() == first)
    #expect(made.load(ordering: .relaxed) == 2)
  }

  /// Never two holders of one item, never more items than workers.
  @Test func itemsAreHeldByOneWorkerAtATime() throws {
    let holders = Guarded<Set<Int>>([])
    let made = Atomic<Int>(0)
    let pool = ResourcePool { made.wrappingAdd(1, ordering: .relaxed).oldValue }
    try WorkerPool(workerCount: 8, cancellation: Cancellation()).run(taskCount: 2000) { _ in
      let item = try pool.take()
      let isNew = holders.withLock { $0.insert(item).inserted }
      #expect(isNew)
      _ = holders.withLock { $0.remove(item) }
      pool.giveBack(item)
    }
    #expect(made.load(ordering: .relaxed) <= 8)
  }

  @Test func failingToMakeAnItemIsThrown() {
    let pool = ResourcePool<Int> { throw Cancelled() }
    #expect(throws: Cancelled.self) { try pool.take() }
  }
}
