import CDeflate

/// The deflate filter (RFC 1950, 1951) through libdeflate, whole chunks at a time.
///
/// For one thread at a time: the library keeps tables between calls.
final class Deflate {
  private let decompressor: OpaquePointer
  private var compressors: [Int: OpaquePointer] = [:]
  private let prefix = IncompressiblePrefix()

  /// - Throws: `ChunkCodecError.outOfMemory`.
  init() throws(ChunkCodecError) {
    guard let decompressor = libdeflate_alloc_decompressor() else { throw .outOfMemory }
    self.decompressor = decompressor
  }

  deinit {
    libdeflate_free_decompressor(decompressor)
    for compressor in compressors.values { libdeflate_free_compressor(compressor) }
  }

  /// Fills `target` exactly.
  ///
  /// The corresponding C function is `libdeflate_zlib_decompress`.
  ///
  /// - Throws: `damaged` if the data is no zlib stream of just that length.
  func decompress(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) throws(ChunkCodecError) {
    let result = libdeflate_zlib_decompress(
      decompressor, source.baseAddress, source.count, target.baseAddress, target.count, nil)
    guard result == LIBDEFLATE_SUCCESS else { throw .damaged(filter: "gzip") }
  }

  /// Decompresses what may be shorter than `target`.
  ///
  /// The corresponding C function is `libdeflate_zlib_decompress`.
  ///
  /// - Returns: the bytes written.
  /// - Throws: `damaged` if the data is no zlib stream, or longer than `target`.
  func decompress(
    _ source: UnsafeRawBufferPointer, intoAtMost target: UnsafeMutableRawBufferPointer
  ) throws(ChunkCodecError) -> Int {
    var count = 0
    let result = libdeflate_zlib_decompress(
      decompressor, source.baseAddress, source.count, target.baseAddress, target.count, &count)
    guard result == LIBDEFLATE_SUCCESS else { throw .damaged(filter: "gzip") }
    return count
  }

  /// The most bytes that `count` bytes can become.
  ///
  /// The corresponding C function is `libdeflate_deflate_compress_bound`.
  static func bound(_ count: Int) -> Int {
    ZlibFraming.byteCount + StoredBlocks.headerByteCount(count)
      + libdeflate_deflate_compress_bound(nil, count)
  }

  /// Compresses into a zlib stream. A beginning that would not get shorter is stored, at the speed of copying.
  ///
  /// - Parameters:
  ///   - target: at least `bound(source.count)` bytes.
  ///   - level: 1 to 9.
  /// - Returns: the bytes written.
  func compress(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, level: Int
  ) throws(ChunkCodecError) -> Int {
    try compress(source, storing: prefix.count(source, level: level), into: target, level: level)
  }

  /// The corresponding C functions are `libdeflate_deflate_compress` and `libdeflate_adler32`.
  ///
  /// - Parameter stored: this many bytes at the beginning are stored; the library cannot end a stream that goes on, so
  ///   what is compressed comes last.
  func compress(
    _ source: UnsafeRawBufferPointer, storing stored: Int, into target: UnsafeMutableRawBufferPointer,
    level: Int
  ) throws(ChunkCodecError) -> Int {
    func place(_ start: Int) -> UnsafeMutableRawBufferPointer {
      UnsafeMutableRawBufferPointer(rebasing: target[start...])
    }
    var end = ZlibFraming.writeHeader(to: target, level: level)
    end += StoredBlocks.write(UnsafeRawBufferPointer(rebasing: source[..<stored]), to: place(end))
    let rest = UnsafeRawBufferPointer(rebasing: source[stored...])
    let room = target.count - end - ZlibFraming.checksumByteCount
    let count = libdeflate_deflate_compress(
      try compressor(level), rest.baseAddress, rest.count, place(end).baseAddress, room)
    guard count > 0 else { throw .outOfMemory }
    end += count
    let checksum = libdeflate_adler32(1, source.baseAddress, source.count)
    return end + ZlibFraming.writeChecksum(checksum, to: place(end))
  }

  private func compressor(_ level: Int) throws(ChunkCodecError) -> OpaquePointer {
    if let compressor = compressors[level] { return compressor }
    guard let compressor = libdeflate_alloc_compressor(Int32(level)) else { throw .outOfMemory }
    compressors[level] = compressor
    return compressor
  }
}

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
