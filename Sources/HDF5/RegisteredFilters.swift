import CHDF5
import ChunkCodec

/// Filters that the library has not itself, which it is taught to undo: for what it reads, as masks and parameters; and for
/// datasets that it makes, whose chunks are encoded before it gets them.
enum RegisteredFilters {
  /// What the library calls for a filter, `H5Z_func_t`: flags, the filter's parameters, the bytes in use of a buffer, the
  /// buffer's length, the buffer. It returns the bytes in use afterwards, 0 if it fails.
  private typealias Function =
    @convention(c) (
      UInt32, Int, UnsafePointer<UInt32>?, Int, UnsafeMutablePointer<Int>?,
      UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> Int

  /// Teaches them, once per process: a dataset that is already open does not notice. Where the library refuses, data with that
  /// filter is refused later, by name.
  static func register() {
    // The library does not say for which filter it calls.
    register(32000, "lzf") { RegisteredFilters.undo(32000, $0, $1, $2, $3, $4, $5) }
    register(32001, "blosc") { RegisteredFilters.undo(32001, $0, $1, $2, $3, $4, $5) }
    register(32004, "lz4") { RegisteredFilters.undo(32004, $0, $1, $2, $3, $4, $5) }
    register(32008, "bitshuffle") { RegisteredFilters.undo(32008, $0, $1, $2, $3, $4, $5) }
    register(32015, "zstd") { RegisteredFilters.undo(32015, $0, $1, $2, $3, $4, $5) }
    register(32026, "blosc2") { RegisteredFilters.undo(32026, $0, $1, $2, $3, $4, $5) }
  }

  /// The corresponding C function is `H5Zregister`.
  private static func register(_ identifier: Int, _ name: StaticString, _ function: Function) {
    var description = H5Z_class2_t()
    description.version = H5Z_CLASS_T_VERS
    description.id = H5Z_filter_t(identifier)
    // A dataset with a filter that has none cannot be made.
    description.encoder_present = 1
    description.decoder_present = 1
    description.name = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    description.filter = function
    _ = try? call("H5Zregister", to: "register the filter \(name)") { H5Zregister(&description) }
  }

  /// What a filter function does with its arguments: decompresses into new memory, which takes the buffer's place.
  ///
  /// The library trusts a filter to deliver a whole chunk, and would read beyond what a damaged one leaves. So the result has
  /// the length that the dataset being read asks for, or it is a failure.
  ///
  /// The corresponding C functions are `H5allocate_memory` and `H5free_memory`.
  ///
  /// - Returns: the bytes in use; 0 if the data is damaged or no memory is left, if the dataset has other filters than
  ///   shuffle, bitshuffle and fletcher32 beside, or if it is to be compressed.
  private static func undo(
    _ identifier: Int, _ flags: UInt32, _ parameterCount: Int, _ parameters: UnsafePointer<UInt32>?,
    _ byteCount: Int, _ bufferByteCount: UnsafeMutablePointer<Int>?,
    _ buffer: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) -> Int {
    let numbers = Array(UnsafeBufferPointer(start: parameters, count: parameterCount))
    guard flags & UInt32(H5Z_FLAG_REVERSE) != 0, let buffer, let bufferByteCount,
      let filter = ChunkFilter(registered: identifier, parameters: numbers),
      let size = ChunkBeingRead.current?.byteCount(before: identifier),
      let memory = H5allocate_memory(size, false)
    else { return 0 }
    let source = UnsafeRawBufferPointer(start: buffer.pointee, count: byteCount)
    let target = UnsafeMutableRawBufferPointer(start: memory, count: size)
    guard filter.undoRegistered(source, into: target) == size else {
      H5free_memory(memory)
      return 0
    }
    H5free_memory(buffer.pointee)
    buffer.pointee = memory
    bufferByteCount.pointee = size
    return size
  }
}

/// The kind of chunk that a thread is reading, which the library does not tell its filters.
struct ChunkBeingRead: Sendable {
  /// Bytes of a chunk before any filter.
  let byteCount: Int
  /// In the order in which they are applied in writing.
  let filters: [Filter]

  @TaskLocal static var current: ChunkBeingRead?

  /// The bytes that a chunk had before a filter was applied; nil if another filter makes that uncertain.
  func byteCount(before identifier: Int) -> Int? {
    var count = byteCount
    for filter in filters {
      switch filter.identifier {
      case identifier: return count
      case Int(H5Z_FILTER_SHUFFLE): break
      case Int(H5Z_FILTER_FLETCHER32): count += 4
      default: guard filter.registered?.keepsLength == true else { return nil }
      }
    }
    return nil
  }
}
