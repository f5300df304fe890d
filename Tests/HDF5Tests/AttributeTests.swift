import CHDF5
import TestSupport
import Testing

@testable import HDF5

@Suite(.timeLimit(.minutes(30))) struct AttributeTests {
  private func root(_ folder: TemporaryFolder) throws -> Group { try File(creating: folder.path()).root }

  @Test(arguments: ["", "plain", "Größe 层 🙂", String(repeating: "x", count: 100_000), "two\nlines"])
  func stringsComeBack(text: String) throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    try file.root.writeAttribute("text", text)
    try file.close()
    #expect(try File(reading: folder.path()).root.readString(attribute: "text") == text)
  }

  @Test func numbersComeBack() throws {
    let folder = try TemporaryFolder()
    let root = try root(folder)
    let dataset = try root.createDataset("x", type: .float32, shape: [2], storage: .contiguous)
    try dataset.writeAttribute("double", 0.1)
    try dataset.writeAttribute("whole", 3.0)
    try dataset.writeAttribute("integer", Int.min)
    #expect(try dataset.readDouble(attribute: "double") == 0.1)
    #expect(try dataset.readInteger(attribute: "double") == nil)
    #expect(try dataset.readInteger(attribute: "whole") == 3)
    #expect(try dataset.readInteger(attribute: "integer") == .min)
    #expect(try dataset.readDouble(attribute: "integer") == Double(Int.min))
    #expect(try dataset.attributeNames() == ["double", "integer", "whole"])
  }

  /// As the library converts them: a setting may be a long double, or an integer of 12 bits.
  @Test func numbersOfUnusualFormatsAreRead() throws {
    let folder = try TemporaryFolder()
    let root = try root(folder)
    let space = try Handle(.dataspace, "H5Screate", to: "test") { H5Screate(H5S_SCALAR) }
    func write(_ name: String, _ type: hid_t, _ value: Double) throws {
      var value = value
      let attribute = H5Acreate2(root.object.identifier, name, type, space.identifier, 0, 0)
      #expect(H5Awrite(attribute, chdf5_float_type(8, 0), &value) >= 0)
      H5Aclose(attribute)
      H5Tclose(type)
    }
    let short = H5Tcopy(chdf5_integer_type(2, 1, 0))
    H5Tset_precision(short, 12)
    try write("integer", short, -5)
    let biased = H5Tcopy(chdf5_float_type(8, 0))
    H5Tset_ebias(biased, 1000)
    try write("float", biased, 0.1)
    #expect(try root.readInteger(attribute: "integer") == -5)
    #expect(try root.readDouble(attribute: "integer") == -5)
    #expect(try root.readDouble(attribute: "float") == 0.1)
    #expect(try root.readInteger(attribute: "float") == nil)
  }

  @Test func listsOfStringsComeBack() throws {
    let folder = try TemporaryFolder()
    let root = try root(folder)
    try root.writeAttribute("names", ["a", "", "längere"])
    try root.writeAttribute("none", [])
    #expect(try root.readStrings(attribute: "names") == ["a", "", "längere"])
    #expect(try root.readStrings(attribute: "none") == [])
    #expect(try root.readString(attribute: "names") == nil)
  }

  /// Texts are UTF-8 and end with zeros, also where they have no other characters than ASCII's: so other programs take them for text.
  @Test func textsAreDeclaredAsUTF8() throws {
    let folder = try TemporaryFolder()
    let root = try root(folder)
    try root.writeAttribute("one", "längere")
    try root.writeAttribute("many", ["a", "plain"])
    for (name, length) in [("one", 8), ("many", 5)] {
      let attribute = try Handle(.attribute, "H5Aopen", to: "test") {
        H5Aopen(root.object.identifier, name, 0)
      }
      let type = try Handle(.datatype, "H5Aget_type", to: "test") { H5Aget_type(attribute.identifier) }
      #expect(H5Tget_class(type.identifier) == H5T_STRING)
      #expect(H5Tget_cset(type.identifier) == H5T_CSET_UTF8)
      #expect(H5Tget_strpad(type.identifier) == H5T_STR_NULLPAD)
      #expect(H5Tget_size(type.identifier) == length)
    }
  }

  @Test func anAttributeIsReplaced() throws {
    let folder = try TemporaryFolder()
    let root = try root(folder)
    try root.writeAttribute("a", 1)
    try root.writeAttribute("a", "text")
    #expect(try root.readString(attribute: "a") == "text")
    #expect(try root.attributeNames() == ["a"])
  }

  @Test func whatIsMissingOrOfAnotherKindIsNil() throws {
    let folder = try TemporaryFolder()
    let root = try root(folder)
    try root.writeAttribute("text", "12")
    try root.writeAttribute("number", 12)
    #expect(try root.readInteger(attribute: "text") == nil)
    #expect(try root.readDouble(attribute: "text") == nil)
    #expect(try root.readString(attribute: "number") == nil)
    #expect(try root.readString(attribute: "missing") == nil)
    #expect(try root.readInteger(attribute: "missing") == nil)
    #expect(try root.attributeExists("text") && !root.attributeExists("missing"))
  }

  /// What the type can hold and an Int cannot is no integer.
  @Test(
    arguments: [
      (.uint64, UInt64(1) << 63, nil), (.uint64, .max, nil), (.uint64, UInt64(Int.max), .max),
      (.uint64, 7, 7),
      (.int64, .max, -1), (.int64, 1 << 63, .min), (.uint32, 0xFFFF_FFFF, 0xFFFF_FFFF),
      (.int32, 0xFFFF_FFFF, -1), (.uint8, 255, 255), (.int8, 255, -1),
    ] as [(NumericType.Kind, UInt64, Int?)])
  func integersOfEveryWidth(kind: NumericType.Kind, bits: UInt64, expected: Int?) throws {
    let root = try root(TemporaryFolder())
    for order in ByteOrder.allCases {
      let type = try NumericType(kind: kind, byteOrder: order).makeDatatype()
      let memory = try NumericType.native(kind).makeDatatype()
      let space = try Dataspace.simple([], to: "test")
      let attribute = try Handle(.attribute, "H5Acreate2", to: "test") {
        H5Acreate2(root.object.identifier, "\(order)", type.identifier, space.identifier, 0, 0)
      }
      try withUnsafePointer(to: bits.littleEndian) { bits in
        _ = try call("H5Awrite", to: "test") { H5Awrite(attribute.identifier, memory.identifier, bits) }
      }
      #expect(try root.readInteger(attribute: "\(order)") == expected, "\(kind), \(order)")
    }
  }

  /// As C programs write them: arrays of one number.
  @Test(arguments: [[], [1], [1, 1]] as [[Int]]) func arraysOfOneNumberAreNumbers(shape: [Int]) throws {
    let folder = try TemporaryFolder()
    let root = try root(folder)
    func create(_ name: String, _ type: NumericType, shape: [Int], _ data: UnsafeRawPointer) throws {
      let datatype = try type.makeDatatype()
      let space = try Dataspace.simple(shape, to: "test")
      let attribute = try Handle(.attribute, "H5Acreate2", to: "test") {
        H5Acreate2(root.object.identifier, name, datatype.identifier, space.identifier, 0, 0)
      }
      try call("H5Awrite", to: "test") { H5Awrite(attribute.identifier, datatype.identifier, data) }
    }
    let (numbers, integers): ([Double], [Int32]) = ([0.25, 0.5], [7])
    try create("number", .float64, shape: shape, numbers)
    try create("integer", .native(.int32), shape: shape, integers)
    try create("several", .float64, shape: shape + [2], numbers)
    #expect(try root.readDouble(attribute: "number") == 0.25)
    #expect(try root.readInteger(attribute: "integer") == 7)
    #expect(try root.readDouble(attribute: "integer") == 7)
    #expect(try root.readDouble(attribute: "several") == nil)
    #expect(try root.readInteger(attribute: "several") == nil)
  }

  /// What other programs write: variable length, ASCII, padded with spaces, one-element arrays.
  @Test func stringsOfOtherProgramsAreRead() throws {
    let folder = try TemporaryFolder()
    let root = try root(folder)
    func create(_ name: String, shape: [Int], _ data: UnsafeRawPointer, _ change: (hid_t) -> Void) throws {
      let type = try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(chdf5_c_string_type()) }
      change(type.identifier)
      let space = try Dataspace.simple(shape, to: "test")
      let attribute = try Handle(.attribute, "H5Acreate2", to: "test") {
        H5Acreate2(root.object.identifier, name, type.identifier, space.identifier, 0, 0)
      }
      try call("H5Awrite", to: "test") { H5Awrite(attribute.identifier, type.identifier, data) }
    }
    try "variable".withCString { text in
      try withUnsafePointer(to: text) { pointer in
        try create("variable", shape: [1], pointer) { H5Tset_size($0, chdf5_variable_size()) }
      }
    }
    try create("spaces", shape: [], "abc   ") {
      H5Tset_size($0, 6)
      H5Tset_strpad($0, H5T_STR_SPACEPAD)
    }
    try create("terminated", shape: [2], "ab\0dcd\0\0") { H5Tset_size($0, 4) }
    #expect(try root.readString(attribute: "variable") == "variable")
    #expect(try root.readString(attribute: "spaces") == "abc")
    #expect(try root.readStrings(attribute: "terminated") == ["ab", "cd"])
  }

  /// As h5py's `Empty`: an attribute that has a type and no value is neither 0 nor an empty text.
  @Test func attributesWithoutAValueAreNil() throws {
    let folder = try TemporaryFolder()
    let root = try root(folder)
    let space = try Handle(.dataspace, "H5Screate", to: "test") { H5Screate(H5S_NULL) }
    let types = [
      ("number", chdf5_float_type(8, 0)), ("integer", chdf5_integer_type(4, 1, 0)),
      ("text", chdf5_c_string_type()),
    ]
    for (name, type) in types {
      let attribute = H5Acreate2(root.object.identifier, name, type, space.identifier, 0, 0)
      #expect(attribute >= 0 && H5Aclose(attribute) >= 0)
      #expect(try root.attributeExists(name))
      #expect(try root.readDouble(attribute: name) == nil, "\(name)")
      #expect(try root.readInteger(attribute: name) == nil, "\(name)")
      #expect(try root.readString(attribute: name) == nil, "\(name)")
    }
    #expect(try root.readStrings(attribute: "text") == [])
    #expect(try root.readStrings(attribute: "number") == nil)
  }

  /// Texts of variable length, as h5py writes lists of them; one that was never set has no place in memory, and is empty.
  @Test func severalStringsOfVariableLengthAreRead() throws {
    let folder = try TemporaryFolder()
    let root = try root(folder)
    let type = try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(chdf5_c_string_type()) }
    #expect(H5Tset_size(type.identifier, chdf5_variable_size()) >= 0)
    let space = try Dataspace.simple([3], to: "test")
    let attribute = try Handle(.attribute, "H5Acreate2", to: "test") {
      H5Acreate2(root.object.identifier, "names", type.identifier, space.identifier, 0, 0)
    }
    try "first".withCString { first in
      try "third one".withCString { third in
        let pointers: [UnsafePointer<CChar>?] = [first, nil, third]
        _ = try pointers.withUnsafeBytes { bytes in
          try call("H5Awrite", to: "test") {
            H5Awrite(attribute.identifier, type.identifier, bytes.baseAddress)
          }
        }
      }
    }
    #expect(try root.readStrings(attribute: "names") == ["first", "", "third one"])
    #expect(try root.readString(attribute: "names") == nil)
  }
}
