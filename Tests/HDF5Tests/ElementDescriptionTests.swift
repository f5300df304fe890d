import CHDF5
import Foundation
import TestSupport
import Testing

@testable import HDF5

@Suite(.timeLimit(.minutes(30))) struct ElementDescriptionTests {
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
    #expect(try describe(H5Tcreate(H5T_OPAQUE, 8)) == .opaque(byteCount: 8, tag: ""))
    #expect(try describe(H5Tvlen_create(int8)) == .other("variable-length sequence"))
    #expect(try describe(H5Tarray_create2(int8, 1, [3])) == .other("array"))
    for byteCount in [1, 2, 4, 8] {
      #expect(try describe(chdf5_bit_field_type(Int32(byteCount))) == .bitField(byteCount: byteCount))
    }
    // More bits than an integer has.
    #expect(try describe(chdf5_bit_field_type(8)) { H5Tset_size($0, 9) } == .other("bit field"))
  }

  #if os(Linux)
    /// Types of the library that it has no function for, by the names of its own numbers of them.
    @Test(arguments: [
      ("H5T_STD_REF_OBJ_g", "reference"), ("H5T_STD_REF_DSETREG_g", "reference"),
      ("H5T_UNIX_D32LE_g", "time"),
    ])
    func namesReferencesAndTimes(symbol: String, words: String) throws {
      try HDF5Library.prepare()
      let place = try #require(dlsym(dlopen(nil, RTLD_NOW), symbol))
      #expect(try describe(place.load(as: hid_t.self)) == .other(words))
    }
  #endif

  /// Bytes of one are singular; a tag that says something is shown.
  @Test(arguments: [
    (1, "", "opaque elements of 1 byte"), (2, "", "opaque elements of 2 bytes"),
    (1, "NUMPY:|V1", "opaque elements of 1 byte ('NUMPY:|V1')"),
    (16, "x", "opaque elements of 16 bytes ('x')"),
  ])
  func opaqueElementsInWords(byteCount: Int, tag: String, words: String) throws {
    try HDF5Library.prepare()
    let description = try describe(H5Tcreate(H5T_OPAQUE, byteCount)) {
      if !tag.isEmpty { H5Tset_tag($0, tag) }
    }
    #expect(description.description == words)
  }

  @Test func namesUnusualNumbers() throws {
    try HDF5Library.prepare()
    let int16 = chdf5_integer_type(2, 1, 0)
    let float32 = chdf5_float_type(4, 0)
    func converted(_ words: String, _ kind: NumericType.Kind, _ isExact: Bool) -> ElementDescription {
      .converted(NumberConversion(words: words, type: .native(kind), isExact: isExact))
    }
    #expect(try describe(int16) { H5Tset_precision($0, 12) } == converted("12-bit integer", .int16, true))
    #expect(
      try describe(chdf5_integer_type(4, 0, 1)) { H5Tset_precision($0, 7) }
        == converted("7-bit integer", .uint8, true))
    #expect(
      try describe(chdf5_integer_type(8, 1, 0)) {
        H5Tset_size($0, 16)
        H5Tset_precision($0, 128)
      } == converted("128-bit integer", .float64, false))
    #expect(try describe(float32) { H5Tset_order($0, H5T_ORDER_VAX) } == .other("VAX-order float"))
    // A range of its own: no format here has all of it, but float64 has.
    #expect(
      try describe(float32) { H5Tset_ebias($0, 100) }
        == converted("32-bit float of unusual format", .float64, false))
    #expect(
      try describe(float32) { H5Tset_fields($0, 31, 23, 8, 10, 13) }
        == converted("32-bit float of unusual format", .float32, true))
    // Ten bits of exponent and the digits of a float64, and one digit more than that.
    for (mantissaBits, isExact) in [(52, true), (53, false)] {
      #expect(
        try describe(chdf5_float_type(8, 0)) {
          H5Tset_fields($0, 63, mantissaBits, 10, 0, mantissaBits)
          H5Tset_ebias($0, 511)
        } == converted("64-bit float of unusual format", .float64, isExact))
    }
    #expect(try describe(float32) == .numeric(NumericType(kind: .float32, byteOrder: .little)))
  }

  /// What the library is asked for is the smallest format that holds every number of so many bits.
  @Test(
    arguments: [
      (7, .int8, .uint8), (8, .int8, .uint8), (9, .int16, .uint16), (16, .int16, .uint16),
      (17, .int32, .uint32),
      (32, .int32, .uint32), (33, .int64, .uint64), (63, .int64, .uint64),
    ] as [(Int, NumericType.Kind, NumericType.Kind)])
  func integersOfFewBits(bits: Int, signed: NumericType.Kind, unsigned: NumericType.Kind) throws {
    try HDF5Library.prepare()
    for (isSigned, kind) in [(1, signed), (0, unsigned)] as [(Int32, NumericType.Kind)] {
      let found = try describe(chdf5_integer_type(8, isSigned, 0)) { H5Tset_precision($0, bits) }
      #expect(
        found
          == .converted(NumberConversion(words: "\(bits)-bit integer", type: .native(kind), isExact: true)))
    }
  }

  @Test(arguments: [
    (["FALSE", "TRUE"], ElementDescription.boolean), (["NO", "YES"], .other("enumeration")),
    (["TRUE", "FALSE"], .other("enumeration")), (["FALSE", "TRUE", "MAYBE"], .other("enumeration")),
    (["False", "True"], .boolean),
  ])
  func tellsBooleansFromEnumerations(names: [String], expected: ElementDescription) throws {
    try HDF5Library.prepare()
    for byteCount in [1, 2, 4, 8] as [Int32] {
      let enumeration = H5Tenum_create(chdf5_integer_type(byteCount, 1, byteCount == 4 ? 1 : 0))
      for (index, name) in names.enumerated() {
        var value = byteCount == 4 ? Int64(index << 24) : Int64(index)
        H5Tenum_insert(enumeration, name, &value)
      }
      #expect(try describe(enumeration) == expected)
    }
  }

  @Test func bitFieldsAreReadAsTheNumbersThatTheyAre() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let space = try Dataspace.simple([3], to: "test")
    let type = chdf5_bit_field_type(2)
    let handle = H5Dcreate2(file.root.object.identifier, "bits", type, space.identifier, 0, 0, 0)
    var values: [UInt16] = [0, 0x100, 0xFFFF]
    H5Dwrite(handle, type, 0, 0, 0, &values)
    H5Dclose(handle)
    let dataset = try file.root.dataset("bits")
    #expect(dataset.type == .bitField(byteCount: 2))
    #expect(try dataset.numbers(0..<3, as: .native(.int64), Int64.self) == [0, 0x100, 0xFFFF])
    #expect(try dataset.numbers(1..<3, as: .float64, Double.self) == [256, 65535])
    // An integer in which not all bits have a place would lose some.
    #expect(throws: HDF5Error.self) { try dataset.numbers(0..<3, as: .native(.uint8), UInt8.self) }
    try file.close()
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

extension Dataset {
  fileprivate func numbers<Value: BitwiseCopyable & ExpressibleByIntegerLiteral>(
    _ rows: Range<Int>, as type: NumericType, _: Value.Type
  ) throws -> [Value] {
    var values = [Value](repeating: 0, count: rows.count)
    try values.withUnsafeMutableBytes { try read(leading: rows, as: type, into: $0) }
    return values
  }
}
