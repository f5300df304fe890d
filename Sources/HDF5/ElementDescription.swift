import CHDF5

/// What a dataset's elements are.
public enum ElementDescription: Hashable, Sendable {
  /// Numbers of a known format.
  case numeric(NumericType)
  /// Numbers of another format, that the library converts.
  case converted(NumberConversion)
  /// Booleans, as h5py and C programs store them: an enumeration of FALSE = 0 and TRUE = 1.
  case boolean
  /// Bits, as PyTables and C programs store booleans: each element has so many bytes.
  case bitField(byteCount: Int)
  /// Bytes of which the file does not say what they mean, with a tag that may: so h5py stores types that HDF5 has not.
  case opaque(byteCount: Int, tag: String)
  /// Anything else, in words: `string`, `compound`, `VAX-order float`.
  case other(String)

  /// The format if the elements are numbers of a known one.
  public var numericType: NumericType? {
    if case .numeric(let type) = self { type } else { nil }
  }
}

/// Numbers of a format that only the library reads.
public struct NumberConversion: Hashable, Sendable {
  /// The format in the file, in words: `12-bit integer`.
  public let words: String
  /// What the library is asked for: the smallest format that holds every number, or `float64`.
  public let type: NumericType
  /// Whether that format holds every number.
  public let isExact: Bool
}

extension ElementDescription: CustomStringConvertible {
  /// In words.
  public var description: String {
    switch self {
    case .numeric(let type): type.description
    case .converted(let conversion): conversion.words
    case .boolean: "boolean enumeration"
    case .bitField: "bit field"
    case .opaque(let byteCount, let tag):
      "opaque elements of \(byteCount) byte\(byteCount == 1 ? "" : "s")" + (tag.isEmpty ? "" : " ('\(tag)')")
    case .other(let text): text
    }
  }
}

extension ElementDescription {
  /// Describes a datatype of the library.
  ///
  /// - Throws: if the library cannot say what it is.
  init(_ datatype: Handle, to attempt: @autoclosure () -> String) throws(HDF5Error) {
    if let type = try NumericType(recognizing: datatype, to: attempt()) {
      self = .numeric(type)
      return
    }
    let identifier = datatype.identifier
    let family = try call("H5Tget_class", to: attempt()) { H5Tget_class(identifier).rawValue }
    let byteCount = H5Tget_size(identifier)
    switch family {
    case H5T_INTEGER.rawValue: self = .converted(NumberConversion(integer: identifier))
    case H5T_FLOAT.rawValue:
      self =
        try H5Tget_order(identifier) == H5T_ORDER_VAX
        ? .other("VAX-order float") : .converted(NumberConversion(float: identifier, to: attempt()))
    case H5T_TIME.rawValue: self = .other("time")
    case H5T_STRING.rawValue: self = .other("string")
    case H5T_BITFIELD.rawValue: self = byteCount <= 8 ? .bitField(byteCount: byteCount) : .other("bit field")
    case H5T_OPAQUE.rawValue: self = .opaque(byteCount: byteCount, tag: Self.tag(identifier))
    case H5T_COMPOUND.rawValue: self = .other("compound")
    case H5T_REFERENCE.rawValue: self = .other("reference")
    case H5T_ENUM.rawValue:
      self = try Self.isBoolean(datatype, to: attempt()) ? .boolean : .other("enumeration")
    case H5T_VLEN.rawValue: self = .other("variable-length sequence")
    case H5T_ARRAY.rawValue: self = .other("array")
    default: self = .other("type of unknown class \(family)")
    }
  }

  /// The tag of an opaque type.
  ///
  /// The corresponding C function is `H5Tget_tag`.
  private static func tag(_ identifier: hid_t) -> String {
    guard let tag = H5Tget_tag(identifier) else { return "" }
    defer { H5free_memory(tag) }
    return String(cString: tag)
  }

  /// Whether an enumeration is of booleans: two members, FALSE = 0 and TRUE = 1, in whatever case, of any integer type.
  private static func isBoolean(
    _ datatype: Handle, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> Bool {
    let identifier = datatype.identifier
    let count = try call("H5Tget_nmembers", to: attempt()) { H5Tget_nmembers(identifier) }
    guard count == 2, H5Tget_size(identifier) <= 8 else { return false }
    let base = try Handle(.datatype, "H5Tget_super", to: attempt()) { H5Tget_super(identifier) }
    let int64 = try NumericType.int64.makeDatatype()
    var values: [String: Int64] = [:]
    for index in 0..<UInt32(count) {
      guard let name = H5Tget_member_name(identifier, index) else { return false }
      defer { H5free_memory(name) }
      var value: Int64 = 0
      try call("H5Tget_member_value", to: attempt()) { H5Tget_member_value(identifier, index, &value) }
      try call("H5Tconvert", to: attempt()) {
        H5Tconvert(base.identifier, int64.identifier, 1, &value, nil, chdf5_default())
      }
      values[String(cString: name).uppercased()] = value
    }
    return values == ["FALSE": 0, "TRUE": 1]
  }
}

extension NumberConversion {
  /// Integers of fewer bits than their bytes have, or of more than 64.
  fileprivate init(integer identifier: hid_t) {
    let precision = H5Tget_precision(identifier)
    let isSigned = H5Tget_sign(identifier) == H5T_SGN_2
    let kind: NumericType.Kind =
      switch precision {
      case ...8: isSigned ? .int8 : .uint8
      case ...16: isSigned ? .int16 : .uint16
      case ...32: isSigned ? .int32 : .uint32
      case ...64: isSigned ? .int64 : .uint64
      default: .float64
      }
    self.init(words: "\(precision)-bit integer", type: .native(kind), isExact: precision <= 64)
  }

  /// Floating-point numbers with other fields than the known formats have.
  fileprivate init(float identifier: hid_t, to attempt: @autoclosure () -> String) throws(HDF5Error) {
    var (sign, exponent, exponentBits, mantissa, mantissaBits) = (0, 0, 0, 0, 0)
    try call("H5Tget_fields", to: attempt()) {
      H5Tget_fields(identifier, &sign, &exponent, &exponentBits, &mantissa, &mantissaBits)
    }
    // Where the first digit is not written, the mantissa has one more.
    let digits = mantissaBits + (H5Tget_norm(identifier) == H5T_NORM_IMPLIED ? 1 : 0)
    let bias = Int(clamping: H5Tget_ebias(identifier))
    func fits(_ bits: Int, _ mostDigits: Int) -> Bool {
      exponentBits <= bits && digits <= mostDigits && bias == 1 << (exponentBits - 1) - 1
    }
    let isSmall = fits(8, 24)
    self.init(
      words: "\(H5Tget_precision(identifier))-bit float of unusual format",
      type: isSmall ? .float32 : .float64,
      isExact: isSmall || fits(11, 53))
  }
}

extension String {
  /// The text up to the first zero byte, with invalid UTF-8 repaired: names in a file may be any bytes.
  init(repairing bytes: some Sequence<CChar>) {
    self.init(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
