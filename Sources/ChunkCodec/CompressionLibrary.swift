#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A library for compressed data, looked for when it is first needed: the program builds and runs without it.
public enum CompressionLibrary: Hashable, CaseIterable, Sendable {
  /// M. Lehmann's LibLZF; h5py writes with `compression="lzf"`.
  case lzf
  /// Zstandard (RFC 8878).
  case zstd
  /// Y. Collet's LZ4, its blocks without a frame.
  case lz4
  /// C-Blosc of version 1, whose buffers say which of its own codecs made them.
  case blosc
  /// C-Blosc2, whose filter stores frames.
  case blosc2

  /// The name in common use.
  public var name: String {
    switch self {
    case .lzf: "lzf"
    case .zstd: "zstd"
    case .lz4: "lz4"
    case .blosc: "blosc"
    case .blosc2: "blosc2"
    }
  }

  /// Whether the library was found.
  public var isPresent: Bool {
    switch self {
    case .lzf: Self.lzfDecompress != nil
    case .zstd: Self.zstandard != nil
    case .lz4: Self.lz4Functions != nil
    case .blosc: Self.cBlosc != nil
    case .blosc2: CBlosc2.functions != nil
    }
  }

  /// How many times longer than the compressed data the result can be. LZF copies at most 264 bytes for three, LZ4 255 for
  /// one, Zstandard, which both Bloscs have inside, repeats a byte up to 128 KiB times for four.
  public var largestRatio: Int {
    switch self {
    case .lzf: 88
    case .lz4: 255
    case .zstd, .blosc, .blosc2: 1 << 15
    }
  }

  /// The corresponding C functions are `lzf_decompress`, `ZSTD_decompress`, `LZ4_decompress_safe`, `blosc_decompress_ctx` and
  /// those of `CBlosc2`.
  ///
  /// - Returns: the bytes written; nil if the data is damaged, longer than `target`, or the library is missing.
  public func decompress(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int?
  {
    // LibLZF reads a first byte without looking.
    guard !source.isEmpty else { return nil }
    let count: Int
    switch self {
    case .lzf:
      // It counts in 32 bits, LZ4 in 31.
      guard let decompress = Self.lzfDecompress, let from = UInt32(exactly: source.count),
        let to = UInt32(exactly: target.count)
      else { return nil }
      count = Int(decompress(source.baseAddress, from, target.baseAddress, to))
      guard count > 0 else { return nil }
    case .zstd:
      guard let zstandard = Self.zstandard else { return nil }
      count = zstandard.decompress(target.baseAddress, target.count, source.baseAddress, source.count)
      guard zstandard.isError(count) == 0 else { return nil }
    case .lz4:
      guard let lz4 = Self.lz4Functions, let from = Int32(exactly: source.count),
        let to = Int32(exactly: target.count)
      else { return nil }
      count = Int(lz4.decompress(source.baseAddress, target.baseAddress, from, to))
    case .blosc:
      // It takes what the header says for the truth.
      guard let blosc = Self.cBlosc, let header = BloscHeader(source), header.byteCount <= target.count
      else { return nil }
      count = Int(blosc.decompress(source.baseAddress, target.baseAddress, header.byteCount, 1))
      guard count == header.byteCount else { return nil }
    case .blosc2: return CBlosc2.functions?.decompress(source, into: target)
    }
    return count >= 0 && count <= target.count ? count : nil
  }

  /// Compresses as one call does that knows nothing of calls before: what it gives depends on nothing else.
  ///
  /// The corresponding C functions are `ZSTD_compress` and `LZ4_compress_default`.
  ///
  /// - Parameter level: Zstandard's, 1 to 22; LZ4 has none.
  /// - Returns: the bytes written; nil if `target` is too short, or the library is missing or only read with.
  func compress(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, level: Int
  ) -> Int? {
    switch self {
    case .lzf, .blosc, .blosc2: return nil
    case .zstd:
      guard let zstandard = Self.zstandard else { return nil }
      let count = zstandard.compress(
        target.baseAddress, target.count, source.baseAddress, source.count, Int32(level))
      return zstandard.isError(count) == 0 ? count : nil
    case .lz4:
      guard let lz4 = Self.lz4Functions, let from = Int32(exactly: source.count),
        let to = Int32(exactly: min(target.count, Int(Int32.max)))
      else { return nil }
      let count = Int(lz4.compress(source.baseAddress, target.baseAddress, from, to))
      return count > 0 ? count : nil
    }
  }

  /// The most bytes that ``compress(_:into:level:)`` makes of so many, as the libraries' headers say
  /// (`ZSTD_COMPRESSBOUND`, `LZ4_COMPRESSBOUND`).
  func bound(_ count: Int) -> Int {
    switch self {
    case .zstd: count + count >> 8 + (count < 128 << 10 ? (128 << 10 - count) >> 11 : 0)
    case .lz4: count + count / 255 + 16
    case .lzf, .blosc, .blosc2: count
    }
  }

  /// Bytes that the library takes while it compresses so many, at most; measured with `ZSTD_estimateCCtxSize` of 1.5.4.
  func memory(level: Int, byteCount: Int) -> Int {
    guard self == .zstd else { return 1 << 14 }
    let ofLevel =
      switch level {
      case ...3: 2 << 20
      case ...9: 13 << 20
      case ...18: 66 << 20
      case 19: 84 << 20
      case 20: 168 << 20
      case 21: 336 << 20
      default: 680 << 20
      }
    // Its tables are no longer than the data needs.
    let length = max(1, byteCount)
    let power = 1 << (Int.bitWidth - (length - 1).leadingZeroBitCount)
    return min(ofLevel, 24 * power + 256 << 10)
  }

  /// Whether this library, which is Blosc, has a codec.
  ///
  /// The corresponding C function is `blosc_compcode_to_compname`.
  ///
  /// - Parameter code: as the filter's parameters have it.
  func hasCodec(_ code: UInt32) -> Bool {
    guard self == .blosc, let blosc = Self.cBlosc, let code = Int32(exactly: code) else { return false }
    var name: UnsafePointer<CChar>?
    return blosc.codecName(code, &name) >= 0
  }
}

// MARK: - What is found in the libraries

extension CompressionLibrary {
  private typealias LZFDecompress =
    @convention(c) (UnsafeRawPointer?, UInt32, UnsafeMutableRawPointer?, UInt32) -> UInt32
  private typealias LZ4Function =
    @convention(c) (UnsafeRawPointer?, UnsafeMutableRawPointer?, Int32, Int32) -> Int32
  private typealias ZstandardCompress =
    @convention(c) (UnsafeMutableRawPointer?, Int, UnsafeRawPointer?, Int, Int32) -> Int

