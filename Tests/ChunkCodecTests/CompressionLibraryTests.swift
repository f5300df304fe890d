import HDF5
import TestSupport
import Testing

@testable import ChunkCodec

/// Chunks that h5py wrote; the libraries are those that the tests need (`tools/set-up --tests`).
@Suite(.timeLimit(.minutes(30))) struct CompressionLibraryTests {
  private static let fixtures: [CompressionLibrary: String] = [
    .lzf: "lzf_shuffle.h5", .zstd: "zstd_shuffle.h5",
  ]

  /// The first chunk as it lies in the file, without a checksum, and its length before compression.
  private func chunk(_ library: CompressionLibrary) throws -> (bytes: [UInt8], byteCount: Int) {
    let file = try File(reading: Repository.fixture(try #require(Self.fixtures[library])))
    let dataset = try file.root.group("layer").dataset("activations")
    guard case .chunked(let chunks) = dataset.storage else { throw ChunkCodecError.outOfMemory }
    let origin = [0, 0, 0, 0]
    var bytes = [UInt8](repeating: 0, count: try dataset.chunkStorageSize(at: origin))
    let mask = try bytes.withUnsafeMutableBytes { try dataset.readChunk(at: origin, into: $0) }
    #expect(mask == 0)
    if chunks.filters.contains(where: { $0.name == "fletcher32" }) { bytes.removeLast(4) }
    return (bytes, chunks.shape.reduce(4, *))
  }

  private func decompress(_ library: CompressionLibrary, _ bytes: [UInt8], _ byteCount: Int) -> [UInt8]? {
    // What lies behind the target shows whether anything wrote there.
    var target = [UInt8](repeating: 0xA5, count: byteCount + 64)
    let count = bytes.withUnsafeBytes { source in
      target.withUnsafeMutableBytes { library.decompress(source, into: .init(rebasing: $0[..<byteCount])) }
    }
    #expect(target[byteCount...].allSatisfy { $0 == 0xA5 })
    return count.map { Array(target[..<$0]) }
  }

  @Test(arguments: CompressionLibrary.allCases)
  func decompresses(library: CompressionLibrary) throws {
    try #require(library.isPresent, "run tools/set-up --tests")
    let (bytes, byteCount) = try chunk(library)
    let result = try #require(decompress(library, bytes, byteCount))
    #expect(result.count == byteCount)
    #expect(decompress(library, bytes, byteCount - 1) == nil)
    #expect(decompress(library, bytes, byteCount + 1) == result)
    #expect(decompress(library, [], byteCount) == nil)
  }

  /// Nothing that may lie in a file harms: a result of some length, or none.
  @Test(arguments: CompressionLibrary.allCases, 0..<8)
  func survivesDamage(library: CompressionLibrary, seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let (bytes, byteCount) = try chunk(library)
    var failures = 0
    for _ in 0..<500 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let index = damaged.indices.randomElement(using: &generator) ?? 0
        damaged[index] = UInt8.random(in: 0...255, using: &generator)
      }
      if Bool.random(using: &generator) {
        damaged.removeLast(Int.random(in: 1..<damaged.count, using: &generator))
      }
      if decompress(library, damaged, byteCount)?.count != byteCount { failures += 1 }
    }
    #expect(failures > 200, "seed \(seed)")
  }

  /// In a pipeline, with a skipped filter and with a result of the wrong length.
  @Test(arguments: CompressionLibrary.allCases)
  func takesPartInPipelines(library: CompressionLibrary) throws {
    let (bytes, byteCount) = try chunk(library)
    let plain = try #require(decompress(library, bytes, byteCount))
    func decode(_ filters: [ChunkFilter], _ bytes: [UInt8], mask: UInt32 = 0, count: Int) throws -> [UInt8] {
      let codec = try ChunkCodec(filters: filters, chunkByteCount: count)
      var target = [UInt8](repeating: 0, count: count)
      try bytes.withUnsafeBytes { source in
        try target.withUnsafeMutableBytes { try codec.decode(source, mask: mask, into: $0) }
      }
      return target
    }
    let filters: [ChunkFilter] = [.shuffle(elementSize: 4), .library(library)]
    let decoded = try decode(filters, bytes, count: byteCount)
    #expect(try decode(filters, decoded, mask: 0b11, count: byteCount) == decoded)
    #expect(try decode(filters, plain, mask: 0b10, count: byteCount) == decoded)
    #expect(try decode([.library(library)], bytes, count: byteCount) == plain)
    for count in [byteCount - 4, byteCount + 4] {
      #expect(throws: ChunkCodecError.damaged(filter: library.name)) {
        try decode(filters, bytes, count: count)
      }
    }
  }
}
