/// Things that workers take, use alone, and give back: made when none is spare, reused otherwise.
///
/// There are never more than are in use at a time: with the workers, or on the way to who gives them back.
public final class ResourcePool<Item: Sendable>: Sendable {
  private let spare = Guarded<[Item]>([])
  private let make: @Sendable () throws -> Item

  /// An empty pool; `make` makes what is not spare.
  public init(_ make: @escaping @Sendable () throws -> Item) { self.make = make }

  /// A spare thing, or a new one.
  /// - Throws: what `make` throws.
  public func take() throws -> Item {
    if let item = spare.withLock({ $0.popLast() }) { return item }
    return try make()
  }

  /// Makes a thing spare; the caller must not use it any more.
  public func giveBack(_ item: Item) {
    spare.withLock { $0.append(item) }
  }
}

/// Something that is not safe to share, handed from thread to thread all the same.
///
/// `@unchecked Sendable`: the holder promises that only one thread at a time uses the value, or that all only read it,
/// and that a lock or the end of a parallel loop lies between two threads' uses.
public struct HandedOver<Value>: @unchecked Sendable {
  /// What is shared.
  public let value: Value

  /// Shares a value under the promise above.
  public init(_ value: Value) { self.value = value }
}
