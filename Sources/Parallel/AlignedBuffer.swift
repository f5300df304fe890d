#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Memory of a fixed size, aligned to a page, that is reused for batch after batch.
///
/// `@unchecked Sendable`: the class only owns the memory. Whoever takes part of it for writing is the only one to touch that
/// part until the loop of workers that it was taken in has ended; `WorkerPool` gives each worker a buffer of its own.
public final class AlignedBuffer: @unchecked Sendable {
  /// The memory, not initialized.
  public let bytes: UnsafeMutableRawBufferPointer
  private let allocation: UnsafeMutableRawPointer

  /// Alignment of the memory: a page, which also suits every vector.
  public static let alignment = 4096

  /// - Parameters:
  ///   - byteCount: at least 0. Memory is given by the system only as it is touched.
  ///   - isStaggered: true to begin in the middle of a page. Two tensors whose rows are whole pages then fall into different
  ///     sets of the first-level cache; side by side they would throw each other out of it.
  /// - Throws: `OutOfMemory`.
  public init(byteCount: Int, isStaggered: Bool = false) throws(OutOfMemory) {
    var memory: UnsafeMutableRawPointer?
    let stagger = isStaggered ? Self.alignment / 2 : 0
    guard posix_memalign(&memory, Self.alignment, max(byteCount, 1) + stagger) == 0, let memory else {
      throw OutOfMemory(byteCount: byteCount)
    }
    allocation = memory
    bytes = UnsafeMutableRawBufferPointer(start: memory + stagger, count: byteCount)
  }

  deinit { free(allocation) }
}

/// The system gave no memory.
public struct OutOfMemory: Error, Hashable, Sendable {
  /// How much was asked for.
  public let byteCount: Int
}
