import CHDF5
import Foundation
import TestSupport
import Testing

@testable import HDF5

@Suite(.timeLimit(.minutes(30))) struct StorageTests {
  @Test func contiguousDataLiesAtItsOffset() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset("x", type: .float32, shape: [100, 3], storage: .contiguous)
    try file.flush()
    guard case .contiguous(let offset?) = dataset.storage else {
      Issue.record("no offset")
      return
    }
    let values = (0..<300).map { Float($0) }
    try values.withUnsafeBytes { try dataset.write(leading: 0..<100, as: .float32, from: $0) }
    #expect(dataset.storageSize == 1200)
    try file.close()

    let bytes = try folder.bytes().dropFirst(Int(offset)).prefix(1200)
    #expect(Array(bytes) == values.withUnsafeBytes { Array($0) })
    #expect(try File(reading: folder.path()).root.dataset("x").storage == .contiguous(offset: offset))
  }

  /// The way the program writes: the offset first, the bytes then past the library.
  @Test func bytesWrittenPastTheLibraryAreRead() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset("x", type: .float32, shape: [1000], storage: .contiguous)
    try file.flush()
    guard case .contiguous(let offset?) = dataset.storage else {
      Issue.record("no offset")
      return
    }
    let values = (0..<1000).map { Float($0) }
    let handle = try FileHandle(forUpdating: URL(filePath: folder.path()))
    try handle.seek(toOffset: UInt64(offset))
    try handle.write(contentsOf: values.withUnsafeBytes { Data($0) })
    try handle.close()
    try file.close()
    #expect(try File(reading: folder.path()).root.dataset("x").readDoubles() == values.map(Double.init))
  }

  @Test func anEmptyContiguousDatasetHasNoOffset() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset("x", type: .float32, shape: [0, 3], storage: .contiguous)
    try file.flush()
    #expect(dataset.storage == .contiguous(offset: nil))
    try file.close()
  }

  /// A file says how many bytes a compact dataset has there; where those are too few, the library would read what stands behind them.
  @Test(arguments: [191, 188, 1]) func compactDataIsAllThere(byteCount: UInt8) throws {
    let whole = Repository.fixture("compact.h5")
    let numbers = try File(reading: whole).root.dataset("layer/activations").readDoubles().map(Float.init)
    var bytes = try Data(contentsOf: URL(filePath: whole))
    let place = try #require(bytes.range(of: numbers.withUnsafeBytes { Data($0) })).lowerBound
    // Their number stands before them, in two bytes: 12 x 4 numbers of 4 bytes.
    try #require(bytes[place - 2] == 192 && bytes[place - 1] == 0)
    bytes[place - 2] = byteCount
    let folder = try TemporaryFolder()
    try bytes.write(to: URL(filePath: folder.path()))
    let dataset = try File(reading: folder.path()).root.dataset("layer/activations")
    do {
      _ = try dataset.readDoubles()
      Issue.record("read")
    } catch {
      #expect("\(error)".contains("it has \(byteCount) bytes in the file for 192 bytes of elements"))
    }
  }

  @Test func chunksAndFiltersAreDescribed() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let filters: [FilterRequest] = [.shuffle, .deflate(level: 4), .fletcher32]
    let dataset = try file.root.createDataset(
      "x", type: .float32, shape: [10, 3], storage: .chunked(shape: [4, 2], filters: filters))
    guard case .chunked(let layout) = dataset.storage else {
      Issue.record("not chunked")
      return
    }
    #expect(layout.shape == [4, 2])
    #expect(layout.filters.map(\.name) == ["shuffle", "gzip", "fletcher32"])
    #expect(layout.filters.map(\.identifier) == [2, 1, 3])
    #expect(layout.filters.map(\.parameters) == [[4], [4], []])
    #expect(layout.filters.map(\.isOptional) == [true, true, false])
    #expect(layout.filters.allSatisfy { $0.isAvailable })
    #expect(dataset.storageSize == 0)
    try file.close()
  }

  /// As people call them, where the library has not even a name; one that nobody knows by its number.
  @Test(arguments: [(307, "bzip2"), (32013, "zfp"), (32017, "sz"), (32100, "filter 32100")])
  func filtersThatAreMissingAreNamed(identifier: Int, name: String) throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset(
      "x", type: .float32, shape: [4],
      storage: .chunked(shape: [2], filters: [.registered(identifier, parameters: [7])]))
    guard case .chunked(let layout) = dataset.storage else {
      Issue.record("not chunked")
      return
    }
    #expect(layout.filters.map(\.name) == [name])
    #expect(layout.filters.map(\.parameters) == [[7]])
    #expect(layout.filters.map(\.isAvailable) == [false])
    try file.close()
  }

  @Test func compactAndExternalAndVirtualAreTold() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let space = try Dataspace.simple([4], to: "test")
    let float32 = chdf5_float_type(4, 0)
    func create(_ name: String, _ change: (hid_t) -> Void) {
      let properties = H5Pcreate(chdf5_dataset_creation())
      change(properties)
      H5Dclose(H5Dcreate2(file.root.object.identifier, name, float32, space.identifier, 0, properties, 0))
      H5Pclose(properties)
    }
    create("compact") { H5Pset_layout($0, H5D_COMPACT) }
    create("external") { H5Pset_external($0, folder.path("nowhere.bin"), 0, 16) }
    create("virtual") {
      H5Pset_virtual($0, space.identifier, folder.path("nowhere.h5"), "x", space.identifier)
    }
    #expect(try file.root.dataset("compact").storage == .compact)
    #expect(try file.root.dataset("external").storage == .external)
    #expect(try file.root.dataset("virtual").storage == .virtual)
    #expect(try file.root.dataset("virtual").shape == [4])
    #expect(try file.root.dataset("virtual").storageSize == 0)
    try file.close()
  }

  @Test func aFillValueIsTold() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let space = try Dataspace.simple([4], to: "test")
    for (name, value) in [("zero", 0 as Float), ("seven", 7)] {
      let properties = H5Pcreate(chdf5_dataset_creation())
      var value = value
      H5Pset_fill_value(properties, chdf5_float_type(4, 0), &value)
      H5Dclose(
        H5Dcreate2(
          file.root.object.identifier, name, chdf5_float_type(4, 0), space.identifier, 0, properties, 0))
      H5Pclose(properties)
    }
    #expect(try file.root.dataset("zero").fillValue(as: .float32) == [0, 0, 0, 0])
    #expect(try file.root.dataset("seven").fillValue(as: .float32) == [0, 0, 0xE0, 0x40])
    #expect(try file.root.dataset("seven").fillValue(as: .native(.uint16)) == [7, 0])
    let dataset = try file.root.createDataset("x", type: .float32, shape: [4], storage: .contiguous)
    #expect(try dataset.fillValue(as: .float32) == [0, 0, 0, 0])
    try file.close()
  }

  /// Of masks of bits and of bfloat16 as h5py stores it, which the library does not convert to numbers.
  @Test func theFillValueOfBitsIsTold() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let space = try Dataspace.simple([4], to: "test")
    let opaque = H5Tcreate(H5T_OPAQUE, 2)
    for (name, type) in [("bits", chdf5_bit_field_type(2)), ("opaque", opaque)] {
      let properties = H5Pcreate(chdf5_dataset_creation())
      var value: [UInt8] = [0x80, 0x3F]
      #expect(H5Pset_fill_value(properties, type, &value) >= 0)
      H5Dclose(H5Dcreate2(file.root.object.identifier, name, type, space.identifier, 0, properties, 0))
      H5Pclose(properties)
    }
    #expect(try file.root.dataset("bits").fillValue(as: .native(.uint16)) == [0x80, 0x3F])
    #expect(try file.root.dataset("bits").fillValue(as: .native(.uint32)) == [0x80, 0x3F, 0, 0])
    #expect(try file.root.dataset("opaque").fillValue(as: .native(.uint16)) == [0x80, 0x3F])
    H5Tclose(opaque)
    try file.close()
  }

  @Test func aNullDatasetHasNoElements() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let space = try Handle(.dataspace, "H5Screate", to: "test") { H5Screate(H5S_NULL) }
    H5Dclose(
      H5Dcreate2(file.root.object.identifier, "x", chdf5_float_type(4, 0), space.identifier, 0, 0, 0))
    let dataset = try file.root.dataset("x")
    #expect(dataset.isNull && dataset.elementCount == 0 && dataset.rowCount == 0)
    #expect(dataset.type == .other("nothing (a null dataspace)"))
    #expect(throws: HDF5Error.self) { try dataset.readDoubles() }
    #expect(throws: HDF5Error.self) { try dataset.bytes(0..<1, as: .float32) }
    try file.close()
  }

  @Test func impossibleStorageIsRefused() throws {
    let folder = try TemporaryFolder()
    let root = try File(creating: folder.path()).root
    for storage: StorageRequest in [
      .chunked(shape: [2], filters: []), .chunked(shape: [-1, 1], filters: []),
      .chunked(shape: [0, 1], filters: []), .chunked(shape: [2, 2], filters: [.deflate(level: 10)]),
    ] {
      #expect(throws: HDF5Error.self) {
        try root.createDataset("x", type: .float32, shape: [4, 4], storage: storage)
      }
    }
    #expect(throws: HDF5Error.self) {
      try root.createDataset("x", type: .float32, shape: [-4], storage: .contiguous)
    }
    #expect(throws: HDF5Error.self) {
      try root.createDataset("x", type: .float64, shape: [1 << 40, 1 << 40], storage: .contiguous)
    }
  }
}
