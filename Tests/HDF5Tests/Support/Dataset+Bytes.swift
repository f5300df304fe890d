import HDF5

extension Dataset {
  /// Rows as bytes of `type`.
  func bytes(_ rows: Range<Int>, as type: NumericType) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xEE, count: rows.count * rowElementCount * type.byteCount)
    try bytes.withUnsafeMutableBytes { try read(leading: rows, as: type, into: $0) }
    return bytes
  }

  /// Writes rows from bytes of `type`.
  func write(_ rows: Range<Int>, as type: NumericType, bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write(leading: rows, as: type, from: $0) }
  }
}
