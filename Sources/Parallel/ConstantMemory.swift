/// Elements that never change after `init`, which all threads read without counting references, as an array would be
/// retained and released by each of them.
///
/// `@unchecked Sendable`: nothing writes to the memory between `init` and `deinit`.
public final class ConstantMemory<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  /// [count]
  @usableFromInline let elements: UnsafePointer<Element>
  /// How many there are.
  public let count: Int

  /// Copies the elements.
  public init(_ elements: [Element]) {
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: elements.count)
    memory.initialize(from: elements, count: elements.count)
    self.elements = UnsafePointer(memory)
    count = elements.count
  }

  deinit { elements.deallocate() }

  /// The element at `index`, from 0; that there is one is checked in debug builds only.
  @inlinable public subscript(index: Int) -> Element {
    assert(index >= 0 && index < count, "no element \(index) of \(count)")
    return elements[index]
  }
}
