import CHDF5

/// A group or dataset: what can have attributes, small named values beside the data.
public protocol AttributeHolder: Sendable {
  /// For use inside this module.
  var object: OpenObject { get }
}

extension AttributeHolder {
  /// The names of all attributes, sorted by their Unicode scalars, with invalid UTF-8 repaired.
  ///
  /// For files of one's own: on a damaged attribute the library's 1.10.8 can crash here, where looking attributes up by
  /// name throws.
  ///
  /// The corresponding C function is `H5Aiterate2`.
  public func attributeNames() throws(HDF5Error) -> [String] {
    var names: [String] = []
    try call("H5Aiterate2", to: "list the attributes of \(object.path)") {
      withUnsafeMutablePointer(to: &names) { pointer in
        H5Aiterate2(
          object.identifier, H5_INDEX_NAME, H5_ITER_NATIVE, nil,
          { _, name, _, context in
            guard let name, let context else { return 0 }
            context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: name))
            return 0
          }, pointer)
      }
    }
    return names.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
  }

  /// How many attributes there are.
  ///
  /// The corresponding C function is `H5Oget_info2`.
  public var attributeCount: Int {
    get throws(HDF5Error) {
      var count: hsize_t = 0
      try call("H5Oget_info2", to: "count the attributes of \(object.path)") {
        chdf5_attribute_count(object.identifier, &count)
      }
      return Int(clamping: count)
    }
  }

  /// Whether there is an attribute of this name.
  ///
  /// The corresponding C function is `H5Aexists`.
  public func attributeExists(_ name: String) throws(HDF5Error) -> Bool {
    var attempt: String { "look for attribute '\(name)' of \(object.path)" }
    try require(
      !name.isEmpty && !name.utf8.contains(0), "H5Aexists", to: attempt, "'\(name)' is not a name")
    return try call("H5Aexists", to: attempt) { H5Aexists(object.identifier, name) } > 0
  }
}

extension AttributeHolder {
  /// Reads an attribute of one string, of fixed or variable length.
  ///
  /// The corresponding C function is `H5Aread`.
  ///
  /// - Returns: the text, with invalid UTF-8 repaired; nil if there is no such attribute or it is not one string.
  /// - Throws: if it cannot be read.
  public func readString(attribute name: String) throws(HDF5Error) -> String? {
    guard let strings = try readStrings(attribute: name), strings.count == 1 else { return nil }
    return strings[0]
  }

  /// Reads an attribute of any number of strings, of fixed or variable length, in the order of the file.
  ///
  /// The corresponding C function is `H5Aread`.
  ///
  /// - Returns: the texts, with invalid UTF-8 repaired; nil if there is no such attribute or it holds no strings.
  /// - Throws: if it cannot be read.
  public func readStrings(attribute name: String) throws(HDF5Error) -> [String]? {
    guard let attribute = try StoredAttribute(name, of: self) else { return nil }
    return try attribute.strings()
  }

  /// Reads an attribute of one number.
  ///
  /// The corresponding C function is `H5Aread`.
  ///
  /// - Returns: the number, rounded if it is a large integer; nil if there is no such attribute or it is not one number.
  /// - Throws: if it cannot be read.
  public func readDouble(attribute name: String) throws(HDF5Error) -> Double? {
    guard let attribute = try StoredAttribute(name, of: self), try attribute.oneNumber() != nil else {
      return nil
    }
    return try attribute.read(0.0, as: .float64)
  }

  /// Reads an attribute of one whole number, stored as an integer or as a float without a fraction.
  ///
  /// The corresponding C function is `H5Aread`.
  ///
  /// - Returns: the number; nil if there is no such attribute or it is not one whole number that fits an `Int`.
  /// - Throws: if it cannot be read.
  public func readInteger(attribute name: String) throws(HDF5Error) -> Int? {
    guard let attribute = try StoredAttribute(name, of: self), let type = try attribute.oneNumber() else {
      return nil
    }
    if type.kind.isFloat { return Int(exactly: try attribute.read(0.0, as: .float64)) }
    if type.kind.isUnsigned { return Int(exactly: try attribute.read(0 as UInt64, as: .native(.uint64))) }
    return try attribute.read(0, as: .int64)
  }
}

