import Dispatch

/// Runs `body` for 0 ..< count on all cores, or in this thread if there is one part only.
func inParallel(_ count: Int, _ body: @Sendable (Int) -> Void) {
  if count == 1 {
    body(0)
  } else {
    DispatchQueue.concurrentPerform(iterations: count, execute: body)
  }
}

/// A value that several threads reach.
///
/// `@unchecked Sendable`: threads either only read it, or each writes a part of memory that no other thread touches, as the
/// caller of `inParallel` divides it.
struct Shared<Value>: @unchecked Sendable {
  let value: Value

  init(_ value: Value) { self.value = value }
}
