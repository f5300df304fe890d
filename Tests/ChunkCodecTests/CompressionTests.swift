import Foundation
import HDF5
import TestSupport
import Testing

@testable import ChunkCodec

/// Chunks that h5py wrote; the libraries are those that the tests need (`tools/set-up --tests`).
@Suite(.timeLimit(.minutes(30))) struct CompressionTests {
  /// Of each file the group whose activations are looked at.
  private static let fixtures: [(file: String, group: String)] =
    [
      "lzf_shuffle.h5", "zstd_shuffle.h5", "lz4_shuffle.h5", "bitshuffle_lz4.h5", "bitshuffle_zstd.h5",
      "blosc_lz4.h5", "blosc_zstd.h5",
    ].map { ($0, "layer") }
    + ["blosclz", "lz4", "lz4hc", "zlib", "zstd"].flatMap { codec in
      ["plain", "shuffle", "bitshuffle"].map { ("blosc.h5", "\(codec)_\($0)") }
    } + (CompressionLibrary.blosc2.isPresent ? blosc2 : [])

  /// What not every system has the library for.
  static let blosc2 = [
    "blosclz_plain", "lz4_shuffle", "lz4hc_bitshuffle", "zlib_delta", "zstd_shuffle",
  ].map { (file: "blosc2/blosc2.h5", group: $0) }

  /// A chunk of a file.
  private struct Chunk: CustomTestStringConvertible {
    /// As it lies in the file, without a checksum.
    var bytes: [UInt8]
    /// Its bytes before compression.
    let byteCount: Int
    let filters: [ChunkFilter]
    let compression: Compression

    var testDescription: String { "\(bytes.count) bytes of \(filters)" }
  }

  private func firstChunk(_ fixture: (file: String, group: String)) throws -> Chunk {
    let file = try File(reading: Repository.fixture(fixture.file))
    let dataset = try file.root.group(fixture.group).dataset("activations")
    guard case .chunked(let chunks) = dataset.storage else { throw ChunkCodecError.outOfMemory }
    let origin = chunks.shape.map { _ in 0 }
    var bytes = [UInt8](repeating: 0, count: try dataset.chunkStorageSize(at: origin))
    let mask = try bytes.withUnsafeMutableBytes { try dataset.readChunk(at: origin, into: $0) }
    #expect(mask == 0)
    var filters = try #require(chunks.codecFilters(elementSize: 4), "run tools/set-up --tests")
    if filters.last == .fletcher32 {
      filters.removeLast()
      bytes.removeLast(4)
    }
    guard case .compression(let compression)? = filters.last else { throw ChunkCodecError.outOfMemory }
    return Chunk(
      bytes: bytes, byteCount: chunks.shape.reduce(4, *), filters: filters, compression: compression)
  }

  private func decompress(_ chunk: Chunk, _ byteCount: Int) -> [UInt8]? {
    // What lies behind the target shows whether anything wrote there.
    var target = [UInt8](repeating: 0xA5, count: byteCount + 64)
    let count = chunk.bytes.withUnsafeBytes { source in
      target.withUnsafeMutableBytes {
        chunk.compression.decompress(source, into: .init(rebasing: $0[..<byteCount]))
      }
    }
    #expect(target[byteCount...].allSatisfy { $0 == 0xA5 })
    return count.map { Array(target[..<$0]) }
  }

  /// Where the library is missing, the list of skipped tests says so.
  @Test(
    "Blosc2's chunks are among them",
    .enabled(if: CompressionLibrary.blosc2.isPresent, "C-Blosc2 is not installed"))
  func coversBlosc2() {
    #expect(Self.blosc2.allSatisfy { own in Self.fixtures.contains { $0 == own } })
  }

  @Test(arguments: fixtures)
  func decompresses(fixture: (file: String, group: String)) throws {
    var chunk = try firstChunk(fixture)
    let result = try #require(decompress(chunk, chunk.byteCount))
    #expect(result.count == chunk.byteCount)
    #expect(decompress(chunk, chunk.byteCount - 1) == nil)
    #expect(decompress(chunk, chunk.byteCount + 1) == result)
    chunk.bytes = []
    #expect(decompress(chunk, chunk.byteCount) == nil)
  }

  /// Nothing that may lie in a file harms: a result of some length, or none.
  @Test(arguments: fixtures, 0..<4)
  func survivesDamage(fixture: (file: String, group: String), seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let chunk = try firstChunk(fixture)
    var failures = 0
    for _ in 0..<500 {
      var damaged = chunk
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        // Heads decide most, and are a small part.
        let head = Bool.random(using: &generator) ? damaged.bytes.prefix(16).indices : damaged.bytes.indices
        let index = head.randomElement(using: &generator) ?? 0
        damaged.bytes[index] = UInt8.random(in: 0...255, using: &generator)
      }
      if Bool.random(using: &generator) {
        damaged.bytes.removeLast(Int.random(in: 1..<damaged.bytes.count, using: &generator))
      }
      if decompress(damaged, chunk.byteCount)?.count != chunk.byteCount { failures += 1 }
    }
    #expect(failures > 200, "seed \(seed)")
  }

  /// Every number of a head is compared with what is there before the data is decoded.
  @Test(arguments: fixtures)
  func headsAreNotTrusted(fixture: (file: String, group: String)) throws {
    let chunk = try firstChunk(fixture)
    let heads: [(range: Range<Int>, mostSignificantFirst: Bool)] =
      switch chunk.compression {
      case .lz4: [(0..<8, true)]
      case .bitshuffle: [(0..<8, true), (12..<16, true)]
      case .blosc: [(4..<8, false), (8..<12, false), (12..<16, false)]
      case .blosc2:
        [
          (0xB..<0xF, true), (0x10..<0x18, true), (0x1E..<0x26, true), (0x27..<0x2F, true),
          (0x30..<0x34, true), (0x3A..<0x3E, true),
        ]
      case .lzf, .zstd: []
      }
    for (range, mostSignificantFirst) in heads {
      for value in [UInt64(0), 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 50, 1 << 63, .max] {
        var damaged = chunk
        let bytes = (0..<range.count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
        damaged.bytes.replaceSubrange(range, with: mostSignificantFirst ? bytes.reversed() : bytes)
        #expect(
          decompress(damaged, chunk.byteCount)?.count != chunk.byteCount, "\(range) \(value)")
      }
    }
  }

  /// In a pipeline, with a skipped filter and with a result of the wrong length.
  @Test(arguments: fixtures)
  func takesPartInPipelines(fixture: (file: String, group: String)) throws {
    let chunk = try firstChunk(fixture)
    let byteCount = chunk.byteCount
    let plain = try #require(decompress(chunk, byteCount))
    func decode(_ filters: [ChunkFilter], _ bytes: [UInt8], mask: UInt32 = 0, count: Int) throws -> [UInt8] {
      let codec = try ChunkCodec(filters: filters, chunkByteCount: count)
      var target = [UInt8](repeating: 0, count: count)
      try bytes.withUnsafeBytes { source in
        try target.withUnsafeMutableBytes { try codec.decode(source, mask: mask, into: $0) }
      }
      return target
    }
    let filters: [ChunkFilter] = [.shuffle(elementSize: 4), .compression(chunk.compression)]
    let decoded = try decode(filters, chunk.bytes, count: byteCount)
    #expect(try decode(filters, decoded, mask: 0b11, count: byteCount) == decoded)
    #expect(try decode(filters, plain, mask: 0b10, count: byteCount) == decoded)
    #expect(try decode([.compression(chunk.compression)], chunk.bytes, count: byteCount) == plain)
    for count in [byteCount - 4, byteCount + 4] {
      #expect(throws: ChunkCodecError.damaged(filter: chunk.compression.name)) {
        try decode(filters, chunk.bytes, count: count)
      }
    }
  }

  /// Snappy, which hdf5plugin cannot write: buffers that Debian's C-Blosc 1.21.3 made of twenty-five 0, 1, 2 and 3 of float32,
  /// with no shuffle and with shuffle.
  @Test(arguments: [
    """
    02015004900100009001000040000000140000002800000090030000fe010092010008803f00fe040082040008004000fe040082040008404000\
    fe04007a0400
    """,
    """
    02015104900100009001000043000000140000002b00000090030000fe0100fe0100fe01007e010000805e010062f90000405e0100623200003f\
    5e01005e4a00660100
    """,
  ])
  func snappyInsideOfBlosc(digits: String) throws {
    let nibbles = try digits.map { try #require(UInt8(String($0), radix: 16)) }
    let bytes = stride(from: 0, to: nibbles.count, by: 2).map { nibbles[$0] << 4 | nibbles[$0 + 1] }
    let expected = (0..<100).flatMap { withUnsafeBytes(of: Float($0 / 25)) { Array($0) } }
    let filter = try #require(ChunkFilter(registered: 32001, parameters: [2, 2, 4, 400, 5, 1, 3]))
    guard case .compression(let blosc) = filter else { throw ChunkCodecError.outOfMemory }
    #expect(blosc.missingCodec == nil)
    let chunk = Chunk(bytes: bytes, byteCount: 400, filters: [filter], compression: blosc)
    #expect(decompress(chunk, 400) == expected)
  }

  /// Zeros compress best, and no better than is believed: of a file whose chunks state more nothing is read.
  @Test(arguments: [CompressionLibrary.zstd, .lz4]) func zerosAreNotBelievedToBeDamage(
    library: CompressionLibrary
  ) throws {
    let zeros = [UInt8](repeating: 0, count: 16 << 20)
    var target = [UInt8](repeating: 0, count: 1 << 20)
    let found = zeros.withUnsafeBytes { source in
      target.withUnsafeMutableBytes { library.compress(source, into: $0, level: 3) }
    }
    let count = try #require(found, "run tools/set-up --tests")
    #expect(count * library.largestRatio >= 16_777_216, "\(count) bytes")
  }

  #if os(Linux)
    /// The names that are said are those that the library gives its codecs.
    @Test func codecsOfBloscHaveItsNames() throws {
      typealias Name = @convention(c) (Int32, UnsafeMutablePointer<UnsafePointer<CChar>?>) -> Int32
      let library = try #require(dlopen("libblosc.so.1", RTLD_NOW | RTLD_LOCAL))
      defer { dlclose(library) }
      let function = try #require(dlsym(library, "blosc_compcode_to_compname"))
      let nameOf = unsafeBitCast(function, to: Name.self)
      for code in 0..<6 as Range<UInt32> {
        var name: UnsafePointer<CChar>?
        // A name it has also for what it was built without; then it returns -1.
        _ = nameOf(Int32(code), &name)
        #expect(Compression.nameOfBloscCodec(code) == String(cString: try #require(name)))
      }
      #expect(Compression.nameOfBloscCodec(6) == "codec 6")
    }
  #endif
}
