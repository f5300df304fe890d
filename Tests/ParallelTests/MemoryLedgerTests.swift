import Parallel
import Testing

/// What is lent, and what is not.
@Suite(.timeLimit(.minutes(30))) struct LendingTests {
  @Test func lendsUpToTheLimitAndNoMore() throws {
    let ledger = MemoryLedger(limit: 100)
    let first = try ledger.borrow(60)
    let error = #expect(throws: MemoryLimitExceeded.self) { try ledger.borrow(41) }
    #expect(error?.byteCount == 41 && error?.inUse == 60 && error?.limit == 100)
    let second = try ledger.borrow(40)
    #expect(throws: MemoryLimitExceeded.self) { try ledger.borrow(1) }
    #expect(ledger.peak == 100)
    withExtendedLifetime((first, second)) {}
  }

  @Test func whatIsGivenBackCanBeLentAgain() throws {
    let ledger = MemoryLedger(limit: 100)
    for _ in 0..<10 {
      let loan = try ledger.borrow(70)
      withExtendedLifetime(loan) {}
    }
    #expect(ledger.peak == 70)
    // A request that was refused takes nothing.
    #expect(throws: MemoryLimitExceeded.self) { try ledger.borrow(101) }
    #expect(throws: Never.self) { _ = try ledger.borrow(100) }
    #expect(ledger.peak == 100)
  }

  @Test func aPoolBorrowsForEachThingThatItMakes() throws {
    let ledger = MemoryLedger(limit: 100)
    let pool = ResourcePool(MemoryNeed(3, of: 30), ledger) { 7 }
    let one = try pool.take()
    #expect(ledger.peak == 30)
    pool.giveBack(one)
    _ = try pool.take()
    #expect(ledger.peak == 30, "what was given back is taken again")
    _ = try pool.take()
    #expect(ledger.peak == 60)
    #expect(throws: MemoryLimitExceeded.self) { try ledger.borrow(41) }
  }
}
