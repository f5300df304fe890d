import HDF5
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30))) struct RowTests {
  /// Reads and writes of random rows of random shapes, contiguous and in chunks, against slices of an array.
  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func rowsAreSlices(seed: UInt64) throws {
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    for round in 0..<25 {
      let shape = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
        Int.random(in: 1...7, using: &generator)
      }
      let chunks = shape.map { Int.random(in: 1...$0, using: &generator) }
      let filters: [FilterRequest] = [.shuffle, .deflate(level: 1), .fletcher32]
      let storage: StorageRequest =
        Bool.random(using: &generator)
        ? .contiguous : .chunked(shape: chunks, filters: Array(filters.shuffled(using: &generator).prefix(2)))
      let dataset = try file.root.createDataset(
        "x\(round)", type: .native(.int32), shape: shape, storage: storage)
      var expected = [Int32](repeating: 0, count: dataset.elementCount)

      for _ in 0..<6 {
        let lower = Int.random(in: 0...shape[0], using: &generator)
        let rows = lower..<Int.random(in: lower...shape[0], using: &generator)
        let elements = rows.lowerBound * dataset.rowElementCount..<rows.upperBound * dataset.rowElementCount
        let values = elements.map { _ in Int32.random(in: .min ... .max, using: &generator) }
        try values.withUnsafeBytes { try dataset.write(leading: rows, as: .native(.int32), from: $0) }
        expected.replaceSubrange(elements, with: values)
      }
      for _ in 0..<6 {
        let lower = Int.random(in: 0...shape[0], using: &generator)
        let rows = lower..<Int.random(in: lower...shape[0], using: &generator)
        var values = [Int32](repeating: 0, count: rows.count * dataset.rowElementCount)
        try values.withUnsafeMutableBytes {
          try dataset.read(leading: rows, as: .native(.int32), into: $0)
        }
        let first = rows.lowerBound * dataset.rowElementCount
        #expect(values == Array(expected[first..<first + values.count]), "\(shape) \(rows) \(storage)")
      }
    }
    try file.close()
  }

  @Test func convertsWhileReading() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let big = NumericType(kind: .float64, byteOrder: .big)
    let dataset = try file.root.createDataset("x", type: big, shape: [3, 2], storage: .contiguous)
    try dataset.writeDoubles([1, 2, 3, 4, 5, 6.5])
    var values = [Float](repeating: 0, count: 4)
    try values.withUnsafeMutableBytes { try dataset.read(leading: 1..<3, as: .float32, into: $0) }
    #expect(values == [3, 4, 5, 6.5])
    try file.close()
  }

  @Test func refusesRowsThatDoNotExist() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset("x", type: .float32, shape: [3, 2], storage: .contiguous)
    let error = #expect(throws: HDF5Error.self) { try dataset.bytes(2..<4, as: .float32) }
    #expect(error?.description == "cannot read rows 2..<4 of /x: it has 3 rows (H5Dread)")
    #expect(throws: HDF5Error.self) { try dataset.bytes(-1..<1, as: .float32) }
    try file.close()
  }

  /// A range along an axis behind the first, within it, and with a buffer for just that.
  @Test func refusesPartsThatDoNotExist() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset("x", type: .float32, shape: [3, 2], storage: .contiguous)
    func reason(_ part: AxisRange, _ byteCount: Int) -> String? {
      var bytes = [UInt8](repeating: 0, count: byteCount)
      let error = #expect(throws: HDF5Error.self) {
        try bytes.withUnsafeMutableBytes {
          try dataset.read(leading: 0..<2, of: part, as: .float32, into: $0)
        }
      }
      return error?.reason
    }
    for (axis, range, words) in [
      (1, 1..<3, "its shape is [3, 2], and 1..<3 of axis 1 is asked for"),
      (1, -1..<1, "its shape is [3, 2], and -1..<1 of axis 1 is asked for"),
      (0, 0..<2, "its shape is [3, 2], and 0..<2 of axis 0 is asked for"),
      (2, 0..<1, "its shape is [3, 2], and 0..<1 of axis 2 is asked for"),
    ] as [(Int, Range<Int>, String)] {
      #expect(reason(AxisRange(axis: axis, range), 16) == words)
    }
    #expect(
      reason(AxisRange(axis: 1, 1..<2), 16) == "the buffer has 16 bytes for (2, 1) numbers of float32")
    try file.close()
  }

  @Test func refusesABufferOfAnotherSize() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset("x", type: .float32, shape: [3, 2], storage: .contiguous)
    let error = #expect(throws: HDF5Error.self) { try dataset.write(0..<3, as: .float32, bytes: [1, 2, 3]) }
    #expect(
      error?.description
        == "cannot write rows 0..<3 of /x: the buffer has 3 bytes for (3, 2) numbers of float32 (H5Dwrite)")
    try file.close()
  }

  @Test func aScalarIsOneRow() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset("x", type: .float64, shape: [], storage: .contiguous)
    try dataset.writeDoubles([2.5])
    #expect(dataset.shape == [])
    #expect(dataset.rowCount == 1)
    #expect(try dataset.bytes(0..<1, as: .float64) == withUnsafeBytes(of: 2.5) { Array($0) })
    #expect(try dataset.bytes(0..<0, as: .float64) == [])
    try file.close()
  }

  @Test(arguments: [[0], [0, 3], [3, 0], [2, 0, 4]]) func nothingIsRead(shape: [Int]) throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset("x", type: .float32, shape: shape, storage: .contiguous)
    #expect(dataset.elementCount == 0)
    #expect(try dataset.bytes(0..<shape[0], as: .float32) == [])
    #expect(try dataset.readDoubles() == [])
    try dataset.writeDoubles([])
    try file.close()
    #expect(try File(reading: folder.path()).root.dataset("x").shape == shape)
  }
}
