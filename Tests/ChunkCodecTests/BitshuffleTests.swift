import Testing

@testable import ChunkCodec

/// The bits, moved one by one as the filter's description says.
@Suite(.timeLimit(.minutes(30))) struct BitshuffleTests {
  /// - Parameter blockElements: what the filter says of itself, not what it is given.
  private func shuffledBitByBit(_ bytes: [UInt8], elementSize: Int, blockElements: Int) -> [UInt8] {
    var result = bytes
    var start = 0
    while true {
      let left = bytes.count / elementSize - start
      let count = min(blockElements, left / 8 * 8)
      guard count > 0 else { return result }
      let base = start * elementSize
      for row in 0..<8 * elementSize {
        for element in 0..<count {
          let bit = bytes[base + element * elementSize + row / 8] >> UInt8(row % 8) & 1
          let place = base + row * count / 8 + element / 8
          result[place] = result[place] & ~(1 << UInt8(element % 8)) | bit << UInt8(element % 8)
        }
      }
      start += count
    }
  }

  private func change(
    _ bytes: [UInt8], _ change: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) -> Bool
  ) -> [UInt8]? {
    var target = [UInt8](repeating: 0xA5, count: bytes.count + 64)
    let isDone = bytes.withUnsafeBytes { source in
      target.withUnsafeMutableBytes { change(source, .init(rebasing: $0[..<bytes.count])) }
    }
    #expect(target[bytes.count...].allSatisfy { $0 == 0xA5 })
    return isDone ? Array(target[..<bytes.count]) : nil
  }

  @Test(arguments: [1, 2, 3, 4, 8, 16], [0, 7, 8, 65, 128, 203, 2048, 2600])
  func isUndone(elementSize: Int, elements: Int) throws {
    for (blockElements, actual) in [(64, 64), (8, 8), (0, max(128, 8192 / elementSize / 8 * 8))] {
      let shuffle = try #require(Bitshuffle(elementSize: elementSize, blockElements: blockElements))
      let bytes = ChunkCodecTests.bytes(elements * elementSize, seed: 3)
      let shuffled = change(bytes, shuffle.apply)
      #expect(shuffled == shuffledBitByBit(bytes, elementSize: elementSize, blockElements: actual))
      #expect(change(try #require(shuffled), shuffle.undo) == bytes)
    }
  }

  @Test func partsOfElementsAreRefused() throws {
    let shuffle = try #require(Bitshuffle(elementSize: 4))
    #expect(change([UInt8](repeating: 1, count: 101), shuffle.undo) == nil)
    #expect(change([UInt8](repeating: 1, count: 101), shuffle.apply) == nil)
    #expect(Bitshuffle(elementSize: 4, blockElements: 12) == nil)
    #expect(Bitshuffle(elementSize: 0) == nil)
  }

  /// The header says how long blocks are, whatever the filter's parameters of the file say.
  @Test(arguments: [8, 64, 2048], [16, 0]) func blocksAreThoseOfTheHeader(written: Int, stated: Int) throws {
    let library = CompressionLibrary.lz4
    let writer = try #require(Bitshuffle(elementSize: 4, blockElements: written))
    let reader = try #require(Bitshuffle(elementSize: 4, blockElements: stated))
    let bytes = ChunkCodecTests.bytes(4 * 2603, seed: 6)
    var stored = [UInt8](repeating: 0, count: writer.bound(bytes.count, with: library))
    let count = try bytes.withUnsafeBytes { source in
      try stored.withUnsafeMutableBytes { try writer.compress(source, with: library, level: 0, into: $0) }
    }
    #expect(stored[8..<12] == [0, 0, UInt8((written * 4) >> 8), UInt8((written * 4) & 255)])
    var read = [UInt8](repeating: 0, count: bytes.count)
    let found = stored[..<count].withUnsafeBytes { source in
      read.withUnsafeMutableBytes { reader.decompress(source, with: library, into: $0) }
    }
    #expect(found == bytes.count && read == bytes)
  }

  /// Three of 2603 elements make no group of eight, and stand behind the last block as they are: without any of their bytes the chunk is
  /// damaged.
  @Test func theLastElementsAreThere() throws {
    let library = CompressionLibrary.lz4
    let shuffle = try #require(Bitshuffle(elementSize: 4, blockElements: 64))
    let bytes = ChunkCodecTests.bytes(4 * 2603, seed: 6)
    var stored = [UInt8](repeating: 0, count: shuffle.bound(bytes.count, with: library))
    let count = try bytes.withUnsafeBytes { source in
      try stored.withUnsafeMutableBytes { try shuffle.compress(source, with: library, level: 0, into: $0) }
    }
    #expect(stored[(count - 12)..<count] == bytes.suffix(12))
    for missing in 0...12 {
      var read = [UInt8](repeating: 0, count: bytes.count)
      let found = stored[..<(count - missing)].withUnsafeBytes { source in
        read.withUnsafeMutableBytes { shuffle.decompress(source, with: library, into: $0) }
      }
      let expected: Int? = missing == 0 ? 10_412 : nil
      #expect(found == expected, "\(missing) bytes are missing")
    }
  }

  /// Between two more filters that write, none of which may overwrite what the next one reads.
  @Test func aLongPipeline() throws {
    let filters: [ChunkFilter] = [
      .shuffle(elementSize: 4), .bitshuffle(try #require(Bitshuffle(elementSize: 4, blockElements: 16))),
      .fletcher32, .deflate(level: 1),
    ]
    let original = ChunkCodecTests.bytes(4 * 1001, seed: 8)
    var stored = original
    for filter in filters {
      if case .bitshuffle(let shuffle) = filter {
        stored = try #require(change(stored, shuffle.apply))
      } else {
        let codec = try ChunkCodec(filters: [filter], chunkByteCount: stored.count)
        stored = try stored.withUnsafeBytes { try Array(codec.encode($0)) }
      }
    }
    let codec = try ChunkCodec(filters: filters, chunkByteCount: original.count)
    var decoded = [UInt8](repeating: 0, count: original.count)
    try stored.withUnsafeBytes { stored in
      try decoded.withUnsafeMutableBytes { try codec.decode(stored, mask: 0, into: $0) }
      let check = try #require(
        ChunkCheck(steps: filters.map { .known($0) }, chunkByteCount: original.count))
      try check.check(stored, mask: 0)
    }
    #expect(decoded == original)
  }

  @Test(
    arguments: [
      ([], nil), ([0, 5], nil), ([0, 5, 0], nil), ([0, 5, 4, 12], nil), ([0, 5, 4, 0, 1], nil),
      ([0, 5, 4, 0, 7], nil),
      ([0, 3, 4], .bitshuffle(Bitshuffle(elementSize: 4)!)),
      ([0, 3, 4, 16, 0], .bitshuffle(Bitshuffle(elementSize: 4, blockElements: 16)!)),
      ([0, 3, 2, 0, 2], .compression(.bitshuffle(Bitshuffle(elementSize: 2)!, .lz4))),
      ([0, 5, 8, 0, 3, 9], .compression(.bitshuffle(Bitshuffle(elementSize: 8)!, .zstd(level: 9)))),
    ] as [([UInt32], ChunkFilter?)])
  func parameters(numbers: [UInt32], filter: ChunkFilter?) {
    #expect(ChunkFilter(registered: 32008, parameters: numbers) == filter)
  }
}
