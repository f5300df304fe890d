import CHDF5

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
    let attempt = "read attribute '\(name)' of \(holder.object.path)"
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

  /// The format if this is one number.
  func oneNumber() throws(HDF5Error) -> NumericType? {
    guard elementCount == 1 else { return nil }
    return try NumericType(recognizing: datatype, to: attempt)
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
