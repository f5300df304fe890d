import Synchronization

/// A value that one thread at a time uses: a `Mutex` whose order the thread sanitizer sees.
///
/// `Mutex` is part of a library that is not built for the sanitizer, which then takes everything behind one for a race. An
/// atomic number in our own code tells it who came before whom, and costs nothing beside the lock.
public struct Guarded<Value>: ~Copyable, Sendable {
  private let mutex: Mutex<Value>
  private let turns = Atomic<Int>(0)

  /// Puts `value` behind a lock of its own.
  public init(_ value: consuming sending Value) { mutex = Mutex(value) }

  /// Runs `body` with the value while no other thread uses it.
  public func withLock<Result, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    try mutex.withLock { value throws(Failure) in
      turns.wrappingAdd(1, ordering: .acquiring)
      defer { turns.wrappingAdd(1, ordering: .releasing) }
      return try body(&value)
    }
  }
}
