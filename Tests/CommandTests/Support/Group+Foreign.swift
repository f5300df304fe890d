import CHDF5
import Testing

@testable import HDF5

/// A way in which a dataset keeps its numbers in another file.
enum ForeignStorage: String, CaseIterable, Sendable {
  /// In the bytes of raw.bin.
  case external = "external storage"
  /// In the dataset /x of raw.h5.
  case virtual = "a virtual dataset"
}

/// What other programs write, and this one does not.
extension Group {
  /// Adds a dataset whose numbers are in another file.
  func addForeign(_ name: String, shape: [Int], type: NumericType.Kind, _ storage: ForeignStorage) throws {
    let space = try Dataspace.simple(shape, to: "test")
    let numbers = try NumericType.native(type).makeDatatype()
    let properties = try Handle(.propertyList, "H5Pcreate", to: "test") {
      H5Pcreate(chdf5_dataset_creation())
    }
    switch storage {
    case .external:
      let byteCount = UInt64(shape.reduce(type.byteCount, *))
      #expect(H5Pset_external(properties.identifier, "raw.bin", 0, byteCount) >= 0)
    case .virtual:
      let code = H5Pset_virtual(properties.identifier, space.identifier, "raw.h5", "x", space.identifier)
      #expect(code >= 0)
    }
    try create(name, numbers, space, properties)
  }

  /// Adds a dataset of opaque elements of two bytes each.
  /// - Parameters:
  ///   - tag: what the type says of itself.
  ///   - elements: the bits of each.
  func addOpaque(_ name: String, tag: String, shape: [Int], _ elements: [UInt16]) throws {
    let space = try Dataspace.simple(shape, to: "test")
    let type = try Handle(.datatype, "H5Tcreate", to: "test") { H5Tcreate(H5T_OPAQUE, 2) }
    #expect(H5Tset_tag(type.identifier, tag) >= 0)
    try create(name, type, space) { H5Dwrite($0, type.identifier, 0, 0, 0, elements) }
  }

  /// Adds a dataset of texts of four bytes each, all of them empty.
  func addTexts(_ name: String, shape: [Int]) throws {
    let space = try Dataspace.simple(shape, to: "test")
    let type = try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(chdf5_c_string_type()) }
    #expect(H5Tset_size(type.identifier, 4) >= 0)
    try create(name, type, space)
  }

  /// Adds a dataset of integers of 128 bits.
  func addLongIntegers(_ name: String, _ values: [Int64], shape: [Int]) throws {
    let space = try Dataspace.simple(shape, to: "test")
    let type = try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(chdf5_integer_type(8, 1, 0)) }
    #expect(H5Tset_size(type.identifier, 16) >= 0)
    #expect(H5Tset_precision(type.identifier, 128) >= 0)
    try create(name, type, space) { H5Dwrite($0, chdf5_integer_type(8, 1, 0), 0, 0, 0, values) }
  }

  /// Adds a soft link.
  func addSoftLink(_ name: String, to path: String) {
    #expect(H5Lcreate_soft(path, object.identifier, name, 0, 0) >= 0)
  }

  /// Adds another name of a group or dataset.
  func addHardLink(_ name: String, to path: String) {
    #expect(H5Lcreate_hard(object.identifier, path, object.identifier, name, 0, 0) >= 0)
  }

  /// Adds a link into another file.
  func addExternalLink(_ name: String, to path: String, in file: String) {
    #expect(H5Lcreate_external(file, path, object.identifier, name, 0, 0) >= 0)
  }

  private func create(
    _ name: String, _ type: Handle, _ space: Handle, _ properties: Handle? = nil,
    write: (hid_t) -> herr_t = { _ in 0 }
  ) throws {
    let dataset = H5Dcreate2(
      object.identifier, name, type.identifier, space.identifier, 0, properties?.identifier ?? 0, 0)
    try #require(dataset >= 0)
    #expect(write(dataset) >= 0)
    #expect(H5Dclose(dataset) >= 0)
  }
}