/// An attribute open for reading.
private struct StoredAttribute {
  /// The most bytes of one attribute: a file can state any size without holding the data.
  static let byteLimit = 1 << 26

  private let handle: Handle
  private let datatype: Handle
  private let space: Handle
  private let elementCount: Int
  private let attempt: String

  /// Opens an attribute; nil if there is none.
  init?(_ name: String, of holder: some AttributeHolder) throws(HDF5Error) {
    guard try holder.attributeExists(name) else { return nil }
    var attempt: String { "read attribute '\(name)' of \(holder.object.path)" }
    let handle = try Handle(.attribute, "H5Aopen", to: attempt) {
      H5Aopen(holder.object.identifier, name, chdf5_default())
    }
    let space = try Handle(.dataspace, "H5Aget_space", to: attempt) { H5Aget_space(handle.identifier) }
    let shape = try Dataspace.shape(of: space, to: attempt)
    self.datatype = try Handle(.datatype, "H5Aget_type", to: attempt) { H5Aget_type(handle.identifier) }
    let byteCount = Dataspace.product(
      (shape ?? []) + [Int(clamping: H5Tget_size(datatype.identifier))])
    try require(
      byteCount.map { $0 <= Self.byteLimit } ?? false, "H5Aread", to: attempt,
      "it is larger than \(Self.byteLimit) bytes")
    self.elementCount = shape.flatMap { Dataspace.product($0) } ?? 0
    self.handle = handle
    self.space = space
    self.attempt = attempt
  }

  /// The format if this is one number; of a format that only the library reads, what it makes of it.
  func oneNumber() throws(HDF5Error) -> NumericType? {
    guard elementCount == 1 else { return nil }
    return switch try ElementDescription(datatype, to: attempt) {
    case .numeric(let type): type
    case .converted(let conversion): conversion.type
    case .boolean, .bitField, .opaque, .other: nil
    }
  }

  /// Reads the one number as `type`, the format of `Value`.
  func read<Value: BitwiseCopyable>(_ initial: Value, as type: NumericType) throws(HDF5Error) -> Value {
    let memory = try type.makeDatatype()
    var value = initial
    try call("H5Aread", to: attempt) { H5Aread(handle.identifier, memory.identifier, &value) }
    return value
  }

  /// The strings; nil if there are none.
  func strings() throws(HDF5Error) -> [String]? {
    let family = try call("H5Tget_class", to: attempt) { H5Tget_class(datatype.identifier).rawValue }
    guard family == H5T_STRING.rawValue else { return nil }
    guard elementCount > 0 else { return [] }
    let isVariable = try call("H5Tis_variable_str", to: attempt) {
      H5Tis_variable_str(datatype.identifier)
    }
    return isVariable > 0 ? try variableStrings() : try fixedStrings()
  }

  private func variableStrings() throws(HDF5Error) -> [String] {
    var pointers = [UnsafeMutablePointer<CChar>?](repeating: nil, count: elementCount)
    // The type in the file is the type in memory, because the library does not convert character sets.
    try call("H5Aread", to: attempt) { H5Aread(handle.identifier, datatype.identifier, &pointers) }
    let strings = pointers.map { $0.map { String(cString: $0) } ?? "" }
    try call("H5Dvlen_reclaim", to: attempt) {
      H5Dvlen_reclaim(datatype.identifier, space.identifier, chdf5_default(), &pointers)
    }
    return strings
  }

  private func fixedStrings() throws(HDF5Error) -> [String] {
    let length = H5Tget_size(datatype.identifier)
    var bytes = [UInt8](repeating: 0, count: length * elementCount)
    try call("H5Aread", to: attempt) { H5Aread(handle.identifier, datatype.identifier, &bytes) }
    let padding = H5Tget_strpad(datatype.identifier)
    return (0..<elementCount).map { index in
      var text = bytes[index * length..<(index + 1) * length]
      switch padding {
      case H5T_STR_NULLTERM: text = text.prefix { $0 != 0 }
      case H5T_STR_SPACEPAD: while text.last == UInt8(ascii: " ") { text.removeLast() }
      default: while text.last == 0 { text.removeLast() }
      }
      return String(decoding: text, as: UTF8.self)
    }
  }
}

