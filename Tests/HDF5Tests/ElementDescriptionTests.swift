import CHDF5
import TestSupport
import Testing

@testable import HDF5

@Suite struct ElementDescriptionTests {
  /// A description of the type that `change` makes of a copy of `base`.
  private func describe(
    _ base: hid_t, _ change: (hid_t) -> Void = { _ in }
  ) throws -> ElementDescription {
    try HDF5Library.prepare()
    let handle = try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(base) }
    change(handle.identifier)
    return try ElementDescription(handle, to: "test")
  }

  @Test func namesWhatIsNoNumber() throws {
    try HDF5Library.prepare()
    let int8 = chdf5_integer_type(1, 1, 0)
    #expect(try describe(chdf5_c_string_type()) == .other("string"))
    #expect(try describe(H5Tcreate(H5T_COMPOUND, 8)) == .other("compound"))
    #expect(try describe(H5Tcreate(H5T_OPAQUE, 8)) == .other("opaque"))
    #expect(try describe(H5Tvlen_create(int8)) == .other("variable-length sequence"))
    #expect(try describe(H5Tarray_create2(int8, 1, [3])) == .other("array"))
  }

  @Test func namesUnusualNumbers() throws {
    try HDF5Library.prepare()
    let int16 = chdf5_integer_type(2, 1, 0)
    let float32 = chdf5_float_type(4, 0)
    #expect(try describe(int16) { H5Tset_precision($0, 12) } == .other("12-bit integer"))
    #expect(try describe(float32) { H5Tset_order($0, H5T_ORDER_VAX) } == .other("VAX-order float"))
    #expect(try describe(float32) { H5Tset_ebias($0, 100) } == .other("32-bit float of unknown format"))
    #expect(try describe(float32) == .numeric(NumericType(kind: .float32, byteOrder: .little)))
  }

  @Test(arguments: [
    (["FALSE", "TRUE"], ElementDescription.boolean), (["NO", "YES"], .other("enumeration")),
    (["TRUE", "FALSE"], .other("enumeration")), (["FALSE", "TRUE", "MAYBE"], .other("enumeration")),
  ])
  func tellsBooleansFromEnumerations(names: [String], expected: ElementDescription) throws {
    try HDF5Library.prepare()
    let enumeration = H5Tenum_create(chdf5_integer_type(1, 1, 0))
    for (index, name) in names.enumerated() {
      var value = Int8(index)
      H5Tenum_insert(enumeration, name, &value)
    }
    #expect(try describe(enumeration) == expected)
  }

  @Test func refusesToReadTextAsNumbers() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let space = try Dataspace.simple([2], to: "test")
    H5Dclose(
      H5Dcreate2(
        file.root.object.identifier, "text", chdf5_c_string_type(), space.identifier, 0, 0, 0))
    let dataset = try file.root.dataset("text")
    #expect(dataset.type == .other("string"))
    let error = #expect(throws: HDF5Error.self) { try dataset.readDoubles() }
    #expect(error?.description == "cannot read /text: its elements are not numbers: string (H5Dread)")
    #expect(throws: HDF5Error.self) { try dataset.bytes(0..<2, as: .float32) }
    try file.close()
  }
}
