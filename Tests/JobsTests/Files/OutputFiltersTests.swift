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

  /// A run that goes on is told which library compressed before it: by its name, and by what it makes of certain numbers.
  @Test(
    arguments: [
      (#""gzip": 3"#, "gzip"), (#""zstd": 5"#, "zstd"), (#""zstd": 5, "bitshuffle": true"#, "zstd"),
      (#""lz4": true"#, "lz4"), (#""shuffle": true, "fletcher32": true"#, nil),
    ] as [(String, String?)])
  func compressorsAreNamed(keys: String, name: String?) throws {
    let configuration = try JobConfiguration(
      json: #"{"output_storage": {"layout": "chunked", \#(keys)}}"#, source: "test")
    let words = configuration.outputStorage.codecDigest?.split(separator: " ").map(String.init)
    #expect(words?.first == name)
    let count = words?.count ?? 0
    #expect(count == (name == nil ? 0 : 2))
  }
}
