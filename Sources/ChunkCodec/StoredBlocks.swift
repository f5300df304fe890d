/// Bytes in deflate blocks without compression (RFC 1951, 3.2.4), none of which is the stream's last.
enum StoredBlocks {
  private static let headerByteCount = 5
  /// The length has 16 bits.
  private static let largest = 0xFFFF

  /// What `count` bytes take beside themselves.
  static func headerByteCount(_ count: Int) -> Int { (count + largest - 1) / largest * headerByteCount }

  /// - Parameter target: begins where a byte of the stream begins, and so does what follows.
  /// - Returns: the bytes written.
  static func write(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) -> Int {
    var end = 0
    for start in stride(from: 0, to: source.count, by: largest) {
      let block = source[start..<min(start + largest, source.count)]
      let length = UInt16(block.count)
      // Not the last block (a zero bit), stored (two zero bits), and five bits that fill the byte.
      target[end] = 0
      target.storeBytes(of: length.littleEndian, toByteOffset: end + 1, as: UInt16.self)
      target.storeBytes(of: (~length).littleEndian, toByteOffset: end + 3, as: UInt16.self)
      end += headerByteCount
      UnsafeMutableRawBufferPointer(rebasing: target[end...]).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: block))
      end += block.count
    }
    return end
  }
}
