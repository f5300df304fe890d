/// What is believed of a frame of C-Blosc2, which its filter for HDF5 (32026) makes of each chunk, before the library sees it: a head, the one Blosc2
/// chunk with all data, an index with the chunk's place, and a trailer that is not needed (`README_CFRAME_FORMAT.rst`,
/// `README_CHUNK_FORMAT.rst` and `README_B2ND_METALAYER.rst` of its sources).
///
/// A frame may also name files beside it and codecs and filters of others, which the library would look for and load. None of that is what the
/// filter writes, and it is refused: nothing but these bytes is read.
struct Blosc2Frame {
  /// Bytes of the HDF5 chunk, before compression.
  let byteCount: Int
  /// Whether the data is an array in blocks of several axes, which are filled up where they do not divide an axis.
  let hasAxes: Bool

  /// - Returns: nil unless all numbers fit each other and the bytes that are there.
  init?(_ source: UnsafeRawBufferPointer) {
    let bytes = Blosc2Bytes(source)
    guard let head = Head(bytes), head.describesOneChunk(bytes) else { return nil }
    switch bytes.big(2, at: 0x5C) {
    case 0:
      (byteCount, hasAxes) = (head.byteCount, false)
    case 1:
      guard let count = Self.arrayByteCount(bytes, head) else { return nil }
      (byteCount, hasAxes) = (count, true)
    default: return nil
    }
  }

  /// Bytes of the array that the metalayer `b2nd` describes: one chunk of blocks that are nowhere longer than itself.
  private static func arrayByteCount(_ bytes: Blosc2Bytes, _ head: Head) -> Int? {
    guard bytes.are([0xA4] + Array("b2nd".utf8) + [0xD2], at: 0x5E), let metalayer = bytes.big(4, at: 0x64),
      bytes.are([0xC6], at: metalayer), bytes.are([0x97], at: metalayer + 5),
      let axes = bytes.number(1, at: metalayer + 7), (1...15).contains(axes)
    else { return nil }
    var place = metalayer + 8
    /// The next list of as many numbers as there are axes.
    func list(_ mark: UInt8, _ width: Int) -> [Int]? {
      guard bytes.are([0x90 | UInt8(axes)], at: place) else { return nil }
      place += 1
      var numbers: [Int] = []
      for _ in 0..<axes {
        guard bytes.are([mark], at: place), let number = bytes.big(width, at: place + 1),
          (1...Int(Int32.max)).contains(number)
        else { return nil }
        numbers.append(number)
        place += 1 + width
      }
      return numbers
    }
    guard let shape = list(0xD3, 8), let chunk = list(0xD2, 4), let block = list(0xD2, 4),
      place <= head.length,
      shape == chunk, zip(block, shape).allSatisfy({ $0 <= $1 })
    else { return nil }
    // In blocks it has less than twice the length along each axis, so that it cannot take much more memory than its data.
    let filled = zip(block, shape).map { (($1 + $0 - 1) / $0 * $0) }
    guard product(filled, head.elementSize) == head.byteCount else { return nil }
    return product(shape, head.elementSize)
  }

  /// Bytes of elements along axes; nil where that is no number of 64 bits.
  private static func product(_ lengths: [Int], _ elementSize: Int) -> Int? {
    lengths.reduce(elementSize) { count, length in
      count.flatMap { count in
        let (result, overflow) = count.multipliedReportingOverflow(by: length)
        return overflow ? nil : result
      }
    }
  }
}

/// Numbers at places of a buffer that may be shorter, or the places wrong.
private struct Blosc2Bytes {
  private let source: UnsafeRawBufferPointer

  init(_ source: UnsafeRawBufferPointer) { self.source = source }

  var count: Int { source.count }

  func are(_ expected: [UInt8], at place: Int) -> Bool {
    guard place >= 0, place <= source.count - expected.count else { return false }
    return source[place..<place + expected.count].elementsEqual(expected)
  }

