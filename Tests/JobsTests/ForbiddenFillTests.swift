import CHDF5
import Configuration
import Foundation
import LayerFiles
import TestSupport
import Testing

@testable import HDF5

/// Where a file forbids to fill, what was never written is 0, whatever fill value it names: the library leaves memory as it is.
@Suite(.timeLimit(.minutes(30))) struct ForbiddenFillTests {
  /// Kinds of numbers, each with the bytes of its 1.
  enum Kind: CaseIterable {
    case double, single, boolean, bigDouble, bigSingle

    /// Those that are floating-point numbers.
    static let floats: [Kind] = [.double, .single, .bigDouble, .bigSingle]

    /// What a file says of them.
    fileprivate func type() throws -> Handle {
      switch self {
      case .double: return try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(chdf5_float_type(8, 0)) }
      case .single: return try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(chdf5_float_type(4, 0)) }
      case .bigDouble: return try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(chdf5_float_type(8, 1)) }
      case .bigSingle: return try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(chdf5_float_type(4, 1)) }
      case .boolean:
        // As h5py has them.
        let type = try Handle(.datatype, "H5Tenum_create", to: "test") {
          H5Tenum_create(chdf5_integer_type(1, 1, 0))
        }
        for (name, value) in [("FALSE", 0), ("TRUE", 1)] as [(String, Int8)] {
          #expect(H5Tenum_insert(type.identifier, name, [value]) >= 0)
        }
        return type
      }
    }

    fileprivate var one: [UInt8] {
      switch self {
      case .double: [0, 0, 0, 0, 0, 0, 0xF0, 0x3F]
      case .single: [0, 0, 0x80, 0x3F]
      case .boolean: [1]
      case .bigDouble: [0x3F, 0xF0, 0, 0, 0, 0, 0, 0]
      case .bigSingle: [0x3F, 0x80, 0, 0]
      }
    }
  }

  /// A dataset with the fill value 1, of which nothing is written.
  private func create(
    _ name: String, in group: Group, shape: [Int], _ kind: Kind, chunk: [UInt64]? = nil,
    isCompressed: Bool = false, forbids: Bool
  ) throws {
    let space = try Dataspace.simple(shape, to: "test")
    let type = try kind.type()
    let properties = try Handle(.propertyList, "H5Pcreate", to: "test") {
      H5Pcreate(chdf5_dataset_creation())
    }
    if let chunk { #expect(H5Pset_chunk(properties.identifier, Int32(chunk.count), chunk) >= 0) }
    if isCompressed { #expect(H5Pset_deflate(properties.identifier, 1) >= 0) }
    #expect(H5Pset_alloc_time(properties.identifier, H5D_ALLOC_TIME_LATE) >= 0)
    if forbids { #expect(H5Pset_fill_time(properties.identifier, H5D_FILL_TIME_NEVER) >= 0) }
    #expect(H5Pset_fill_value(properties.identifier, type.identifier, kind.one) >= 0)
    let dataset = H5Dcreate2(
      group.object.identifier, name, type.identifier, space.identifier, 0, properties.identifier, 0)
    #expect(H5Dclose(dataset) >= 0)
  }

  private func populationMean(_ folder: TemporaryFolder) throws -> Double {
    let configuration = try JobConfiguration(
      json:
        #"{"batch_size": "all", "outputs": ["population"], "single_value_batch": "allow", "sync": false}"#,
      source: "test")
    try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    let means = try File(reading: folder.path("out.h5")).root.dataset("layer/population_mean").readDoubles()
    return try #require(means.first)
  }

  /// Of the numbers 0...63 none counts, or all.
  @Test(arguments: Kind.allCases, [true, false]) func ofAMask(kind: Kind, forbids: Bool) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    try layer.createDataset("activations", type: .float32, shape: [64, 1], storage: .contiguous)
      .writeDoubles((0..<64).map(Double.init))
    try create("mask", in: layer, shape: [64], kind, forbids: forbids)
    try file.close()
    let mean = try populationMean(folder)
    #expect(forbids ? mean.isNaN : mean == 31.5)
  }

  @Test(arguments: Kind.floats, [true, false]) func ofActivations(kind: Kind, forbids: Bool) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    try create("activations", in: layer, shape: [64, 1], kind, forbids: forbids)
    try file.close()
    #expect(try populationMean(folder) == (forbids ? 0 : 1))
  }

  /// One chunk of eight samples is written, with numbers whose sum is 36.
  @Test(arguments: Kind.floats.flatMap { kind in [(kind, false), (kind, true)] }, [true, false])
  func ofChunks(storage: (kind: Kind, isCompressed: Bool), forbids: Bool) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    try create(
      "activations", in: layer, shape: [64, 1], storage.kind, chunk: [8, 1],
      isCompressed: storage.isCompressed, forbids: forbids)
    let dataset = try layer.dataset("activations")
    let numbers = (1...8).map(Float.init)
    try numbers.withUnsafeBytes { try dataset.write(leading: 16..<24, as: .float32, from: $0) }
    try dataset.close()
    try file.close()
    // Of a dataset with a filter the library fills what is missing although that is forbidden.
    let isFilled = !forbids || storage.isCompressed
    #expect(try populationMean(folder) == (isFilled ? (36.0 + 56) / 64 : 36.0 / 64))
  }
}
