import HDF5
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30))) struct ConcurrencyTests {
  /// One dataset read from many threads, while others are opened and closed.
  @Test func oneDatasetIsReadFromManyThreads() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path()
    let file = try File(creating: path)
    try file.root.createDataset(
      "x", type: .native(.int32), shape: [64, 8],
      storage: .chunked(shape: [4, 8], filters: [.shuffle, .deflate(level: 1)])
    ).writeIntegers(Array(0..<512))
    try file.close()

    let dataset = try File(reading: path).root.dataset("x")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for row in 0..<64 {
        group.addTask {
          var values = [Int32](repeating: 0, count: 8)
          try values.withUnsafeMutableBytes {
            try dataset.read(leading: row..<row + 1, as: .native(.int32), into: $0)
          }
          #expect(values == (0..<8).map { Int32(row * 8 + $0) })
          #expect(try File(reading: path).root.dataset("x").readIntegers().count == 512)
        }
      }
      try await group.waitForAll()
    }
  }

  /// Reading while the file is closed gives the numbers or an error.
  @Test func closingWhileReadingIsAnErrorAtWorst() async throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset("x", type: .float64, shape: [1000], storage: .contiguous)
    try dataset.writeDoubles([Double](repeating: 3, count: 1000))
    await withTaskGroup(of: Void.self) { group in
      for index in 0..<32 {
        group.addTask {
          do {
            if index == 16 { try file.close() }
            #expect(try dataset.readDoubles() == [Double](repeating: 3, count: 1000))
          } catch {
            #expect(error is HDF5Error)
          }
        }
      }
    }
    #expect(throws: HDF5Error.self) { try dataset.readDoubles() }
  }
}
