import CHDF5
import Configuration
import Foundation
import LayerFiles
import TestSupport
import Testing

@testable import HDF5

/// Numbers of unusual types are read by the HDF5 library alone, in pieces of 16 MiB.
@Suite(.timeLimit(.minutes(30))) struct LibraryReadTests {
  /// Integers of 12 bits, and the same in a usual type: 18 MiB in one batch.
  @Test(arguments: ["1GiB", "40MiB"]) func largeBatchesAreThoseOfAUsualType(memory: String) throws {
    let folder = try TemporaryFolder()
    let shape = [9000, 1024]
    let count = shape[0] * shape[1]
    var values = (0..<count).map { Int16(truncatingIfNeeded: ($0 &* 7919) % 4096 - 2048 + $0 / (count / 2)) }
    for index in stride(from: 0, to: count, by: 4097) { values[index] = 0 }
    values = values.map { min($0, 2047) }
    let file = try File(anew: folder.path("in.h5"))
    for (name, bits) in [("usual", 16), ("unusual", 12)] {
      let layer = try file.root.createGroup(name)
      let space = try Dataspace.simple(shape, to: "test")
      let stored = try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(chdf5_integer_type(2, 1, 0)) }
      H5Tset_precision(stored.identifier, bits)
      let dataset = H5Dcreate2(
        layer.object.identifier, "activations", stored.identifier, space.identifier, 0, 0, 0)
      #expect(H5Dwrite(dataset, chdf5_integer_type(2, 1, 0), 0, 0, 0, values) >= 0)
      #expect(H5Dclose(dataset) >= 0)
    }
    try file.close()
    let configuration = try JobConfiguration(
      json: #"""
        {"batch_size": "all", "outputs": ["output", "population"], "threads": 2, "memory": "\#(memory)", "sync": false}
        """#, source: "test")
    _ = try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    let root = try File(reading: folder.path("out.h5")).root
    let (usual, unusual) = (try root.group("usual"), try root.group("unusual"))
    for name in ["population_mean", "population_var", "output"] {
      #expect(try unusual.dataset(name).readDoubles() == usual.dataset(name).readDoubles(), "\(name)")
    }
    let sum = try usual.dataset("population_mean").readDoubles().reduce(0, +)
    let expected = Double(values.reduce(0) { $0 + Int($1) }) / Double(shape[0])
    #expect(abs(sum - expected) <= 1e-9 * abs(expected))
  }

  /// Formats that only the library reads.
  enum MaskFormat: CaseIterable {
    /// float32 and float64 with fewer bits of mantissa, and integers of 12 bits.
    case shortSingle, shortDouble, shortInteger

    fileprivate func type() throws -> Handle {
      let base =
        switch self {
        case .shortSingle: chdf5_float_type(4, 0)
        case .shortDouble: chdf5_float_type(8, 0)
        case .shortInteger: chdf5_integer_type(2, 1, 0)
        }
      let type = try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(base) }
      switch self {
      case .shortSingle: #expect(H5Tset_fields(type.identifier, 31, 23, 8, 10, 13) >= 0)
      case .shortDouble: #expect(H5Tset_fields(type.identifier, 63, 52, 11, 30, 22) >= 0)
      case .shortInteger: #expect(H5Tset_precision(type.identifier, 12) >= 0)
      }
      return type
    }

    /// Every second one lets its sample count.
    fileprivate var entries: [Double] {
      self == .shortInteger ? [1, 0, -1, 0, 2047, 0, 5, 0] : [0.5, 0, -0.25, 0, 1, 0, 0.0078125, 0]
    }
  }

  /// Of a mask counts what is not 0, as whatever numbers it is stored. The mean of 0, 4, 16 and 36 is 14.
  @Test(arguments: MaskFormat.allCases) func masksOfUnusualNumbers(format: MaskFormat) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    try layer.createDataset("activations", type: .float32, shape: [8, 1], storage: .contiguous)
      .writeDoubles((0..<8).map { Double($0 * $0) })
    let space = try Dataspace.simple([8], to: "test")
    let stored = try format.type()
    let dataset = H5Dcreate2(
      layer.object.identifier, "mask", stored.identifier, space.identifier, 0, 0, 0)
    #expect(H5Dwrite(dataset, chdf5_float_type(8, 0), 0, 0, 0, format.entries) >= 0)
    #expect(H5Dclose(dataset) >= 0)
    #expect(try layer.dataset("mask").type.numericType == nil)
    try file.close()
    let configuration = try JobConfiguration(
      json: #"{"batch_size": "all", "outputs": ["population"], "sync": false}"#, source: "test")
    let summary = try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    #expect(summary.layers[0].maskedPositions == 4)
    let mean = try File(reading: folder.path("out.h5")).root.dataset("layer/population_mean").readDoubles()
    #expect(mean == [14])
  }

  /// Where batches begin may be integers of 12 bits, too.
  @Test func boundariesOfFewBits() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    try layer.createDataset("activations", type: .float32, shape: [8, 1], storage: .contiguous)
      .writeDoubles((0..<8).map { Double($0 * $0) })
    let space = try Dataspace.simple([3], to: "test")
    let stored = try MaskFormat.shortInteger.type()
    let dataset = H5Dcreate2(
      layer.object.identifier, "batch_offsets", stored.identifier, space.identifier, 0, 0, 0)
    let offsets: [Double] = [0, 3, 8]
    #expect(H5Dwrite(dataset, chdf5_float_type(8, 0), 0, 0, 0, offsets) >= 0)
    #expect(H5Dclose(dataset) >= 0)
    try file.close()
    let configuration = try JobConfiguration(
      json: #"{"outputs": ["batches", "population"], "sync": false}"#, source: "test")
    _ = try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    let counts = try File(reading: folder.path("out.h5")).root.dataset("layer/batches/count").readIntegers()
    #expect(counts == [3, 5])
  }
}
