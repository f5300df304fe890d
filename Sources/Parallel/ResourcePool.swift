/// Things that workers take, use alone, and give back: made when none is spare, reused otherwise.
///
/// There are never more than are in use at a time, with the workers or on the way to who gives them back; and never more
/// than the plan counted with.
public final class ResourcePool<Item: Sendable>: Sendable {
  private struct State {
    var spare: [Item] = []
    var loans: [MemoryLoan] = []
    var made = 0
  }

  private let state = Guarded(State())
  private let need: MemoryNeed
  private let ledger: MemoryLedger?
  private let make: @Sendable () throws -> Item

  /// An empty pool, whose things take next to no memory.
  /// - Parameter make: makes what is not spare.
  public convenience init(_ make: @escaping @Sendable () throws -> Item) {
    self.init(MemoryNeed(.max, of: 0), nil, make)
  }

  /// An empty pool.
  /// - Parameters:
  ///   - need: how many things there may be, and how large each is.
  ///   - ledger: lends their memory.
  ///   - make: makes what is not spare.
  public init(_ need: MemoryNeed, _ ledger: MemoryLedger?, _ make: @escaping @Sendable () throws -> Item) {
    self.need = need
    self.ledger = ledger
    self.make = make
  }

  /// A spare thing, or a new one.
  /// - Throws: what `make` throws; `MemoryLimitExceeded`.
  public func take() throws -> Item {
    let spare: Item? = state.withLock { state in
      if let item = state.spare.popLast() { return item }
      state.made += 1
      precondition(
        state.made <= need.count, "\(state.made) things, where the plan counted with \(need.count)")
      return nil
    }
    if let spare { return spare }
    if let ledger {
      let loan = try ledger.borrow(need.byteCount)
      state.withLock { $0.loans.append(loan) }
    }
    return try make()
  }

  /// Makes a thing spare; the caller must not use it any more.
  public func giveBack(_ item: Item) {
    state.withLock { $0.spare.append(item) }
  }

  /// Lends a thing to `body`.
  /// - Throws: what `take` and `body` throw.
  public func withItem<Result>(_ body: (Item) throws -> Result) throws -> Result {
    let item = try take()
    defer { giveBack(item) }
    return try body(item)
  }
}

/// Something that is not safe to share, handed from thread to thread all the same.
///
/// `@unchecked Sendable`: the holder promises that only one thread at a time uses the value, or that all only read it,
/// and that a lock or the end of a parallel loop lies between two threads' uses.
public struct HandedOver<Value>: @unchecked Sendable {
  /// What is handed over.
  public let value: Value

  /// Hands a value over under the promise above.
  public init(_ value: Value) { self.value = value }
}
