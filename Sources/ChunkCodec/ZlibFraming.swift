/// What a zlib stream (RFC 1950) has around its deflate blocks: two bytes before them, a checksum after them.
enum ZlibFraming {
  static let headerByteCount = 2
  static let checksumByteCount = 4
  static let byteCount = headerByteCount + checksumByteCount

  /// Deflate with a window of 32 KiB, no dictionary, and a hint at the level.
  /// - Returns: the bytes written.
  static func writeHeader(to target: UnsafeMutableRawBufferPointer, level: Int) -> Int {
    let hint: UInt16 =
      switch level {
      case ..<2: 0
      case ..<6: 1
      case ..<8: 2
      default: 3
      }
    let header = 0x7800 | hint << 6
    // Read as one number, the header is a multiple of 31.
    target.storeBytes(of: (header + (31 - header % 31)).bigEndian, as: UInt16.self)
    return headerByteCount
  }

  /// - Parameter checksum: Adler-32 of all bytes before compression.
  /// - Returns: the bytes written.
  static func writeChecksum(_ checksum: UInt32, to target: UnsafeMutableRawBufferPointer) -> Int {
    target.storeBytes(of: checksum.bigEndian, as: UInt32.self)
    return checksumByteCount
  }
}
