/// A filter that compresses with a library which is looked for when it is first needed.
public enum Compression: Hashable, Sendable {
  case lzf
  /// - Parameter level: of compression, of which decompression knows nothing.
  case zstd(level: Int)
  case lz4
  /// Bits of elements together, then each block compressed.
  case bitshuffle(Bitshuffle, BlockCompression)
  /// - Parameter codec: number of the codec that the parameters name; nil if they name none. Each chunk names its own.
  case blosc(codec: UInt32?)
  case blosc2

  /// What compresses the blocks of the bitshuffle filter.
  public enum BlockCompression: Hashable, Sendable {
    case lz4
    /// - Parameter level: of compression, of which decompression knows nothing.
    case zstd(level: Int)
  }

  /// The name of the filter in common use.
  public var name: String {
    switch self {
    case .lzf, .zstd, .lz4, .blosc, .blosc2: library.name
    case .bitshuffle: "bitshuffle"
    }
  }

  /// The library that it needs.
  public var library: CompressionLibrary {
    switch self {
    case .lzf: .lzf
    case .zstd, .bitshuffle(_, .zstd): .zstd
    case .lz4, .bitshuffle(_, .lz4): .lz4
    case .blosc: .blosc
    case .blosc2: .blosc2
    }
  }

  /// The codec inside of Blosc that is asked for and that the library was built without; nil if there is none.
  public var missingCodec: String? {
    guard case .blosc(let code?) = self, library.isPresent, !library.hasCodec(code) else { return nil }
    return Self.nameOfBloscCodec(code)
  }

  /// What C-Blosc calls a codec that it may have been built without.
  static func nameOfBloscCodec(_ code: UInt32) -> String {
    bloscCodecs.indices.contains(Int(code)) ? bloscCodecs[Int(code)] : "codec \(code)"
  }

  /// C-Blosc's and C-Blosc2's codecs, by the numbers that they give them; C-Blosc2 has no snappy.
  public static let bloscCodecs = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"]

  /// - Returns: the bytes written; nil if the data is damaged, longer than `target`, or the library is missing.
  public func decompress(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int?
  {
    switch self {
    case .lzf, .zstd, .blosc, .blosc2: library.decompress(source, into: target)
    case .lz4: LZ4Framing.decompress(source, into: target)
    case .bitshuffle(let shuffle, _): shuffle.decompress(source, with: library, into: target)
    }
  }

  // MARK: - Writing

  /// The most bytes that so many become, where it compresses.
  func bound(_ count: Int) -> Int {
    switch self {
    case .lzf, .blosc, .blosc2, .zstd: library.bound(count)
    case .lz4: LZ4Framing.bound(count)
    case .bitshuffle(let shuffle, _): shuffle.bound(count, with: library)
    }
  }

  /// Bytes that compressing so many takes at most, beside the result.
  func memory(_ byteCount: Int) -> Int {
    guard case .bitshuffle(let shuffle, _) = self else {
      return library.memory(level: level, byteCount: byteCount)
    }
    let block = min(byteCount, shuffle.blockByteCount)
    return 2 * block + library.memory(level: level, byteCount: block)
  }

  /// - Parameter target: at least `bound(source.count)` bytes.
  /// - Returns: the bytes written.
  /// - Throws: `wrongLength` if a part of an element is left for bitshuffle; `outOfMemory`.
  func compress(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) throws(ChunkCodecError) -> Int {
    switch self {
    case .lzf, .blosc, .blosc2: preconditionFailure("\(self) is only read")
    case .lz4: return LZ4Framing.compress(source, into: target)
    case .bitshuffle(let shuffle, _):
      return try shuffle.compress(source, with: library, level: level, into: target)
    case .zstd:
      guard let count = library.compress(source, into: target, level: level) else { throw .outOfMemory }
      return count
    }
  }

  private var level: Int {
    switch self {
    case .zstd(let level), .bitshuffle(_, .zstd(let level)): level
    case .lzf, .lz4, .blosc, .blosc2, .bitshuffle(_, .lz4): 0
    }
  }
}
