import Synchronization

/// The memory that a job's buffers may take: whoever allocates borrows it first, and the plan says before how much that
/// will be.
public final class MemoryLedger: Sendable {
  /// Bytes that may be in use at once.
  public let limit: Int
  private let inUse = Atomic<Int>(0)
  private let highest = Atomic<Int>(0)

  /// A ledger in which nothing is lent yet.
  public init(limit: Int) { self.limit = limit }

  /// The most bytes that were in use at once.
  public var peak: Int { highest.load(ordering: .relaxed) }

  /// Lends memory until the loan is released.
  /// - Throws: `MemoryLimitExceeded`: somebody takes what no plan knows of.
  public func borrow(_ byteCount: Int) throws(MemoryLimitExceeded) -> MemoryLoan {
    let now = inUse.wrappingAdd(byteCount, ordering: .relaxed).newValue
    guard now <= limit else {
      inUse.wrappingSubtract(byteCount, ordering: .relaxed)
      throw MemoryLimitExceeded(byteCount: byteCount, inUse: now - byteCount, limit: limit)
    }
    highest.max(now, ordering: .relaxed)
    return MemoryLoan(byteCount, of: self)
  }

  fileprivate func giveBack(_ byteCount: Int) { inUse.wrappingSubtract(byteCount, ordering: .relaxed) }
}

/// Memory that is in use as long as this lives.
public final class MemoryLoan: Sendable {
  private let byteCount: Int
  private let ledger: MemoryLedger

  fileprivate init(_ byteCount: Int, of ledger: MemoryLedger) {
    self.byteCount = byteCount
    self.ledger = ledger
  }

  deinit { ledger.giveBack(byteCount) }
}

/// More memory was asked for than the ledger has left.
public struct MemoryLimitExceeded: Error, Hashable, Sendable {
  /// Bytes that were asked for.
  public let byteCount: Int
  /// Bytes that were in use.
  public let inUse: Int
  /// Bytes that may be.
  public let limit: Int
}

/// So many things of one size: what a plan counts with, and what a pool then keeps to.
public struct MemoryNeed: Hashable, Sendable {
  /// How many there are at most at a time.
  public let count: Int
  /// Bytes of each.
  public let byteCount: Int

  /// `count` things of `byteCount` bytes each.
  public init(_ count: Int, of byteCount: Int) {
    self.count = count
    self.byteCount = byteCount
  }

  /// Bytes of all together.
  public var total: Int { count * byteCount }
}
