import Foundation
import HDF5
import TestSupport
import Testing

@testable import ChunkCodec

/// What the codec applies the HDF5 library undoes, by itself or as it was taught: so masks and parameters are read, and whatever is not read in
/// parallel.
@Suite(.timeLimit(.minutes(30))) struct LibraryFilterTests {
  /// Each compression, alone and with a checksum and a shuffle before it or behind it.
  static let pipelines: [[ChunkFilter]] = {
    let (shuffle, bits) = (
      ChunkFilter.shuffle(elementSize: 4), ChunkFilter.bitshuffle(Bitshuffle(elementSize: 4)!)
    )
    let plain: [ChunkFilter] = [.deflate(level: 4), .compression(.zstd(level: 3)), .compression(.lz4)]
    let ofBits: [ChunkFilter] = [
      .compression(.bitshuffle(Bitshuffle(elementSize: 4)!, .lz4)),
      .compression(.bitshuffle(Bitshuffle(elementSize: 4, blockElements: 16)!, .zstd(level: 1))),
    ]
    func orders(_ compression: ChunkFilter, _ shuffles: [ChunkFilter]) -> [[ChunkFilter]] {
      [[compression], [compression, .fletcher32], [.fletcher32, compression]]
        + shuffles.flatMap {
          [
            [$0, compression], [$0, .fletcher32, compression], [.fletcher32, $0, compression],
            [$0, compression, .fletcher32],
          ]
        }
    }
    return [[], [.fletcher32], [shuffle], [bits]] + plain.map { [$0, shuffle] }
      + plain.flatMap { orders($0, [shuffle, bits]) } + ofBits.flatMap { orders($0, [shuffle]) }
  }()

  /// Three chunks of 64 rows of three numbers and one that the data does not fill.
  @Test(arguments: pipelines) func undoesWhatTheCodecApplies(filters: [ChunkFilter]) throws {
    let folder = try TemporaryFolder()
    let numbers = (0..<600).map { Double($0 * $0 % 97) / 8 }
    let file = try File(anew: folder.path())
    let dataset = try file.root.createDataset(
      "x", type: .float32, shape: [200, 3],
      storage: .chunked(shape: [64, 3], filters: try filters.map { try #require(FilterRequest($0)) }))
    let codec = try ChunkCodec(filters: filters, chunkByteCount: 64 * 3 * 4)
    for first in stride(from: 0, to: 200, by: 64) {
      let chunk = (0..<192).map { index in 3 * first + index < 600 ? Float(numbers[3 * first + index]) : 0 }
      let stored = try withExtendedLifetime(codec) {
        try chunk.withUnsafeBytes { Array(try codec.encode($0)) }
      }
      try stored.withUnsafeBytes { try dataset.writeChunk(at: [first, 0], filterMask: 0, from: $0) }
    }
    try dataset.close()
    try file.close()
    let read = try File(reading: folder.path()).root.dataset("x")
    #expect(try read.readDoubles() == numbers)
    var rows = [Float](repeating: 0, count: 9)
    try rows.withUnsafeMutableBytes { try read.read(leading: 63..<66, as: .float32, into: $0) }
    #expect(rows.map(Double.init) == Array(numbers[189..<198]))
  }
}
