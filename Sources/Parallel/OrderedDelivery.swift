import Foundation

/// Hands the results of numbered tasks to one consumer in the order of their numbers, whichever worker finished first.
///
/// The consumer runs on the worker that delivers the next result in order, one at a time. What came too early is kept;
/// `waitForRoom` bounds how much that can be, by making workers that are far ahead wait for the slowest one. As tasks are
/// taken in order, the task that all others wait for is always being worked at, so no deadlock can arise.
public final class OrderedDelivery<Value: Sendable>: Sendable {
  private struct State {
    var early: [Int: Value] = [:]
    var next = 0
    var isConsuming = false
    var hasFailed = false
  }

  private let window: Int
  private let state = Guarded(State())
  private let condition = NSCondition()
  private let consume: @Sendable (Int, Value) throws -> Void

  /// - Parameters:
  ///   - window: how many tasks a worker may be ahead of the first one that is not delivered.
  ///   - consume: takes task and result; never runs twice at once.
  public init(window: Int, consume: @escaping @Sendable (Int, Value) throws -> Void) {
    self.window = max(1, window)
    self.consume = consume
  }

  /// Waits until `task` is less than `window` ahead of the next one to deliver, or another worker failed.
  /// - Returns: false if another worker failed: there is no room, nor ever will be, and the task must not begin.
  public func waitForRoom(_ task: Int) -> Bool {
    /// Nil while it is to be seen.
    func hasRoom() -> Bool? {
      state.withLock { $0.hasFailed ? false : task - $0.next < window ? true : nil }
    }
    if let known = hasRoom() { return known }
    condition.lock()
    defer { condition.unlock() }
    while true {
      if let known = hasRoom() { return known }
      condition.wait()
    }
  }

  /// Delivers a result, and consumes all that are next in order.
  public func deliver(_ value: Value, for task: Int) throws {
    state.withLock { $0.early[task] = value }
    while true {
      let ready: (Int, Value)? = state.withLock { state in
        guard !state.isConsuming, let value = state.early.removeValue(forKey: state.next) else { return nil }
        state.isConsuming = true
        return (state.next, value)
      }
      guard let (number, value) = ready else { return }
      do {
        try consume(number, value)
      } catch {
        fail()
        throw error
      }
      state.withLock { state in
        state.isConsuming = false
        state.next += 1
      }
      wake()
    }
  }

  /// Lets no waiting worker wait any longer, and no further task begin, because a worker failed.
  public func fail() {
    state.withLock { $0.hasFailed = true }
    wake()
  }

  private func wake() {
    condition.lock()
    condition.broadcast()
    condition.unlock()
  }
}