  /// A number of so many bytes, the least significant first, as Blosc stores it.
  /// - Returns: nil beyond the end, or if it takes 64 bits.
  func number(_ width: Int, at place: Int) -> Int? {
    guard place >= 0, place <= source.count - width else { return nil }
    return Int(exactly: source[place..<place + width].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }

  /// A number of so many bytes, the most significant first, as MessagePack stores it.
  /// - Returns: nil beyond the end, or if it takes 64 bits.
  func big(_ width: Int, at place: Int) -> Int? {
    guard place >= 0, place <= source.count - width else { return nil }
    return Int(exactly: source[place..<place + width].reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }

  /// Whether codes of filters are none (0), shuffle (1), bitshuffle (2), delta (3) or cut precision (4), and the codec behind them one of the
  /// library's own. The six bytes of filters come first, one of the codec follows.
  func nameOnlyOwnCodecs(at place: Int) -> Bool {
    guard place >= 0, place <= source.count - 7 else { return false }
    return source[place..<place + 6].allSatisfy { $0 <= 4 }
      && Int(source[place + 6]) < Compression.bloscCodecs.count
  }
}

/// The numbers at the beginning of a frame.
private struct Head {
  /// Bytes before the chunk.
  let length: Int
  /// Bytes of the frame.
  let frameByteCount: Int
  /// Bytes before compression, filled up where the data is in blocks.
  let byteCount: Int
  /// Bytes of the chunk; 0 where the index alone says what all its elements are.
  let stored: Int
  let elementSize: Int

  init?(_ bytes: Blosc2Bytes) {
    guard bytes.are([0xA8] + Array("b2frame\0".utf8) + [0xD2], at: 1), bytes.are([0xCF], at: 0xF),
      bytes.are([0xA4], at: 0x18), bytes.are([0xD3], at: 0x1D), bytes.are([0xD3], at: 0x26),
      bytes.are([0xD2], at: 0x2F), bytes.are([0xD2], at: 0x39), bytes.are([0xD8, 6], at: 0x45),
      bytes.are([0x93, 0xCD], at: 0x57), bytes.are([0xDE], at: 0x5B),
      // All in these bytes, not in files.
      bytes.are([0], at: 0x1A), bytes.nameOnlyOwnCodecs(at: 0x47),
      let codec = bytes.number(1, at: 0x1B), codec & 0xF < Compression.bloscCodecs.count,
      let length = bytes.big(4, at: 0xB), let frameByteCount = bytes.big(8, at: 0x10),
      let byteCount = bytes.big(8, at: 0x1E), let stored = bytes.big(8, at: 0x27),
      let elementSize = bytes.big(4, at: 0x30), let chunkByteCount = bytes.big(4, at: 0x3A),
      0x5E <= length, length <= frameByteCount, frameByteCount <= bytes.count,
      (1...255).contains(elementSize), (1...Int(Int32.max)).contains(byteCount), byteCount == chunkByteCount,
      stored <= frameByteCount - length
    else { return nil }
    self.length = length
    self.frameByteCount = frameByteCount
    self.byteCount = byteCount
    self.stored = stored
    self.elementSize = elementSize
  }

  /// Whether the index points to the one chunk right behind the head, or to none, and the chunk holds as much as it should.
  func describesOneChunk(_ bytes: Blosc2Bytes) -> Bool {
    let index = length + stored
    guard let place = Blosc2Chunk(bytes, at: index, end: frameByteCount), place.byteCount == 8,
      place.isPlain || place.isZero
    else { return false }
    if stored == 0 {
      // The highest bit says that there is no chunk, those below what its elements are.
      guard place.isPlain, let kind = bytes.number(1, at: index + Blosc2Chunk.headByteCount + 7) else {
        return false
      }
      return kind & 0x80 != 0
    }
    guard place.isZero || bytes.number(8, at: index + Blosc2Chunk.headByteCount) == 0,
      let chunk = Blosc2Chunk(bytes, at: length, end: index)
    else { return false }
    return chunk.byteCount == byteCount && chunk.stored == stored
  }
}

/// The head of a Blosc2 chunk, 32 bytes.
private struct Blosc2Chunk {
  static let headByteCount = 32

  /// Bytes before compression.
  let byteCount: Int
  /// Bytes with the head.
  let stored: Int
  /// Whether what follows the head is the data as it is.
  let isPlain: Bool
  /// Whether all bytes are zero, and none follow.
  let isZero: Bool

  /// - Returns: nil unless it ends before `end`, is whole, and names the library's own codecs alone.
  init?(_ bytes: Blosc2Bytes, at place: Int, end: Int) {
    guard let flags = bytes.number(1, at: place + 2), let byteCount = bytes.number(4, at: place + 4),
      let blockByteCount = bytes.number(4, at: place + 8), let stored = bytes.number(4, at: place + 12),
      let more = bytes.number(1, at: place + 31),
      // With the head's second half; a codec of the format's own numbers; not lazy, which is one that lies elsewhere.
      flags & 0b101 == 0b101, flags >> 5 <= 4, more & 0x08 == 0, bytes.nameOnlyOwnCodecs(at: place + 16),
      (1...Int(Int32.max)).contains(byteCount), (1...byteCount).contains(blockByteCount),
      stored >= Self.headByteCount, place + stored <= end
    else { return nil }
    self.byteCount = byteCount
    self.stored = stored
    isPlain = flags & 0b10 != 0 && stored == Self.headByteCount + byteCount
    isZero = more >> 4 & 0b111 == 1 && stored == Self.headByteCount
  }
}
