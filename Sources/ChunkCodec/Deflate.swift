import CDeflate

/// The deflate filter (RFC 1950, 1951) through libdeflate, whole chunks at a time.
///
/// For one thread at a time: the library keeps tables between calls.
final class Deflate {
  private let decompressor: OpaquePointer
  private var compressors: [Int: OpaquePointer] = [:]

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

  /// The most bytes that `count` bytes can become.
  ///
  /// The corresponding C function is `libdeflate_zlib_compress_bound`.
  static func bound(_ count: Int) -> Int { libdeflate_zlib_compress_bound(nil, count) }

  /// The corresponding C function is `libdeflate_zlib_compress`.
  ///
  /// - Parameters:
  ///   - target: at least `bound(source.count)` bytes.
  ///   - level: 1 to 9.
  /// - Returns: the bytes written.
  func compress(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, level: Int
  ) throws(ChunkCodecError) -> Int {
    let count = libdeflate_zlib_compress(
      try compressor(level), source.baseAddress, source.count, target.baseAddress, target.count)
    guard count > 0 else { throw .outOfMemory }
    return count
  }

  private func compressor(_ level: Int) throws(ChunkCodecError) -> OpaquePointer {
    if let compressor = compressors[level] { return compressor }
    guard let compressor = libdeflate_alloc_compressor(Int32(level)) else { throw .outOfMemory }
    compressors[level] = compressor
    return compressor
  }
}
