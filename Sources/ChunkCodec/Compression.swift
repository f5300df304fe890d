/// A filter that compresses with a library which is looked for when it is first needed.
public enum Compression: Hashable, Sendable {
  case lzf
  case zstd
  case lz4
  /// Bits of elements together, then each block compressed.
  case bitshuffle(Bitshuffle, BlockCompression)
  /// - Parameter codec: number of the codec that the parameters name; nil if they name none. Each chunk names its own.
  case blosc(codec: UInt32?)

  /// What compresses the blocks of the bitshuffle filter.
  public enum BlockCompression: Hashable, Sendable { case lz4, zstd }

  /// The name of the filter in common use.
  public var name: String {
    switch self {
    case .lzf, .zstd, .lz4, .blosc: library.name
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
    }
  }

  /// The codec inside of Blosc that is asked for and that the library was built without; nil if there is none.
  public var missingCodec: String? {
    guard case .blosc(let code?) = self, library.isPresent, !library.hasCodec(code) else { return nil }
    let names = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"]
    return names.indices.contains(Int(code)) ? names[Int(code)] : "codec \(code)"
  }

  /// - Returns: the bytes written; nil if the data is damaged, longer than `target`, or the library is missing.
  public func decompress(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int?
  {
    switch self {
    case .lzf, .zstd, .blosc: library.decompress(source, into: target)
    case .lz4: LZ4Framing.decompress(source, into: target)
    case .bitshuffle(let shuffle, _): shuffle.decompress(source, with: library, into: target)
    }
  }
}

extension Bitshuffle {
  /// Undoes the filter where it compresses, too (`bshuf_h5filter.c`).
  ///
  /// Around the blocks is what ``LZ4Framing`` has, and its header says how long they are, whatever the filter's parameters do.
  /// Elements at the end that make no group of eight are stored as they are.
  ///
  /// - Returns: the bytes written; nil if the data is damaged, longer than `target`, or the library is missing.
  func decompress(
    _ source: UnsafeRawBufferPointer, with library: CompressionLibrary,
    into target: UnsafeMutableRawBufferPointer
  ) -> Int? {
    guard let (byteCount, blockByteCount) = LZ4Framing.header(source), byteCount <= target.count,
      byteCount % elementSize == 0,
      let stored = Bitshuffle(elementSize: elementSize, blockElements: blockByteCount / elementSize)
    else { return nil }
    var rest = UnsafeRawBufferPointer(rebasing: source[LZ4Framing.headerByteCount...])
    let largest = min(stored.blockElements * elementSize, byteCount)
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * largest, alignment: 64)
    defer { scratch.deallocate() }
    let second = UnsafeMutableRawBufferPointer(rebasing: scratch[largest...])
    var done = 0
    for elements in stored.blocks(byteCount / elementSize) {
      let count = elements * elementSize
      let shuffled = UnsafeMutableRawBufferPointer(rebasing: scratch[..<count])
      guard let block = LZ4Framing.takeBlock(&rest), library.decompress(block, into: shuffled) == count else {
        return nil
      }
      Self.undoBlock(
        UnsafeRawBufferPointer(shuffled),
        UnsafeMutableRawBufferPointer(rebasing: target[done..<done + count]),
        second, elementSize: elementSize)
      done += count
    }
    let end = byteCount - done
    guard rest.count >= end else { return nil }
    UnsafeMutableRawBufferPointer(rebasing: target[done..<byteCount]).copyMemory(
      from: UnsafeRawBufferPointer(rebasing: rest[..<end]))
    return byteCount
  }
}
