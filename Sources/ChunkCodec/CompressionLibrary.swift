#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A library for data that others compressed, looked for when it is first needed: the program builds and runs without it.
public enum CompressionLibrary: Hashable, CaseIterable, Sendable {
  /// M. Lehmann's LibLZF; h5py writes with `compression="lzf"`.
  case lzf
  /// Zstandard (RFC 8878).
  case zstd

  /// The name of the filter in common use.
  public var name: String {
    switch self {
    case .lzf: "lzf"
    case .zstd: "zstd"
    }
  }

  /// The number registered with The HDF Group.
  public var filterIdentifier: Int {
    switch self {
    case .lzf: 32000
    case .zstd: 32015
    }
  }

  /// - Returns: nil if no library here undoes that filter.
  public init?(filter identifier: Int) {
    guard let library = Self.allCases.first(where: { $0.filterIdentifier == identifier }) else { return nil }
    self = library
  }

  /// Whether the library was found.
  public var isPresent: Bool {
    switch self {
    case .lzf: Self.lzfDecompress != nil
    case .zstd: Self.zstandard != nil
    }
  }

  /// How many times longer than the compressed data the result can be. LZF copies at most 264 bytes for three, Zstandard
  /// repeats a byte up to 128 KiB times for four.
  public var largestRatio: Int {
    switch self {
    case .lzf: 88
    case .zstd: 1 << 15
    }
  }

  /// The corresponding C functions are `lzf_decompress` and `ZSTD_decompress`.
  ///
  /// - Returns: the bytes written; nil if the data is damaged, longer than `target`, or the library is missing.
  public func decompress(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int?
  {
    // LibLZF reads a first byte without looking, and counts in 32 bits.
    guard !source.isEmpty else { return nil }
    switch self {
    case .lzf:
      guard let decompress = Self.lzfDecompress, let from = UInt32(exactly: source.count),
        let to = UInt32(exactly: target.count)
      else { return nil }
      let count = Int(decompress(source.baseAddress, from, target.baseAddress, to))
      return count > 0 && count <= target.count ? count : nil
    case .zstd:
      guard let zstandard = Self.zstandard else { return nil }
      let count = zstandard.decompress(target.baseAddress, target.count, source.baseAddress, source.count)
      return zstandard.isError(count) == 0 && count <= target.count ? count : nil
    }
  }
}

// MARK: - What is found in the libraries

extension CompressionLibrary {
  private typealias LZFDecompress =
    @convention(c) (UnsafeRawPointer?, UInt32, UnsafeMutableRawPointer?, UInt32) -> UInt32

  private struct Zstandard: Sendable {
    let decompress: @convention(c) (UnsafeMutableRawPointer?, Int, UnsafeRawPointer?, Int) -> Int
    let isError: @convention(c) (Int) -> UInt32
  }

  private static let lzfDecompress: LZFDecompress? = lzf.load("lzf_decompress").map {
    unsafeBitCast($0[0], to: LZFDecompress.self)
  }

  private static let zstandard: Zstandard? = zstd.load("ZSTD_decompress", "ZSTD_isError").map { functions in
    Zstandard(
      decompress: unsafeBitCast(
        functions[0], to: (@convention(c) (UnsafeMutableRawPointer?, Int, UnsafeRawPointer?, Int) -> Int).self
      ),
      isError: unsafeBitCast(functions[1], to: (@convention(c) (Int) -> UInt32).self))
  }

  /// Where the library may be. With no folder named, the system looks where it keeps its libraries.
  private var files: [String] {
    #if canImport(Darwin)
      let names = self == .lzf ? ["liblzf.1.dylib", "liblzf.dylib"] : ["libzstd.1.dylib"]
      return ["", "/opt/homebrew/lib/", "/usr/local/lib/"].flatMap { folder in names.map { folder + $0 } }
    #else
      return self == .lzf ? ["liblzf.so.1"] : ["libzstd.so.1"]
    #endif
  }

  /// The addresses of functions; nil unless all are there. The library stays loaded.
  ///
  /// The corresponding C functions are `dlopen` and `dlsym`.
  private func load(_ names: String...) -> [UnsafeMutableRawPointer]? {
    for file in files {
      guard let library = dlopen(file, RTLD_NOW | RTLD_LOCAL) else { continue }
      let functions = names.compactMap { dlsym(library, $0) }
      if functions.count == names.count { return functions }
      dlclose(library)
    }
    return nil
  }
}
