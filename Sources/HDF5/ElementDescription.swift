import CHDF5

/// What a dataset's elements are.
public enum ElementDescription: Hashable, Sendable {
  /// Numbers of a known format.
  case numeric(NumericType)
  /// h5py's booleans: an enumeration of FALSE = 0 and TRUE = 1 in one byte.
  case boolean
  /// Anything else, in words: `string`, `compound`, `VAX-order float`, `12-bit integer`.
  case other(String)

  /// The format if the elements are numbers.
  public var numericType: NumericType? {
    if case .numeric(let type) = self { type } else { nil }
  }
}

extension ElementDescription: CustomStringConvertible {
  /// In words.
  public var description: String {
    switch self {
    case .numeric(let type): type.description
    case .boolean: "boolean enumeration"
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
    switch family {
    case H5T_INTEGER.rawValue: self = .other("\(H5Tget_precision(identifier))-bit integer")
    case H5T_FLOAT.rawValue: self = .other(Self.describeFloat(identifier))
    case H5T_TIME.rawValue: self = .other("time")
    case H5T_STRING.rawValue: self = .other("string")
    case H5T_BITFIELD.rawValue: self = .other("bit field")
    case H5T_OPAQUE.rawValue: self = .other("opaque")
    case H5T_COMPOUND.rawValue: self = .other("compound")
    case H5T_REFERENCE.rawValue: self = .other("reference")
    case H5T_ENUM.rawValue:
      self = try Self.isBoolean(datatype, to: attempt()) ? .boolean : .other("enumeration")
    case H5T_VLEN.rawValue: self = .other("variable-length sequence")
    case H5T_ARRAY.rawValue: self = .other("array")
    default: self = .other("type of unknown class \(family)")
    }
  }

  private static func describeFloat(_ identifier: hid_t) -> String {
    let order = H5Tget_order(identifier)
    if order == H5T_ORDER_VAX { return "VAX-order float" }
    return "\(H5Tget_precision(identifier))-bit float of unknown format"
  }

  /// Whether an enumeration is h5py's boolean: two one-byte members, FALSE = 0 and TRUE = 1.
  private static func isBoolean(
    _ datatype: Handle, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> Bool {
    let identifier = datatype.identifier
    let count = try call("H5Tget_nmembers", to: attempt()) { H5Tget_nmembers(identifier) }
    guard count == 2, H5Tget_size(identifier) == 1 else { return false }
    for (name, expected) in [("FALSE", 0 as UInt8), ("TRUE", 1)] {
      let index = H5Tget_member_index(identifier, name)
      guard index >= 0 else { return false }
      var value: UInt8 = 0
      try call("H5Tget_member_value", to: attempt()) {
        H5Tget_member_value(identifier, UInt32(index), &value)
      }
      guard value == expected else { return false }
    }
    return true
  }
}

extension String {
  /// The text up to the first zero byte, with invalid UTF-8 repaired: names in a file may be any bytes.
  init(repairing bytes: some Sequence<CChar>) {
    self.init(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
