/// HDF5's checksum (`H5_checksum_fletcher32`): Fletcher's sum over 16-bit words, most significant byte first.
///
/// J. G. Fletcher, "An arithmetic checksum for serial transmissions", IEEE Trans. Comm. 30 (1982).
enum Fletcher32 {
  /// Bytes that the checksum adds at the end of a chunk.
  static let byteCount = 4

  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var first: UInt32 = 0
    var second: UInt32 = 0
    var index = 0
    while index + 1 < bytes.count {
      // After 360 words the second sum could overflow.
      let end = min(index + 720, bytes.count & ~1)
      while index < end {
        first &+= UInt32(bytes[index]) << 8 | UInt32(bytes[index + 1])
        second &+= first
        index += 2
      }
      first = (first & 0xFFFF) + (first >> 16)
      second = (second & 0xFFFF) + (second >> 16)
    }
    if index < bytes.count {
      first &+= UInt32(bytes[index]) << 8
      second &+= first
      first = (first & 0xFFFF) + (first >> 16)
      second = (second & 0xFFFF) + (second >> 16)
    }
    first = (first & 0xFFFF) + (first >> 16)
    second = (second & 0xFFFF) + (second >> 16)
    return second << 16 | first
  }

  /// Whether the last four bytes are the checksum of those before. Files of HDF5 before 1.6.3 from little-endian machines
  /// have the bytes of each half exchanged.
  static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= byteCount, let base = bytes.baseAddress else { return false }
    let data = UnsafeRawBufferPointer(start: base, count: bytes.count - byteCount)
    let stored = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: data.count, as: UInt32.self))
    let sum = checksum(data)
    let exchanged = (sum & 0x00FF_00FF) << 8 | (sum & 0xFF00_FF00) >> 8
    return stored == sum || stored == exchanged
  }
}
