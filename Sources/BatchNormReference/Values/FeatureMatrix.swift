/// The batch of one layer as the graph sees it: shape [m, C], one row per value of a feature, one column per
/// feature.
public struct FeatureMatrix: Equatable, Sendable {
  /// m, the number of values every feature has in this batch.
  public let rowCount: Int
  /// C.
  public let featureCount: Int
  /// The values row by row, [m, C].
  public var values: [Double]

  /// - Parameters:
  ///   - rowCount: m.
  ///   - featureCount: C.
  ///   - values: m·C values, row by row.
  public init(rowCount: Int, featureCount: Int, values: [Double]) {
    precondition(
      values.count == rowCount * featureCount,
      "\(values.count) values do not fill a matrix [\(rowCount), \(featureCount)]")
    self.rowCount = rowCount
    self.featureCount = featureCount
    self.values = values
  }

  /// A matrix [m, C] with one value everywhere.
  public init(repeating value: Double, rowCount: Int, featureCount: Int) {
    let values = Array(repeating: value, count: rowCount * featureCount)
    self.init(rowCount: rowCount, featureCount: featureCount, values: values)
  }

  /// A matrix [m, 1]: a single feature with the values `column`.
  public init(column: [Double]) {
    self.init(rowCount: column.count, featureCount: 1, values: column)
  }

  /// The value of one feature in one row.
  public subscript(row: Int, feature: Int) -> Double {
    get { values[row * featureCount + feature] }
    set { values[row * featureCount + feature] = newValue }
  }

  /// The m values of one feature.
  public func column(_ feature: Int) -> [Double] {
    (0..<rowCount).map { self[$0, feature] }
  }
}

// Element-wise arithmetic, so that the graph can be written as its formulas.
extension FeatureMatrix {
  static func + (a: FeatureMatrix, b: FeatureMatrix) -> FeatureMatrix { combine(a, b, +) }
  static func - (a: FeatureMatrix, b: FeatureMatrix) -> FeatureMatrix { combine(a, b, -) }
  static func * (a: FeatureMatrix, b: FeatureMatrix) -> FeatureMatrix { combine(a, b, *) }

  static func * (factor: Double, a: FeatureMatrix) -> FeatureMatrix {
    FeatureMatrix(
      rowCount: a.rowCount, featureCount: a.featureCount, values: a.values.map { factor * $0 })
  }

  private static func combine(
    _ a: FeatureMatrix, _ b: FeatureMatrix, _ operation: (Double, Double) -> Double
  ) -> FeatureMatrix {
    precondition(
      a.rowCount == b.rowCount && a.featureCount == b.featureCount,
      "[\(a.rowCount), \(a.featureCount)] does not match [\(b.rowCount), \(b.featureCount)]")
    let values = a.values.indices.map { operation(a.values[$0], b.values[$0]) }
    return FeatureMatrix(rowCount: a.rowCount, featureCount: a.featureCount, values: values)
  }
}

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