  private struct LZ4: Sendable {
    let decompress: LZ4Function
    let compress: LZ4Function
  }

  private struct Zstandard: Sendable {
    let decompress: @convention(c) (UnsafeMutableRawPointer?, Int, UnsafeRawPointer?, Int) -> Int
    let isError: @convention(c) (Int) -> UInt32
    let compress: ZstandardCompress
  }

  private struct CBlosc: Sendable {
    let decompress: @convention(c) (UnsafeRawPointer?, UnsafeMutableRawPointer?, Int, Int32) -> Int32
    let codecName: @convention(c) (Int32, UnsafeMutablePointer<UnsafePointer<CChar>?>?) -> Int32
  }

  private static let lzfDecompress: LZFDecompress? = lzf.load("lzf_decompress").map {
    unsafeBitCast($0[0], to: LZFDecompress.self)
  }

  private static let lz4Functions: LZ4? =
    lz4.load("LZ4_decompress_safe", "LZ4_compress_default").map { functions in
      LZ4(
        decompress: unsafeBitCast(functions[0], to: LZ4Function.self),
        compress: unsafeBitCast(functions[1], to: LZ4Function.self))
    }

  private static let zstandard: Zstandard? = zstd.load("ZSTD_decompress", "ZSTD_isError", "ZSTD_compress").map
  { functions in
    Zstandard(
      decompress: unsafeBitCast(
        functions[0], to: (@convention(c) (UnsafeMutableRawPointer?, Int, UnsafeRawPointer?, Int) -> Int).self
      ),
      isError: unsafeBitCast(functions[1], to: (@convention(c) (Int) -> UInt32).self),
      compress: unsafeBitCast(functions[2], to: ZstandardCompress.self))
  }

  private static let cBlosc: CBlosc? =
    blosc.load("blosc_decompress_ctx", "blosc_compcode_to_compname").map { functions in
      CBlosc(
        decompress: unsafeBitCast(
          functions[0],
          to: (@convention(c) (UnsafeRawPointer?, UnsafeMutableRawPointer?, Int, Int32) -> Int32).self),
        codecName: unsafeBitCast(
          functions[1],
          to: (@convention(c) (Int32, UnsafeMutablePointer<UnsafePointer<CChar>?>?) -> Int32).self))
    }

  /// Where the library may be. With no folder named, the system looks where it keeps its libraries.
  private var files: [String] {
    #if canImport(Darwin)
      let names =
        switch self {
        case .lzf: ["liblzf.1.dylib", "liblzf.dylib"]
        case .zstd: ["libzstd.1.dylib"]
        case .lz4: ["liblz4.1.dylib"]
        case .blosc: ["libblosc.1.dylib"]
        case .blosc2: ["libblosc2.dylib"]
        }
      return ["", "/opt/homebrew/lib/", "/usr/local/lib/"].flatMap { folder in names.map { folder + $0 } }
    #else
      // C-Blosc2's number grows with what is added to it; what is used here is there since 2.6, whose number is 2.
      guard self == .blosc2 else { return ["lib\(name).so.1"] }
      return ["lib\(name).so"] + (2...12).reversed().map { "lib\(name).so.\($0)" }
    #endif
  }

  /// The addresses of functions; nil unless all are there. The library stays loaded.
  ///
  /// The corresponding C functions are `dlopen` and `dlsym`.
  func load(_ names: String...) -> [UnsafeMutableRawPointer]? {
    for file in files {
      guard let library = dlopen(file, RTLD_NOW | RTLD_LOCAL) else { continue }
      let functions = names.compactMap { dlsym(library, $0) }
      if functions.count == names.count { return functions }
      dlclose(library)
    }
    return nil
  }
}
