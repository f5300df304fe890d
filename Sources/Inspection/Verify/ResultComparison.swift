import HDF5
import Jobs
import LayerFiles

/// How far a dataset of another program is from what this one computes in Double.
public struct ResultComparison: Encodable, Sendable, Equatable {
  /// The dataset's path in the other file.
  public var dataset: String
  /// What it is, by its name in this program's output.
  public var result: String
  /// The element type in the other file, as `float32`.
  public var elementType: String
  /// How many numbers were compared.
  public var count: Int
  /// |theirs - ours| of the worst element.
  public var maximumError: Double
  /// The same, relative to what numbers are like in its feature.
  public var relativeError: Double
  /// The mean of |theirs - ours| over the elements that are finite on both sides.
  public var meanError: Double
  /// `maximumError` in units in the last place of the element type, at our value.
  public var ulps: Double
  /// The worst element's index, and both values.
  public var index: [Int]
  public var ours: Double
  public var theirs: Double
  /// What numbers are like in its feature: the largest of them, or of the terms that they are the sum of.
  public var scale: Double
  /// How far apart the numbers may be.
  public var tolerance: Tolerance
  /// True if all numbers are within the tolerance.
  public var agrees: Bool

  /// What is wrong where; nil if all agrees.
  public var wrong: WrongValues?
  /// The element type in the other file.
  let kind: NumericType.Kind

  /// - Parameters:
  ///   - result: its name in this program's output.
  ///   - scales: what numbers are like in each feature, as far as the largest of them does not tell; [C] or empty.
  ///   - given: nil for what the element type lets expect.
  init(
    _ result: String, _ dataset: ResultDataset, errors: ElementErrors, scales: [Double], shape: [Int],
    tolerance given: (relative: Double?, absolute: Double?)
  ) {
    kind = dataset.type.kind
    let tolerance = Tolerance(kind, given)
    var worst = ElementErrors.Feature()
    var worstScale = 0.0
    var worstRelative = 0.0
    var agrees = true
    for (feature, found) in errors.features.enumerated() {
      let scale = errors.scale(feature, atLeast: scales)
      let relative = found.error == 0 ? 0 : found.error / scale
      if !(found.error <= tolerance.limit(scale)) { agrees = false }
      if relative > worstRelative {
        worstRelative = relative
        worstScale = scale
        worst = found
      }
    }
    self.dataset = dataset.path
    self.result = result
    elementType = dataset.type.description
    count = errors.count
    maximumError = worst.error
    relativeError = worstRelative
    meanError = errors.meanError
    ulps = worst.error == 0 ? 0 : worst.error / kind.unitInTheLastPlace(worst.ours)
    index = worst.error == 0 ? [] : tensorIndex(of: worst.element, in: shape)
    ours = worst.ours
    theirs = worst.theirs
    scale = worstScale
    self.tolerance = tolerance
    self.agrees = agrees
  }

  private enum CodingKeys: String, CodingKey {
    case dataset, result
    case elementType = "element_type"
    case count
    case maximumError = "maximum_error"
    case relativeError = "relative_error"
    case meanError = "mean_error"
    case ulps = "units"
    case index, ours, theirs, scale, tolerance, agrees, wrong
  }
}

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

  /// What is given, and else what the element type lets expect.
  init(_ kind: NumericType.Kind, _ given: (relative: Double?, absolute: Double?)) {
    self = .standard(kind)
    // Counts are counts.
    if kind.isFloat { relative = given.relative ?? relative }
    absolute = given.absolute ?? absolute
  }

  /// How far numbers of a feature may be apart.
  func limit(_ scale: Double) -> Double { absolute + relative * scale }

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
