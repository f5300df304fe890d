import Synchronization

/// Keeps the first error of several workers; those after it are consequences more often than news.
final class FirstError: Sendable {
  private let error = Guarded<(any Error)?>(nil)
  private let hasError = Atomic<Bool>(false)

  /// True once a worker failed.
  var isSet: Bool { hasError.load(ordering: .acquiring) }

  func set(_ newError: any Error) {
    error.withLock { error in
      if error == nil { error = newError }
    }
    hasError.store(true, ordering: .releasing)
  }

  func rethrow() throws {
    if let error = error.withLock({ $0 }) { throw error }
  }
}
