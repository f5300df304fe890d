import HDF5

/// How far two results may be apart: |theirs - ours| ≤ absolute + relative · scale, where scale is what numbers of the tensor are
/// like in their feature.
public struct Tolerance: Encodable, Sendable, Equatable {
  /// Allowed for each unit of scale.
  public var relative: Double
  /// Allowed besides.
  public var absolute: Double

  /// Both parts are at least 0.
  public init(relative: Double, absolute: Double) {
    self.relative = relative
    self.absolute = absolute
  }

  /// What the element type of their results lets expect: two roundings for the short types, where frameworks compute in float32
  /// and round once; some more than a framework's order of summation costs for float32 and float64.
  static func standard(_ kind: NumericType.Kind) -> Tolerance {
    switch kind {
    case .float64: Tolerance(relative: 1e-9, absolute: 0)
    case .float32: Tolerance(relative: 1e-5, absolute: 0)
    case .float16: Tolerance(relative: 0x1p-10, absolute: 0)
    case .bfloat16: Tolerance(relative: 0x1p-7, absolute: 0)
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: Tolerance(relative: 0, absolute: 0)
    }
  }
}

extension NumericType.Kind {
  /// The distance of neighbouring numbers of this type about a value.
  func unitInTheLastPlace(_ value: Double) -> Double {
    guard value.isFinite else { return .nan }
    func unit(mantissa: Int, least: Double) -> Double {
      value == 0
        ? least : max(least, Double(sign: .plus, exponent: value.exponent - mantissa, significand: 1))
    }
    return switch self {
    case .float64: value.ulp
    case .float32: unit(mantissa: 23, least: 0x1p-149)
    case .float16: unit(mantissa: 10, least: 0x1p-24)
    case .bfloat16: unit(mantissa: 7, least: 0x1p-133)
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: 1
    }
  }
}