extension AttributeHolder {
  /// Writes an attribute of one string, UTF-8 of fixed length; replaces one of the same name.
  ///
  /// The corresponding C function is `H5Awrite`.
  ///
  /// - Throws: if the file is open for reading only or the library refuses.
  public func writeAttribute(_ name: String, _ value: String) throws(HDF5Error) {
    try writeStrings(name, [value], shape: [])
  }

  /// Writes an attribute of strings, UTF-8 of one fixed length; replaces one of the same name.
  ///
  /// The corresponding C function is `H5Awrite`.
  ///
  /// - Throws: if the file is open for reading only or the library refuses.
  public func writeAttribute(_ name: String, _ values: [String]) throws(HDF5Error) {
    try writeStrings(name, values, shape: [values.count])
  }

  /// Writes an attribute of one number, a `float64`; replaces one of the same name.
  ///
  /// The corresponding C function is `H5Awrite`.
  ///
  /// - Throws: if the file is open for reading only or the library refuses.
  public func writeAttribute(_ name: String, _ value: Double) throws(HDF5Error) {
    var value = value
    try write(name, try NumericType.float64.makeDatatype(), shape: [], &value)
  }

  /// Writes an attribute of several numbers, `float64`; replaces one of the same name.
  ///
  /// The corresponding C function is `H5Awrite`.
  ///
  /// - Throws: if the file is open for reading only or the library refuses.
  public func writeAttribute(_ name: String, numbers values: [Double]) throws(HDF5Error) {
    var values = values
    try write(name, try NumericType.float64.makeDatatype(), shape: [values.count], &values)
  }

  /// Writes an attribute of one number, an `int64`; replaces one of the same name.
  ///
  /// The corresponding C function is `H5Awrite`.
  ///
  /// - Throws: if the file is open for reading only or the library refuses.
  public func writeAttribute(_ name: String, _ value: Int) throws(HDF5Error) {
    var value = value
    try write(name, try NumericType.int64.makeDatatype(), shape: [], &value)
  }

  private func writeStrings(_ name: String, _ values: [String], shape: [Int]) throws(HDF5Error) {
    var attempt: String { "write attribute '\(name)' of \(object.path)" }
    // The library knows no string of length 0; an empty one is a byte of padding.
    let length = max(1, values.map(\.utf8.count).max() ?? 0)
    let datatype = try Handle(.datatype, "H5Tcopy", to: attempt) { H5Tcopy(chdf5_c_string_type()) }
    try call("H5Tset_size", to: attempt) { H5Tset_size(datatype.identifier, length) }
    try call("H5Tset_cset", to: attempt) { H5Tset_cset(datatype.identifier, H5T_CSET_UTF8) }
    try call("H5Tset_strpad", to: attempt) { H5Tset_strpad(datatype.identifier, H5T_STR_NULLPAD) }
    var bytes: [UInt8] = []
    for value in values {
      bytes += value.utf8
      bytes += [UInt8](repeating: 0, count: length - value.utf8.count)
    }
    try write(name, datatype, shape: shape, &bytes)
  }

  /// `values` points to elements of `datatype` in this shape.
  private func write(
    _ name: String, _ datatype: Handle, shape: [Int], _ values: UnsafeRawPointer
  ) throws(HDF5Error) {
    var attempt: String { "write attribute '\(name)' of \(object.path)" }
    if try attributeExists(name) {
      try call("H5Adelete", to: attempt) { H5Adelete(object.identifier, name) }
    }
    let space = try Dataspace.simple(shape, to: attempt)
    let attribute = try Handle(.attribute, "H5Acreate2", to: attempt) {
      H5Acreate2(
        object.identifier, name, datatype.identifier, space.identifier, chdf5_default(), chdf5_default())
    }
    if !shape.contains(0) {
      try call("H5Awrite", to: attempt) { H5Awrite(attribute.identifier, datatype.identifier, values) }
    }
    try attribute.close(to: attempt)
  }
}
