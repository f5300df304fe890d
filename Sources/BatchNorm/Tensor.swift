import Arithmetic

/// The numbers that kernels compute on: Float or Double.
public enum KernelType: Hashable, Sendable {
  /// 32 bits.
  case float
  /// 64 bits.
  case double

  /// Bytes of one number.
  public var byteCount: Int { self == .float ? 4 : 8 }
}

/// A range of samples in memory, [samples, P, C, S] row-major, that kernels read.
///
/// Not Sendable: it is a view into a buffer that someone else keeps alive and hands to one task at a time.
public struct ReadableTensor {
  /// The first number of the first sample.
  public let base: UnsafeRawPointer
  /// What the numbers are.
  public let type: KernelType

  /// A view of memory that outlives it.
  public init(_ base: UnsafeRawPointer, _ type: KernelType) {
    self.base = base
    self.type = type
  }

  /// One number; for the rare paths.
  public subscript(index: Int) -> Double {
    switch type {
    case .float: Double(pointer(Float.self)[index])
    case .double: pointer(Double.self)[index]
    }
  }

  @inline(__always)
  func pointer<E: Element>(_: E.Type) -> UnsafePointer<E> { base.assumingMemoryBound(to: E.self) }
}

/// A range of samples in memory, [samples, P, C, S] row-major, that kernels write. It may be the memory of an input
/// of the same type: kernels read an element before they write it.
public struct WritableTensor {
  /// The first number of the first sample.
  public let base: UnsafeMutableRawPointer
  /// What the numbers are.
  public let type: KernelType

  /// A view of memory that outlives it, and that nobody else writes.
  public init(_ base: UnsafeMutableRawPointer, _ type: KernelType) {
    self.base = base
    self.type = type
  }

  @inline(__always)
  func pointer<E: Element>(_: E.Type) -> UnsafeMutablePointer<E> { base.assumingMemoryBound(to: E.self) }
}
