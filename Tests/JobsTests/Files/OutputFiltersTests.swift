import ChunkCodec
import Configuration
import Testing

@testable import LayerFiles

/// Which filters chunks of an output have, and in which order.
@Suite(.timeLimit(.minutes(30))) struct OutputFiltersTests {
  private static let bits = Bitshuffle(elementSize: 4)!

  /// LZ4 and Zstandard compress inside of bitshuffle, block by block; deflate what it gives.
  static let rows: [(keys: String, filters: [ChunkFilter])] = [
    ("", []), (#", "shuffle": true"#, [.shuffle(elementSize: 4)]),
    (#", "bitshuffle": true"#, [.bitshuffle(bits)]),
    (#", "gzip": 3"#, [.deflate(level: 3)]),
    (#", "gzip": 3, "shuffle": true"#, [.shuffle(elementSize: 4), .deflate(level: 3)]),
    (#", "gzip": 3, "bitshuffle": true"#, [.bitshuffle(bits), .deflate(level: 3)]),
    (#", "zstd": 5"#, [.compression(.zstd(level: 5))]),
    (#", "zstd": 5, "bitshuffle": true"#, [.compression(.bitshuffle(bits, .zstd(level: 5)))]),
    (#", "lz4": true"#, [.compression(.lz4)]),
    (#", "lz4": true, "shuffle": true"#, [.shuffle(elementSize: 4), .compression(.lz4)]),
    (#", "lz4": true, "bitshuffle": true"#, [.compression(.bitshuffle(bits, .lz4))]),
  ]

  @Test(arguments: rows, [false, true])
  func areThoseThatAreAskedFor(row: (keys: String, filters: [ChunkFilter]), hasChecksum: Bool) throws {
    let checksum = hasChecksum ? #", "fletcher32": true"# : ""
    let configuration = try JobConfiguration(
      json: #"{"output_storage": {"layout": "chunked"\#(row.keys)\#(checksum)}}"#, source: "test")
    let expected = row.filters + (hasChecksum ? [.fletcher32] : [])
    #expect(configuration.outputStorage.filters(elementSize: 4) == expected)
  }
}
