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

  /// Alignment of the memory: a page, which also suits every vector.
  public static let alignment = 4096

  /// - Parameter byteCount: at least 0. Memory is given by the system only as it is touched.
  /// - Throws: `OutOfMemory`.
  public init(byteCount: Int) throws(OutOfMemory) {
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, Self.alignment, max(byteCount, 1)) == 0, let memory else {
      throw OutOfMemory(byteCount: byteCount)
    }
    bytes = UnsafeMutableRawBufferPointer(start: memory, count: byteCount)
  }

  deinit { free(bytes.baseAddress) }
}

/// The system gave no memory.
public struct OutOfMemory: Error, Hashable, Sendable {
  /// How much was asked for.
  public let byteCount: Int
}
