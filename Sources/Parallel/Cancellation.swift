import Synchronization

/// A request to stop, made from a signal handler or another thread and looked at between tasks.
public final class Cancellation: Sendable {
  private let requested = Atomic<Bool>(false)

  /// No stop is asked for yet.
  public init() {}

  /// Asks for a stop; safe in a signal handler.
  public func request() { requested.store(true, ordering: .releasing) }

  /// True once a stop was asked for.
  public var isRequested: Bool { requested.load(ordering: .acquiring) }

  /// Throws if a stop was asked for.
  public func check() throws { if isRequested { throw Cancelled() } }
}

/// Work ended early because it was asked to.
public struct Cancelled: Error, Hashable, Sendable {
  /// The error that `Cancellation.check` throws.
  public init() {}
}
