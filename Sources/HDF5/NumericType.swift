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
