import CHDF5

/// What the library calls for a filter, `H5Z_func_t`: flags, parameters, the bytes in use of a buffer, the buffer's length,
/// the buffer. It returns the bytes in use afterwards, 0 if it fails.
public typealias FilterFunction =
  @convention(c) (
    UInt32, Int, UnsafePointer<UInt32>?, Int, UnsafeMutablePointer<Int>?,
    UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) -> Int

extension HDF5Library {
  /// Teaches the library to undo a filter. A dataset that is already open does not notice.
  ///
  /// The corresponding C function is `H5Zregister`.
  ///
  /// - Parameters:
  ///   - identifier: the number registered with The HDF Group.
  ///   - function: calls ``undo(_:_:_:_:_:decompress:)``.
  /// - Throws: if the library refuses.
  public static func register(
    filter identifier: Int, name: StaticString, function: FilterFunction
  ) throws(HDF5Error) {
    try prepare()
    var description = H5Z_class2_t()
    description.version = H5Z_CLASS_T_VERS
    description.id = H5Z_filter_t(identifier)
    description.encoder_present = 0
    description.decoder_present = 1
    description.name = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    description.filter = function
    try call("H5Zregister", to: "register the filter \(name)") { H5Zregister(&description) }
  }

  /// What a filter function does with its arguments: decompresses into new memory, which takes the buffer's place.
  ///
  /// The library trusts a filter to deliver a whole chunk, and would read beyond what a damaged one leaves. So the result has
  /// the length that the dataset being read asks for, or it is a failure.
  ///
  /// The corresponding C functions are `H5allocate_memory` and `H5free_memory`.
  ///
  /// - Parameters:
  ///   - identifier: of the filter.
  ///   - decompress: returns whether it filled its target exactly.
  /// - Returns: the bytes in use; 0 if the data is damaged or no memory is left, or if the dataset has other filters than
  ///   shuffle and fletcher32 beside.
  public static func undo(
    _ identifier: Int, _ flags: UInt32, _ byteCount: Int, _ bufferByteCount: UnsafeMutablePointer<Int>?,
    _ buffer: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    decompress: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) -> Bool
  ) -> Int {
    guard flags & UInt32(H5Z_FLAG_REVERSE) != 0, let buffer, let bufferByteCount,
      let size = ChunkBeingRead.current?.byteCount(before: identifier),
      let memory = H5allocate_memory(size, false)
    else { return 0 }
    let source = UnsafeRawBufferPointer(start: buffer.pointee, count: byteCount)
    guard decompress(source, UnsafeMutableRawBufferPointer(start: memory, count: size)) else {
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
  let filters: [Int]

  @TaskLocal static var current: ChunkBeingRead?

  /// The bytes that a chunk had before a filter was applied; nil if another filter makes that uncertain.
  func byteCount(before identifier: Int) -> Int? {
    var count = byteCount
    for filter in filters {
      switch filter {
      case identifier: return count
      case Int(H5Z_FILTER_SHUFFLE): break
      case Int(H5Z_FILTER_FLETCHER32): count += 4
      default: return nil
      }
    }
    return nil
  }
}
