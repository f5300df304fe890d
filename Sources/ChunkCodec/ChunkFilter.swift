/// A filter that chunks can pass through here, outside of the HDF5 library and in parallel.
public enum ChunkFilter: Hashable, Sendable {
  case shuffle(elementSize: Int)
  /// The filter of that name where it does not compress.
  case bitshuffle(Bitshuffle)
  case deflate(level: Int)
  case fletcher32
  /// Undone if its library is present.
  case compression(Compression)
}

extension ChunkFilter {
  /// The numbers, registered with The HDF Group, of filters that the HDF5 library has not itself.
  public static let registered = [32000, 32001, 32004, 32008, 32015, 32026]

  /// A filter that the HDF5 library has not itself.
  ///
  /// - Parameters:
  ///   - identifier: the number registered with The HDF Group.
  ///   - parameters: as they lie in the file.
  /// - Returns: nil if it is another filter, or the parameters make no sense.
  public init?(registered identifier: Int, parameters: [UInt32]) {
    switch identifier {
    case 32000: self = .compression(.lzf)
    case 32001: self = .compression(.blosc(codec: parameters.count > 6 ? parameters[6] : nil))
    case 32004: self = .compression(.lz4)
    case 32008:
      // Two numbers of a version, bytes of an element, elements of a block, which compression, its level.
      guard parameters.count >= 3,
        let shuffle = Bitshuffle(
          elementSize: Int(parameters[2]), blockElements: parameters.count > 3 ? Int(parameters[3]) : 0)
      else { return nil }
      switch parameters.count > 4 ? parameters[4] : 0 {
      case 0: self = .bitshuffle(shuffle)
      case 2: self = .compression(.bitshuffle(shuffle, .lz4))
      case 3:
        self = .compression(.bitshuffle(shuffle, .zstd(level: Self.level(parameters.dropFirst(5)))))
      default: return nil
      }
    case 32015: self = .compression(.zstd(level: Self.level(parameters[...])))
    case 32026: self = .compression(.blosc2)
    default: return nil
    }
  }

  /// The level that stands first, which may be negative; Zstandard's usual one if none does.
  private static func level(_ parameters: ArraySlice<UInt32>) -> Int {
    parameters.first.map { Int(Int32(bitPattern: $0)) } ?? 3
  }

  /// The number, registered with The HDF Group, and the parameters of a filter that the HDF5 library has not itself and that
  /// chunks are encoded with; nil for others.
  public var registration: (identifier: Int, parameters: [UInt32])? {
    switch self {
    case .shuffle, .deflate, .fletcher32, .compression(.lzf), .compression(.blosc), .compression(.blosc2): nil
    case .bitshuffle(let shuffle): (32008, shuffle.parameters)
    case .compression(.bitshuffle(let shuffle, .lz4)): (32008, shuffle.parameters + [2])
    case .compression(.bitshuffle(let shuffle, .zstd(let level))):
      (32008, shuffle.parameters + [3, UInt32(bitPattern: Int32(level))])
    // The usual length of blocks, which is that of the chunk.
    case .compression(.lz4): (32004, [0])
    case .compression(.zstd(let level)): (32015, [UInt32(bitPattern: Int32(level))])
    }
  }

  /// Whether it is one for elements of so many bytes; most are for any.
  public func suits(elementSize: Int) -> Bool {
    switch self {
    case .shuffle(let size): size == elementSize
    case .bitshuffle(let shuffle), .compression(.bitshuffle(let shuffle, _)):
      shuffle.elementSize == elementSize
    case .deflate, .fletcher32, .compression: true
    }
  }

  /// Whether what is needed to undo it is present.
  public var isPresent: Bool {
    guard case .compression(let compression) = self else { return true }
    return compression.library.isPresent && compression.missingCodec == nil
  }

  /// Whether its result has the length of what it is given.
  public var keepsLength: Bool {
    switch self {
    case .shuffle, .bitshuffle: true
    case .deflate, .fletcher32, .compression: false
    }
  }

  /// Undoes a filter that the HDF5 library has not itself.
  /// - Returns: the bytes written; nil if the data is damaged, longer than `target`, or the library is missing.
  public func undoRegistered(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) -> Int? {
    switch self {
    case .compression(let compression): compression.decompress(source, into: target)
    case .bitshuffle(let shuffle):
      source.count <= target.count && shuffle.undo(source, target) ? source.count : nil
    case .shuffle, .deflate, .fletcher32: nil
    }
  }
}
