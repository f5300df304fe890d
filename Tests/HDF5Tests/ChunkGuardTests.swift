import Foundation
import HDF5
import TestSupport
import Testing

/// What the library reads itself is looked at before: it would read beyond a chunk that is too short.
@Suite(.timeLimit(.minutes(30))) struct ChunkGuardTests {
  /// Two chunks of 16 bytes, of which the second is replaced by raw bytes.
  private func file(
    _ folder: TemporaryFolder, _ filters: [FilterRequest], second: [UInt8], mask: UInt32 = 0
  ) throws -> Dataset {
    let dataset = try File(creating: folder.path()).root.createDataset(
      "x", type: .float64, shape: [4], storage: .chunked(shape: [2], filters: filters))
    try dataset.writeDoubles([1, 2, 3, 4])
    try second.withUnsafeBytes { try dataset.writeChunk(at: [2], filterMask: mask, from: $0) }
    try dataset.close()
    return try File(reading: folder.path()).root.dataset("x")
  }

  private static let eightZeros = [UInt8](repeating: 0, count: 8)

  /// zlib streams, made by Python's `zlib.compress`: of 8, 16 and 24 zeros.
  static let compressed: [Int: [UInt8]] = [
    8: [0x78, 0x9c, 0x63, 0x60, 0x80, 0x00, 0x00, 0x00, 0x08, 0x00, 0x01],
    16: [0x78, 0x9c, 0x63, 0x60, 0x40, 0x05, 0x00, 0x00, 0x10, 0x00, 0x01],
    24: [0x78, 0x9c, 0x63, 0x60, 0xc0, 0x0e, 0x00, 0x00, 0x18, 0x00, 0x01],
  ]

  @Test(arguments: [8, 16, 24]) func gzipIsAsLongAsItsElements(byteCount: Int) throws {
    let folder = try TemporaryFolder()
    let dataset = try file(
      folder, [.deflate(level: 1)], second: try #require(Self.compressed[byteCount]))
    if byteCount == 16 {
      #expect(try dataset.readDoubles() == [1, 2, 0, 0])
    } else {
      let error = #expect(throws: HDF5Error.self) { try dataset.readDoubles() }
      #expect(error?.cause == "its chunk at [2] does not decode to its 16 bytes")
    }
  }

  /// Whole chunks stay readable beside a damaged one, and are not looked at twice.
  @Test func onlyWhatIsReadIsLookedAt() throws {
    let folder = try TemporaryFolder()
    let dataset = try file(folder, [.fletcher32], second: Self.eightZeros + [0, 0, 0, 0])
    for _ in 0..<2 {
      #expect(try dataset.bytes(0..<2, as: .float64).count == 16)
      #expect(throws: HDF5Error.self) { try dataset.bytes(1..<3, as: .float64) }
    }
  }

  /// Chunks of one dataset that were found to be whole say nothing of another one's, also at the same places.
  @Test func eachDatasetIsLookedAt() throws {
    let folder = try TemporaryFolder()
    let made = try File(creating: folder.path())
    for name in ["a", "b", "c"] {
      let dataset = try made.root.createDataset(
        name, type: .float64, shape: [4], storage: .chunked(shape: [2], filters: [.deflate(level: 1)]))
      try dataset.writeDoubles([1, 2, 3, 4])
      if name == "b" {
        try (try #require(Self.compressed[8])).withUnsafeBytes {
          try dataset.writeChunk(at: [2], filterMask: 0, from: $0)
        }
      }
      try dataset.close()
    }
    try made.close()
    let root = try File(reading: folder.path()).root
    // Whichever was read before.
    for name in ["a", "c"] {
      #expect(try root.dataset(name).readDoubles() == [1, 2, 3, 4])
      let error = #expect(throws: HDF5Error.self) { try root.dataset("b").readDoubles() }
      #expect(error?.cause == "its chunk at [2] does not decode to its 16 bytes")
    }
  }

  /// Of a grid of chunks each is looked at, whichever were found to be whole before. The library would read beyond the short one.
  @Test(arguments: [[0, 2], [2, 0], [2, 2]]) func eachOfAGridIsLookedAt(damaged: [Int]) throws {
    let folder = try TemporaryFolder()
    let made = try File(creating: folder.path()).root.createDataset(
      "x", type: .float64, shape: [4, 4], storage: .chunked(shape: [2, 2], filters: [.deflate(level: 1)]))
    try made.writeDoubles((0..<16).map(Double.init))
    try (try #require(Self.compressed[16])).withUnsafeBytes {
      try made.writeChunk(at: damaged, filterMask: 0, from: $0)
    }
    try made.close()
    let dataset = try File(reading: folder.path()).root.dataset("x")
    for samples in [0..<2, 2..<4] {
      guard samples.contains(damaged[0]) else {
        #expect(try dataset.bytes(samples, as: .float64).count == 64)
        continue
      }
      let error = #expect(throws: HDF5Error.self) { try dataset.bytes(samples, as: .float64) }
      #expect(error?.cause == "its chunk at \(damaged) does not decode to its 32 bytes")
    }
  }

  /// Also where there is a chunk more than whole ones fit into a row.
  @Test func eachOfAnUnevenGridIsLookedAt() throws {
    let folder = try TemporaryFolder()
    let made = try File(creating: folder.path()).root.createDataset(
      "x", type: .float64, shape: [4, 5], storage: .chunked(shape: [2, 2], filters: [.deflate(level: 1)]))
    try made.writeDoubles((0..<20).map(Double.init))
    try (try #require(Self.compressed[16])).withUnsafeBytes {
      try made.writeChunk(at: [2, 0], filterMask: 0, from: $0)
    }
    try made.close()
    let dataset = try File(reading: folder.path()).root.dataset("x")
    #expect(try dataset.bytes(0..<2, as: .float64).count == 80)
    let error = #expect(throws: HDF5Error.self) { try dataset.bytes(2..<4, as: .float64) }
    #expect(error?.cause == "its chunk at [2, 0] does not decode to its 32 bytes")
  }

  /// Of rows that are read in part only the chunks that hold the part: a damaged one beside it is in nobody's way.
  @Test func onlyThePartThatIsReadIsLookedAt() throws {
    let folder = try TemporaryFolder()
    let made = try File(creating: folder.path()).root.createDataset(
      "x", type: .float64, shape: [4, 4], storage: .chunked(shape: [2, 2], filters: [.deflate(level: 1)]))
    try made.writeDoubles((0..<16).map(Double.init))
    try (try #require(Self.compressed[16])).withUnsafeBytes {
      try made.writeChunk(at: [2, 0], filterMask: 0, from: $0)
    }
    try made.close()
    let dataset = try File(reading: folder.path()).root.dataset("x")
    func columns(_ range: Range<Int>) throws -> [Double] {
      var values = [Double](repeating: -1, count: 4 * range.count)
      try values.withUnsafeMutableBytes {
        try dataset.read(leading: 0..<4, of: AxisRange(axis: 1, range), as: .float64, into: $0)
      }
      return values
    }
    #expect(try columns(2..<4) == [2, 3, 6, 7, 10, 11, 14, 15])
    #expect(try columns(3..<4) == [3, 7, 11, 15])
    for range in [0..<1, 1..<3, 0..<4] as [Range<Int>] {
      let error = #expect(throws: HDF5Error.self) { try columns(range) }
      #expect(error?.cause == "its chunk at [2, 0] does not decode to its 32 bytes")
    }
  }

  /// Two decimals of floats (scale-offset, filter 6), as h5py writes them with `scaleoffset=2`.
  @Test(arguments: [NumericType.float32, .float64]) func floatsOfTwoDecimalsAreRead(type: NumericType) throws
  {
    let folder = try TemporaryFolder()
    let made = try File(creating: folder.path())
    let numbers = (0..<64).map { Double($0 % 9) / 4 }
    let dataset = try made.root.createDataset(
      "x", type: type, shape: [64],
      storage: .chunked(shape: [32], filters: [.registered(6, parameters: [0, 2])]))
    try dataset.writeDoubles(numbers)
    try dataset.close()
    try made.close()
    let read = try File(reading: folder.path()).root.dataset("x")
    #expect(try read.chunkStorageSize(at: [32]) < 32 * type.byteCount)
    let found = try read.readDoubles()
    #expect(found.count == 64)
    for (number, expected) in zip(found, numbers) { #expect(abs(number - expected) < 0.006) }
  }

  @Test func aChunkThatSkippedItsFilters() throws {
    let folder = try TemporaryFolder()
    let whole = try file(
      folder, [.shuffle, .deflate(level: 1)], second: Self.eightZeros + Self.eightZeros, mask: 3)
    #expect(try whole.readDoubles() == [1, 2, 0, 0])
    let short = try file(
      try TemporaryFolder(), [.shuffle, .deflate(level: 1)], second: Self.eightZeros, mask: 3)
    #expect(throws: HDF5Error.self) { try short.readDoubles() }
  }

  /// Far more bytes than any filter makes of a chunk.
  @Test func aChunkThatIsMuchTooLong() throws {
    let folder = try TemporaryFolder()
    let dataset = try file(
      folder, [.deflate(level: 1)],
      second: try #require(Self.compressed[16]) + [UInt8](repeating: 0, count: 2000))
    let error = #expect(throws: HDF5Error.self) { try dataset.readDoubles() }
    #expect(error?.cause == "its chunk at [2] has 2011 bytes in the file for 16 bytes of elements")
  }

  /// The index of the chunks says how many bytes an unfiltered chunk has, and the library believes it.
  @Test(arguments: [8, 24]) func anUnfilteredChunkOfAnotherLength(byteCount: UInt32) throws {
    let folder = try TemporaryFolder()
    _ = try file(folder, [], second: Self.eightZeros + Self.eightZeros)
    var bytes = try folder.bytes()
    // A node of a version 1 B-tree for chunks: signature, type 1, level, entries, two siblings; then the first chunk's size.
    let node = try #require(bytes.range(of: Data("TREE".utf8) + [1]))
    let size = node.lowerBound + 24..<node.lowerBound + 28
    #expect(bytes[size] == Data([16, 0, 0, 0]))
    bytes.replaceSubrange(size, with: withUnsafeBytes(of: byteCount.littleEndian) { Data($0) })
    try bytes.write(to: URL(fileURLWithPath: folder.path()))
    let dataset = try File(reading: folder.path()).root.dataset("x")
    let error = #expect(throws: HDF5Error.self) { try dataset.readDoubles() }
    #expect(error?.cause == "it has \(byteCount) bytes in the file for 16 bytes of elements")
  }
}
