import Foundation
import TestSupport
import Testing

@testable import ChunkCodec

@Suite(.timeLimit(.minutes(30))) struct ChunkCodecTests {
  static let pipelines: [[ChunkFilter]] = [
    [], [.deflate(level: 4)], [.shuffle(elementSize: 4), .deflate(level: 1)],
    [.shuffle(elementSize: 8), .deflate(level: 9), .fletcher32],
    [.fletcher32, .shuffle(elementSize: 4), .deflate(level: 6)],
    [.deflate(level: 1), .shuffle(elementSize: 2)],
    [.shuffle(elementSize: 4), .fletcher32, .deflate(level: 3)],
    [.compression(.zstd(level: 1))], [.shuffle(elementSize: 4), .compression(.zstd(level: 19)), .fletcher32],
    [.compression(.lz4)], [.fletcher32, .shuffle(elementSize: 2), .compression(.lz4)],
    [.bitshuffle(Bitshuffle(elementSize: 4)!), .deflate(level: 1)],
    [.compression(.bitshuffle(Bitshuffle(elementSize: 4)!, .lz4)), .fletcher32],
    [.compression(.bitshuffle(Bitshuffle(elementSize: 8, blockElements: 16)!, .zstd(level: 3)))],
  ]

  /// Numbers with structure, so that compression has something to find.
  static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed
    return (0..<count).map { index in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return index % 4 == 3 ? 0x3F : UInt8(truncatingIfNeeded: state >> 56)
    }
  }

  /// What moves bytes or bits of elements is for elements of one size.
  @Test func someFiltersAreForElementsOfOneSize() throws {
    let bits = try #require(Bitshuffle(elementSize: 4))
    let sizes = [1, 2, 4, 8]
    let ofOneSize: [ChunkFilter] = [
      .shuffle(elementSize: 4), .bitshuffle(bits), .compression(.bitshuffle(bits, .lz4)),
    ]
    for filter in ofOneSize { #expect(sizes.filter { filter.suits(elementSize: $0) } == [4]) }
    let others: [ChunkFilter] = [.deflate(level: 1), .fletcher32, .compression(.lz4)]
    for filter in others { #expect(sizes.filter { filter.suits(elementSize: $0) } == sizes) }
  }

  /// Numbers that compress, and bytes that nothing makes shorter: these need the most room.
  @Test(arguments: pipelines, [0, 16, 64, 1000, 4096, 100_000])
  func undoesWhatItApplies(filters: [ChunkFilter], count: Int) throws {
    let codec = try ChunkCodec(filters: filters, chunkByteCount: count)
    var generator = SeededGenerator(seed: 8)
    let random = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    for original in [Self.bytes(count, seed: 7), random] {
      let stored = try original.withUnsafeBytes { try Array(codec.encode($0)) }
      var decoded = [UInt8](repeating: 0, count: count)
      try stored.withUnsafeBytes { stored in
        try decoded.withUnsafeMutableBytes { try codec.decode(stored, mask: 0, into: $0) }
      }
      #expect(decoded == original)
    }
  }

  /// Who only looks whether a chunk decodes to its bytes says the same of each: a whole one, one of other numbers of bytes, and what
  /// skipped its filters.
  @Test(arguments: pipelines, [64, 1000, 4096]) func checksWhatItApplies(filters: [ChunkFilter], count: Int)
    throws
  {
    let check = try #require(ChunkCheck(steps: filters.map { .known($0) }, chunkByteCount: count))
    for length in [count, count - 8, count + 8] {
      let codec = try ChunkCodec(filters: filters, chunkByteCount: length)
      let original = Self.bytes(length, seed: 13)
      let stored = try original.withUnsafeBytes { try Array(codec.encode($0)) }
      func isWhole(_ bytes: [UInt8], mask: UInt32) -> Bool {
        bytes.withUnsafeBytes { bytes in (try? check.check(bytes, mask: mask)) != nil }
      }
      #expect(isWhole(stored, mask: 0) == (length == count), "\(length)")
      #expect(isWhole(original, mask: .max) == (length == count), "\(length)")
    }
  }

  /// What a format has around its bytes is many times as long as so few elements.
  @Test(
    arguments: [[.deflate(level: 1), .fletcher32], [.fletcher32, .deflate(level: 9)]] as [[ChunkFilter]],
    1...9)
  func tinyChunksMayGrow(filters: [ChunkFilter], count: Int) throws {
    let codec = try ChunkCodec(filters: filters, chunkByteCount: count)
    let original = (0..<count).map { UInt8(200 - 30 * $0 % 7) }
    let stored = try withExtendedLifetime(codec) {
      try original.withUnsafeBytes { Array(try codec.encode($0)) }
    }
    let check = try #require(ChunkCheck(steps: filters.map { .known($0) }, chunkByteCount: count))
    #expect(throws: Never.self) { try stored.withUnsafeBytes { try check.check($0, mask: 0) } }
  }

  /// A filter reads what another one wrote: there are two places at a time, each as long as the chunk may become, and no third.
  @Test(arguments: pipelines) func keepsTwoPlaces(filters: [ChunkFilter]) {
    let chunk = 1 << 20
    let share: Range<Int> = 2 * (chunk + 4)..<4 * chunk
    #expect(share.contains(ChunkCodec.memory(chunkByteCount: chunk)))
    #expect(share.contains(ChunkCodec.memory(encoding: filters, chunkByteCount: chunk)))
  }

  /// Tables are no longer than the data needs, whatever the level.
  @Test(arguments: [1, 3, 9, 19, 22]) func zstandardTakesLittleForSmallChunks(level: Int) throws {
    let bitshuffle = try #require(Bitshuffle(elementSize: 4))
    func share(_ compression: Compression, _ byteCount: Int) -> Int {
      ChunkCodec.libraryMemory(encoding: [.compression(compression)], chunkByteCount: byteCount)
    }
    let (ofChunk, ofBlock): (Range<Int>, Range<Int>) = (1 << 16..<4 << 20, 1 << 13..<2 << 20)
    #expect(ofChunk.contains(share(.zstd(level: level), 1 << 16)))
    // What compresses block by block takes as little for any chunk.
    #expect(ofBlock.contains(share(.bitshuffle(bitshuffle, .zstd(level: level)), 1 << 30)))
  }

  #if os(Linux)
    /// What is set aside for the libraries, beside what Zstandard says that it takes for each of its levels.
    @Test(.enabled(if: CompressionLibrary.zstd.isPresent, "libzstd is not here"), arguments: 1...22)
    func librariesTakeNoMoreThanTheirShare(level: Int) throws {
      typealias Estimate = @convention(c) (Int32) -> Int
      let library = try #require(dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL))
      defer { dlclose(library) }
      let function = try #require(dlsym(library, "ZSTD_estimateCCtxSize"))
      let estimate = unsafeBitCast(function, to: Estimate.self)(Int32(level))
      let zstd = ChunkFilter.compression(.zstd(level: level))
      for filters in [[zstd], [.shuffle(elementSize: 4), zstd, .fletcher32]] {
        let share = ChunkCodec.libraryMemory(encoding: filters, chunkByteCount: 1 << 30)
        #expect(share >= estimate && share < 8 * estimate)
      }
      #expect(
        ChunkCodec.libraryMemory(
          encoding: [.shuffle(elementSize: 4), .deflate(level: 6)], chunkByteCount: 1 << 30) == 0)
    }
  #endif

  /// Levels are Zstandard's: a higher one finds more.
  @Test func zstandardHasLevels() throws {
    // Words that come again, and hardly in the same order.
    var generator = SeededGenerator(seed: 4)
    let words = (0..<300).map { _ in (0..<9).map { _ in UInt8.random(in: 0...255, using: &generator) } }
    let original = (0..<4000).flatMap { _ in words.randomElement(using: &generator) ?? [] }
    func size(_ compression: Compression) throws -> Int {
      let codec = try ChunkCodec(filters: [.compression(compression)], chunkByteCount: original.count)
      return try original.withUnsafeBytes { try codec.encode($0).count }
    }
    #expect(try size(.zstd(level: 19)) < size(.zstd(level: 1)))
  }

  /// Also within bitshuffle: of levels apart each gives other bytes.
  @Test func zstandardHasLevelsWithinBitshuffle() throws {
    var generator = SeededGenerator(seed: 4)
    var original: [UInt8] = []
    for _ in 0..<1 << 14 { original += [63, UInt8.random(in: 0...20, using: &generator), 7, 0] }
    let bitshuffle = try #require(Bitshuffle(elementSize: 4))
    let streams = try [1, 5, 19].map { level in
      let codec = try ChunkCodec(
        filters: [.compression(.bitshuffle(bitshuffle, .zstd(level: level)))], chunkByteCount: original.count)
      return try original.withUnsafeBytes { try Array(codec.encode($0)) }
    }
    #expect(Set(streams).count == 3)
  }

  /// A skipped filter is a bit in the mask.
  @Test func skipsMaskedFilters() throws {
    let filters: [ChunkFilter] = [.shuffle(elementSize: 4), .deflate(level: 4), .fletcher32]
    let original = Self.bytes(256, seed: 3)
    let shuffled = try ChunkCodec(filters: [.shuffle(elementSize: 4)], chunkByteCount: 256)
    let stored = try original.withUnsafeBytes { try Array(shuffled.encode($0)) }
    let codec = try ChunkCodec(filters: filters, chunkByteCount: 256)
    var decoded = [UInt8](repeating: 0, count: 256)
    try stored.withUnsafeBytes { stored in
      try decoded.withUnsafeMutableBytes { try codec.decode(stored, mask: 0b110, into: $0) }
    }
    #expect(decoded == original)
  }

  /// The layout of the shuffle filter, written out.
  @Test func shuffleLaysBytesSideBySide() {
    let source: [UInt8] = [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23, 99]
    var target = [UInt8](repeating: 0, count: source.count)
    source.withUnsafeBytes { source in
      target.withUnsafeMutableBytes { Shuffle.apply(source, $0, elementSize: 4) }
    }
    #expect(target == [0, 10, 20, 1, 11, 21, 2, 12, 22, 3, 13, 23, 99])
  }

  /// Every element size and both ends of the vectorized loops agree with the plain definition.
  @Test(arguments: [1, 2, 3, 4, 8, 16], [0, 1, 15, 16, 17, 33, 100])
  func shuffleIsUndone(elementSize: Int, elements: Int) {
    let source = Self.bytes(elementSize * elements + elementSize / 2, seed: 11)
    var shuffled = source
    source.withUnsafeBytes { source in
      shuffled.withUnsafeMutableBytes { Shuffle.apply(source, $0, elementSize: elementSize) }
    }
    for element in 0..<elements {
      for byte in 0..<elementSize {
        #expect(shuffled[byte * elements + element] == source[element * elementSize + byte])
      }
    }
    var back = [UInt8](repeating: 0, count: source.count)
    shuffled.withUnsafeBytes { shuffled in
      back.withUnsafeMutableBytes { Shuffle.undo(shuffled, $0, elementSize: elementSize) }
    }
    #expect(back == source)
  }

  /// Computed by hand from the definition: words 0x0102 and 0x0304.
  @Test func checksumOfFourBytes() {
    let sum = [1, 2, 3, 4].map(UInt8.init).withUnsafeBytes { Fletcher32.checksum($0) }
    #expect(sum == (0x0102 + 0x0102 + 0x0304) << 16 | 0x0406)
  }

  /// As in masks and saturated images. All sums of such words are multiples of 65535, which stands for them; so many as are added between two
  /// reductions just have room in 32 bits.
  @Test(arguments: [2, 720, 722, 726, 730, 1440, 5000, 65_536]) func checksumOfTheLargestWords(count: Int) {
    let bytes = [UInt8](repeating: 0xFF, count: count)
    #expect(bytes.withUnsafeBytes { Fletcher32.checksum($0) } == 0xFFFF_FFFF)
  }

  /// The sum 0x05080406, its least significant byte first. HDF5 before 1.6.3 wrote the bytes of each half exchanged; any other order is
  /// damage.
  @Test(
    arguments: [
      ([0x06, 0x04, 0x08, 0x05], true), ([0x04, 0x06, 0x05, 0x08], true), ([0x08, 0x05, 0x06, 0x04], false),
      ([0x05, 0x08, 0x04, 0x06], false), ([0x06, 0x04, 0x08, 0x04], false),
    ] as [([UInt8], Bool)])
  func checksumsOfOldFiles(sum: [UInt8], isValid: Bool) {
    let bytes: [UInt8] = [1, 2, 3, 4]
    #expect((bytes + sum).withUnsafeBytes { Fletcher32.isValid($0) } == isValid)
  }

  @Test func damageIsAnError() throws {
    let filters: [ChunkFilter] = [.shuffle(elementSize: 4), .deflate(level: 4), .fletcher32]
    let codec = try ChunkCodec(filters: filters, chunkByteCount: 512)
    let original = Self.bytes(512, seed: 5)
    let stored = try original.withUnsafeBytes { try Array(codec.encode($0)) }
    var target = [UInt8](repeating: 0, count: 512)
    for index in stride(from: 0, to: stored.count, by: 7) {
      var damaged = stored
      damaged[index] ^= 0x10
      #expect(throws: ChunkCodecError.damaged(filter: "fletcher32")) {
        try damaged.withUnsafeBytes { damaged in
          try target.withUnsafeMutableBytes { try codec.decode(damaged, mask: 0, into: $0) }
        }
      }
    }
  }

  /// A stream that is too long or too short for the chunk is refused, where the HDF5 library reads on.
  @Test(arguments: [508, 516]) func wrongLengthIsAnError(count: Int) throws {
    let writer = try ChunkCodec(filters: [.deflate(level: 4)], chunkByteCount: count)
    let reader = try ChunkCodec(filters: [.deflate(level: 4)], chunkByteCount: 512)
    let stored = try Self.bytes(count, seed: 9).withUnsafeBytes { try Array(writer.encode($0)) }
    var target = [UInt8](repeating: 0, count: 512)
    #expect(throws: ChunkCodecError.damaged(filter: "gzip")) {
      try stored.withUnsafeBytes { stored in
        try target.withUnsafeMutableBytes { try reader.decode(stored, mask: 0, into: $0) }
      }
    }
  }

  /// Without a compressor nothing but the length says that a chunk is not whole.
  @Test(
    arguments: [[], [.shuffle(elementSize: 4)], [.fletcher32], [.shuffle(elementSize: 8), .fletcher32]]
      as [[ChunkFilter]], [0, 256, 508, 516])
  func wrongLengthWithoutCompressionIsAnError(filters: [ChunkFilter], count: Int) throws {
    let writer = try ChunkCodec(filters: filters, chunkByteCount: count)
    let reader = try ChunkCodec(filters: filters, chunkByteCount: 512)
    let stored = try Self.bytes(count, seed: 9).withUnsafeBytes { try Array(writer.encode($0)) }
    var target = [UInt8](repeating: 0, count: 512)
    #expect(throws: ChunkCodecError.wrongLength(count, expected: 512)) {
      try stored.withUnsafeBytes { stored in
        try target.withUnsafeMutableBytes { try reader.decode(stored, mask: 0, into: $0) }
      }
    }
  }
}
