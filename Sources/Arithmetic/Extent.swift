/// So many elements of one type, side by side: one value says what a plan counts, and what is then allocated.
public struct Extent<Element>: Sendable {
  /// How many.
  public let count: Int

  /// `count` elements.
  public init(_ count: Int) { self.count = count }

  /// Bytes of all elements.
  public var byteCount: Int { count * MemoryLayout<Element>.stride }

  /// Memory for the elements, not initialized; `deallocate` is the caller's.
  public func allocate() -> UnsafeMutablePointer<Element> { .allocate(capacity: count) }

  /// An array of as many equal elements.
  public func array(of element: Element) -> [Element] { Array(repeating: element, count: count) }
}
