/// The sixteen bytes before a buffer that C-Blosc of version 1 compressed (`README_CHUNK_FORMAT.rst` of its sources).
///
/// Versions of the format and of the codec, flags, bytes of an element; then three numbers of 32 bits, little-endian: bytes
/// before compression, bytes of a block, bytes of the buffer.
struct BloscHeader {
  /// Bytes before compression.
  let byteCount: Int

  private static let headerByteCount = 16

  /// - Returns: nil unless the numbers fit each other and the buffer.
  init?(_ source: UnsafeRawBufferPointer) {
    guard source.count >= Self.headerByteCount else { return nil }
    func number(at offset: Int) -> Int {
      Int(UInt32(littleEndian: source.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }
    let (elementSize, blockByteCount, stored) = (source[3], number(at: 8), number(at: 12))
    byteCount = number(at: 4)
    guard elementSize > 0, byteCount <= Int(Int32.max), (1...max(1, byteCount)).contains(blockByteCount),
      (Self.headerByteCount...source.count).contains(stored)
    else { return nil }
  }
}
