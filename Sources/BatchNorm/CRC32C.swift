/// The cyclic redundancy check CRC-32C (Castagnoli): polynomial 0x1EDC6F41, reflected, begun with and inverted by all ones, as in
/// iSCSI (RFC 3720, appendix B.4). It finds every error of up to 32 bits in a row.
///
/// Eight bytes a step, by eight tables: M. E. Kounavis and F. L. Berry, "A systematic approach to building high performance
/// software-based CRC generators" (2005), "slicing-by-8".
enum CRC32C {
  /// The check of some bytes.
  static func check(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var check = ~UInt32(0)
    tables.withUnsafeBufferPointer { table in
      func entry(_ byte: Int, _ word: UInt64) -> UInt32 {
        table[256 * (7 - byte) + Int(truncatingIfNeeded: (word >> (8 * byte)) & 0xFF)]
      }
      var position = 0
      while position + 8 <= bytes.count {
        let next = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
        let word = next ^ UInt64(check)
        let low = entry(0, word) ^ entry(1, word) ^ entry(2, word) ^ entry(3, word)
        check = low ^ entry(4, word) ^ entry(5, word) ^ entry(6, word) ^ entry(7, word)
        position += 8
      }
      for byte in bytes[position...] {
        check = (check >> 8) ^ table[Int((check ^ UInt32(byte)) & 0xFF)]
      }
    }
    return ~check
  }

  /// [8, 256]: what a byte does to the check when 0, 1, … 7 bytes follow it.
  private static let tables: [UInt32] = {
    var tables = (0..<256).map { byte in
      (0..<8).reduce(UInt32(byte)) { check, _ in (check >> 1) ^ (check & 1 == 0 ? 0 : 0x82F6_3B78) }
    }
    for index in 256..<8 * 256 {
      let before = tables[index - 256]
      tables.append((before >> 8) ^ tables[Int(before & 0xFF)])
    }
    return tables
  }()
}
