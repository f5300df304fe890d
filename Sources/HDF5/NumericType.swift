import CHDF5

/// A number's format in a file or in memory.
public struct NumericType: Hashable, Sendable {
  /// A number's format but for the order of its bytes.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// IEEE half precision: 5 bits of exponent, 10 of mantissa.
    case float16
    /// The upper half of a `float32`: 8 bits of exponent, 7 of mantissa.
    case bfloat16
    case float32, float64
    case int8, int16, int32, int64
    case uint8, uint16, uint32, uint64

    /// The size in bytes.
    public var byteCount: Int {
      switch self {
      case .int8, .uint8: 1
      case .float16, .bfloat16, .int16, .uint16: 2
      case .float32, .int32, .uint32: 4
      case .float64, .int64, .uint64: 8
      }
    }

    /// Whether this is a floating-point format.
    public var isFloat: Bool {
      switch self {
      case .float16, .bfloat16, .float32, .float64: true
      case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: false
      }
    }

    /// Whether this is an integer format without negative numbers.
    public var isUnsigned: Bool {
      switch self {
      case .uint8, .uint16, .uint32, .uint64: true
      case .float16, .bfloat16, .float32, .float64, .int8, .int16, .int32, .int64: false
      }
    }
  }

  /// The format but for the order of its bytes.
  public let kind: Kind
  /// The order of its bytes; always ``ByteOrder/native`` for formats of one byte, so that equal formats are equal.
  public let byteOrder: ByteOrder

  /// A format with a byte order.
  public init(kind: Kind, byteOrder: ByteOrder) {
    self.kind = kind
    self.byteOrder = kind.byteCount == 1 ? .native : byteOrder
  }

  /// A format in this machine's byte order.
  public static func native(_ kind: Kind) -> NumericType { NumericType(kind: kind, byteOrder: .native) }

  /// `float32` in this machine's byte order.
  public static var float32: NumericType { native(.float32) }
  /// `float64` in this machine's byte order.
  public static var float64: NumericType { native(.float64) }
  /// `int64` in this machine's byte order.
  public static var int64: NumericType { native(.int64) }

  /// The size in bytes.
  public var byteCount: Int { kind.byteCount }

  /// Whether the bytes are in this machine's order.
  public var isNative: Bool { byteOrder == .native }
}

extension NumericType: CustomStringConvertible {
  /// The name, with the byte order only if it is not this machine's: `float32`, `big-endian float32`.
  public var description: String {
    isNative ? kind.rawValue : "\(byteOrder == .big ? "big" : "little")-endian \(kind.rawValue)"
  }
}

/// The order of a number's bytes in a file or in memory.
public enum ByteOrder: Hashable, Sendable, CaseIterable {
  /// The least significant byte first.
  case little
  /// The most significant byte first.
  case big

  /// The order of this machine.
  public static var native: ByteOrder { 1.littleEndian == 1 ? .little : .big }
}

extension NumericType {
  /// A new datatype of the library for this format.
  ///
  /// The corresponding C function is `H5Tcopy`.
  func makeDatatype() throws(HDF5Error) -> Handle {
    var attempt: String { "make the type \(self)" }
    let datatype = try Handle(.datatype, "H5Tcopy", to: attempt) { H5Tcopy(predefined(byteOrder)) }
    switch kind {
    case .float16:
      try Self.narrow(datatype, exponentBits: 5, mantissaBits: 10, bias: 15, to: attempt)
    case .bfloat16:
      try Self.narrow(datatype, exponentBits: 8, mantissaBits: 7, bias: 127, to: attempt)
    case .float32, .float64, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64:
      break
    }
    return datatype
  }

  /// The format that this datatype is, in every respect: class, size, byte order, sign, precision, offset, padding, and
  /// a float's fields, bias and normalization. Nil if there is none.
  ///
  /// The corresponding C function is `H5Tequal`.
  init?(recognizing datatype: Handle, to attempt: @autoclosure () -> String) throws(HDF5Error) {
    for (candidate, type) in try Self.candidates.get() {
      let isEqual = try call("H5Tequal", to: attempt()) {
        H5Tequal(datatype.identifier, candidate.identifier)
      }
      if isEqual > 0 {
        self = type
        return
      }
    }
    return nil
  }

  /// The predefined type this format is, or is made from by narrowing.
  private func predefined(_ order: ByteOrder) -> hid_t {
    let isBigEndian: Int32 = order == .big ? 1 : 0
    switch kind {
    case .float16, .bfloat16, .float32: return chdf5_float_type(4, isBigEndian)
    case .float64: return chdf5_float_type(8, isBigEndian)
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64:
      return chdf5_integer_type(Int32(byteCount), kind.isUnsigned ? 0 : 1, isBigEndian)
    }
  }

  /// Makes a `float32` datatype one of two bytes: sign, exponent, mantissa from the most significant bit down, as h5py
  /// makes its float16 and as the library's own 16-bit types are from 1.14.4 on.
  private static func narrow(
    _ datatype: Handle, exponentBits: Int, mantissaBits: Int, bias: Int, to attempt: String
  ) throws(HDF5Error) {
    // The fields first: shrinking the size below a field's end is refused.
    try call("H5Tset_fields", to: attempt) {
      H5Tset_fields(datatype.identifier, 15, mantissaBits, exponentBits, 0, mantissaBits)
    }
    try call("H5Tset_size", to: attempt) { H5Tset_size(datatype.identifier, 2) }
    try call("H5Tset_ebias", to: attempt) { H5Tset_ebias(datatype.identifier, bias) }
  }

  /// Every format beside a datatype to compare with, made once. One-byte integers are there in both orders, because a
  /// file may state either.
  private static let candidates = Result { () throws(HDF5Error) in
    var candidates: [(Handle, NumericType)] = []
    for kind in Kind.allCases {
      for order in ByteOrder.allCases {
        let type = NumericType(kind: kind, byteOrder: order)
        let datatype =
          kind.byteCount == 1
          ? try Handle(.datatype, "H5Tcopy", to: "make the type \(type)") { H5Tcopy(type.predefined(order)) }
          : try type.makeDatatype()
        candidates.append((datatype, type))
      }
    }
    return candidates
  }
}
