import CHDF5
import TestSupport
import Testing

@testable import HDF5

@Suite(.timeLimit(.minutes(30))) struct ValueTests {
  private func dataset(_ folder: TemporaryFolder, _ kind: NumericType.Kind, _ shape: [Int]) throws -> Dataset
  {
    try File(creating: folder.path()).root.createDataset(
      "x", type: .native(kind), shape: shape, storage: .contiguous)
  }

  @Test func integersKeepAllBits() throws {
    let folder = try TemporaryFolder()
    let dataset = try dataset(folder, .int64, [4])
    try dataset.writeIntegers([.min, -1, 1 << 53 + 1, .max])
    #expect(try dataset.readIntegers() == [.min, -1, 1 << 53 + 1, .max])
  }

  @Test(arguments: [(UInt64.max, 0x1p64), (1 << 63, 0x1p63)])
  func anUnsignedIntegerBeyondIntIsAnError(integer: UInt64, double: Double) throws {
    let folder = try TemporaryFolder()
    let dataset = try dataset(folder, .uint64, [2])
    try withUnsafeBytes(of: (5 as UInt64, integer)) {
      try dataset.write(leading: 0..<2, as: .native(.uint64), from: $0)
    }
    let error = #expect(throws: HDF5Error.self) { try dataset.readIntegers() }
    #expect(error?.reason == "\(integer) is more than a signed 64-bit integer holds")
    #expect(try dataset.readDoubles() == [5, double])
  }

  @Test func theLargestIntegerIsRead() throws {
    let folder = try TemporaryFolder()
    let dataset = try dataset(folder, .uint64, [2])
    try withUnsafeBytes(of: (0 as UInt64, UInt64(Int.max))) {
      try dataset.write(leading: 0..<2, as: .native(.uint64), from: $0)
    }
    #expect(try dataset.readIntegers() == [0, 9_223_372_036_854_775_807])
  }

  /// Integers that use fewer bits than their bytes have, in both byte orders.
  @Test(
    arguments: [
      (2, 12, [-2048, -5, 0, 2047]), (4, 24, [-8_388_608, 0, 5, 8_388_607]), (4, 20, [0, 5, 11, 20]),
      (8, 40, [-3, 0, 1, 500_000_000_000]),
    ] as [(byteCount: Int32, bits: Int, values: [Int])], [0, 1] as [Int32])
  func integersOfFewBitsAreRead(_ stored: (byteCount: Int32, bits: Int, values: [Int]), isBig: Int32) throws {
    let folder = try TemporaryFolder()
    let root = try File(creating: folder.path()).root
    let space = try Dataspace.simple([4], to: "test")
    let type = try Handle(.datatype, "H5Tcopy", to: "test") {
      H5Tcopy(chdf5_integer_type(stored.byteCount, 1, isBig))
    }
    #expect(H5Tset_precision(type.identifier, stored.bits) >= 0)
    let handle = H5Dcreate2(root.object.identifier, "x", type.identifier, space.identifier, 0, 0, 0)
    let values = stored.values.map { Int64($0) }
    #expect(H5Dwrite(handle, chdf5_integer_type(8, 1, 0), 0, 0, 0, values) >= 0)
    #expect(H5Dclose(handle) >= 0)
    #expect(try root.dataset("x").readIntegers() == stored.values)
  }

  @Test func floatsAreNoIntegers() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: HDF5Error.self) { try dataset(folder, .float32, [2]).readIntegers() }
    #expect(error?.reason == "its elements are float32, not integers")
  }

  @Test func aDifferentCountIsAnError() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: HDF5Error.self) { try dataset(folder, .float32, [2]).writeDoubles([1]) }
    #expect(error?.reason == "1 numbers are given for 2 elements")
  }

  @Test func aHugeShapeWithoutDataIsNotAllocated() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset(
      "x", type: .float32, shape: [1 << 40], storage: .chunked(shape: [1024], filters: []))
    #expect(throws: HDF5Error.self) { try dataset.readDoubles() }
    try file.close()
  }

  /// Of few rows, too, which are long.
  @Test func hugeRowsWithoutDataAreNotAllocated() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset(
      "x", type: .native(.int32), shape: [2, 1 << 30], storage: .chunked(shape: [1, 1024], filters: []))
    let words = "it has 2147483648 elements, and at most 67108864 are expected here"
    let ofDoubles = #expect(throws: HDF5Error.self) { try dataset.readDoubles() }
    #expect(ofDoubles?.reason == words)
    let ofIntegers = #expect(throws: HDF5Error.self) { try dataset.readIntegers() }
    #expect(ofIntegers?.reason == words)
    try file.close()
  }
}
