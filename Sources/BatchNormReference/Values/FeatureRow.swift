/// One value per feature, shape [C]: a parameter, a statistic or the gradient of one.
///
/// A type of its own, not `[Double]`, so that `+` adds and never concatenates.
public struct FeatureRow: Equatable, Sendable {
  /// The values in order of the features, [C].
  public var values: [Double]

  /// One value per feature, [C].
  public init(_ values: [Double]) {
    self.values = values
  }

  /// The same value for `count` features.
  public init(repeating value: Double, count: Int) {
    values = Array(repeating: value, count: count)
  }

  /// C.
  public var featureCount: Int { values.count }

  /// The value of one feature.
  public subscript(feature: Int) -> Double {
    get { values[feature] }
    set { values[feature] = newValue }
  }
}

extension FeatureRow: ExpressibleByArrayLiteral {
  public init(arrayLiteral elements: Double...) {
    self.init(elements)
  }
}

// Element-wise arithmetic, so that the graph can be written as its formulas.
extension FeatureRow {
  func map(_ transform: (Double) -> Double) -> FeatureRow {
    FeatureRow(values.map(transform))
  }

  static func * (a: FeatureRow, b: FeatureRow) -> FeatureRow {
    precondition(a.featureCount == b.featureCount, "[\(a.featureCount)] * [\(b.featureCount)]")
    return FeatureRow(a.values.indices.map { a.values[$0] * b.values[$0] })
  }

  static func * (factor: Double, a: FeatureRow) -> FeatureRow {
    a.map { factor * $0 }
  }

  static func + (a: FeatureRow, term: Double) -> FeatureRow {
    a.map { $0 + term }
  }

  static prefix func - (a: FeatureRow) -> FeatureRow {
    a.map { -$0 }
  }
}
