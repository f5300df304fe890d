import HDF5
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30))) struct ChunkTests {
  private func dataset(_ folder: TemporaryFolder, _ filters: [FilterRequest]) throws -> Dataset {
    try File(creating: folder.path()).root.createDataset(
      "x", type: .native(.uint16), shape: [5, 4], storage: .chunked(shape: [2, 4], filters: filters))
  }

  @Test func rawChunksAreTheElementsInOrder() throws {
    let folder = try TemporaryFolder()
    let dataset = try dataset(folder, [])
    #expect(try dataset.chunkStorageSize(at: [2, 0]) == 0)
    #expect(try dataset.writtenChunkCount == 0)
    let values = (0..<20).map { UInt16($0) }
    try values.withUnsafeBytes { try dataset.write(leading: 0..<5, as: .native(.uint16), from: $0) }

    #expect(try dataset.chunkStorageSize(at: [2, 0]) == 16)
    var chunk = [UInt16](repeating: 0, count: 8)
    let mask = try chunk.withUnsafeMutableBytes { try dataset.readChunk(at: [2, 0], into: $0) }
    #expect(mask == 0)
    #expect(chunk == Array(values[8..<16]))
    // A chunk at the edge has its full size.
    #expect(try dataset.chunkStorageSize(at: [4, 0]) == 16)
  }

  @Test func everyChunkHasItsOwnFilterMask() throws {
    let folder = try TemporaryFolder()
    let values = (0..<20).map { UInt16($0 + 100) }
    let written = try dataset(folder, [.shuffle, .deflate(level: 1)])
    try values.withUnsafeBytes { try written.write(leading: 0..<5, as: .native(.uint16), from: $0) }
    // Rows 2 and 3 once more, past both filters.
    try values[8..<16].withUnsafeBytes { try written.writeChunk(at: [2, 0], filterMask: 3, from: $0) }
    try written.close()

    let dataset = try File(reading: folder.path()).root.dataset("x")
    var masks: [UInt32?] = []
    for row in [0, 2, 4, 2, 0] {
      var chunk = [UInt16](repeating: 0, count: 50)
      masks.append(try chunk.withUnsafeMutableBytes { try dataset.readChunk(at: [row, 0], into: $0) })
      if row == 2 { #expect(chunk.prefix(8) == values[8..<16]) }
    }
    #expect(masks == [0, 3, 0, 3, 0])
    #expect(try dataset.readIntegers() == values.map { Int($0) })
  }

  @Test func aFilteredChunkMovesAsItIs() throws {
    let folder = try TemporaryFolder()
    let otherFolder = try TemporaryFolder()
    let filters: [FilterRequest] = [.shuffle, .deflate(level: 9), .fletcher32]
    let source = try dataset(folder, filters)
    let target = try dataset(otherFolder, filters)
    try source.writeIntegers(Array(0..<20))
    for row in [0, 2, 4] {
      var chunk = [UInt8](repeating: 0, count: try source.chunkStorageSize(at: [row, 0]))
      let mask = try chunk.withUnsafeMutableBytes { try source.readChunk(at: [row, 0], into: $0) }
      try chunk.withUnsafeBytes { try target.writeChunk(at: [row, 0], filterMask: mask ?? 0, from: $0) }
    }
    #expect(try target.readIntegers() == Array(0..<20))
  }

  @Test func aDamagedChecksumIsAnError() throws {
    let folder = try TemporaryFolder()
    let dataset = try dataset(folder, [.fletcher32])
    try dataset.writeIntegers(Array(0..<20))
    var chunk = [UInt8](repeating: 0, count: try dataset.chunkStorageSize(at: [0, 0]))
    #expect(chunk.count == 20)
    _ = try chunk.withUnsafeMutableBytes { try dataset.readChunk(at: [0, 0], into: $0) }
    chunk[3] ^= 1
    try chunk.withUnsafeBytes { try dataset.writeChunk(at: [0, 0], filterMask: 0, from: $0) }
    let error = #expect(throws: HDF5Error.self) { try dataset.readIntegers() }
    #expect(error?.cause == "its chunk at [0, 0] does not decode to its 16 bytes")
  }

  @Test func offsetsWhereNoChunkBeginsAreRefused() throws {
    let folder = try TemporaryFolder()
    let dataset = try dataset(folder, [])
    for offset in [[0], [0, 0, 0], [], [1, 0], [6, 0], [-2, 0], [0, 4]] {
      #expect(throws: HDF5Error.self, "\(offset)") { try dataset.chunkStorageSize(at: offset) }
    }
  }

  @Test(arguments: [[], [.deflate(level: 1)], [.fletcher32]] as [[FilterRequest]])
  func aChunkThatWasNeverWrittenIsTold(filters: [FilterRequest]) throws {
    let folder = try TemporaryFolder()
    let dataset = try dataset(folder, filters)
    var chunk = [UInt8](repeating: 0, count: 100)
    func read(_ row: Int) throws -> UInt32? {
      try chunk.withUnsafeMutableBytes { try dataset.readChunk(at: [row, 0], into: $0) }
    }
    #expect(try read(0) == nil)
    try Array(repeating: UInt16(1), count: 8).withUnsafeBytes {
      try dataset.write(leading: 2..<4, as: .native(.uint16), from: $0)
    }
    #expect(try dataset.writtenChunkCount == 1)
    for row in [0, 2, 4] {
      #expect(try read(row) == (row == 2 ? 0 : nil))
      #expect(try dataset.chunkIsWritten(at: [row, 0]) == (row == 2))
      if !filters.isEmpty { #expect((try dataset.chunkStorageSize(at: [row, 0]) > 0) == (row == 2)) }
    }
  }

  @Test func aChunkThatDoesNotFitIsRefused() throws {
    let folder = try TemporaryFolder()
    let dataset = try dataset(folder, [])
    try dataset.writeIntegers(Array(0..<20))
    var chunk = [UInt8](repeating: 0, count: 15)
    let error = #expect(throws: HDF5Error.self) {
      _ = try chunk.withUnsafeMutableBytes { try dataset.readChunk(at: [0, 0], into: $0) }
    }
    #expect(error?.reason == "it has 16 bytes and the buffer 15")
  }

  @Test func contiguousDataHasNoChunks() throws {
    let folder = try TemporaryFolder()
    let root = try File(creating: folder.path()).root
    let dataset = try root.createDataset("x", type: .float32, shape: [4], storage: .contiguous)
    #expect(throws: HDF5Error.self) { try dataset.chunkStorageSize(at: [0]) }
  }
}
