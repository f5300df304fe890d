// The first of the two facts that carry the backward pass: the mean over the batch is a linear map, and its
// adjoint hands every row the same m-th part. In Kratzert's text it is "a matrix of ones, over N".

/// The mean of every feature over the included rows: r[c] = (1/m) Σᵢ wᵢ·u[i, c], [m, C] → [C].
///
/// Rows that are not included are not read, so a NaN in padding stays there. Without any included row the
/// mean is 0/0, NaN.
public func meanOverBatch(_ u: FeatureMatrix, over rows: RowSelection) -> FeatureRow {
  precondition(rows.isIncluded.count == u.rowCount)
  let included = rows.isIncluded.indices.filter { rows.isIncluded[$0] }
  return FeatureRow(
    (0..<u.featureCount).map { feature in
      sum(included.lazy.map { u[$0, feature] }) / Double(rows.count)
    })
}

/// The adjoint of `meanOverBatch`: g[i, c] = (wᵢ/m)·v[c], [C] → [m, C].
///
/// With no included row, it is zero everywhere: the statistic was a constant.
public func adjointOfMeanOverBatch(_ v: FeatureRow, over rows: RowSelection) -> FeatureMatrix {
  var gradient = FeatureMatrix(
    repeating: 0, rowCount: rows.isIncluded.count, featureCount: v.featureCount)
  for row in rows.isIncluded.indices where rows.isIncluded[row] {
    for feature in 0..<v.featureCount {
      gradient[row, feature] = v[feature] / Double(rows.count)
    }
  }
  return gradient
}

// The second of the two facts that carry the backward pass: what was broadcast forward is summed backward.

/// The same row for every value of the batch: u[i, c] = r[c], [C] → [m, C].
public func broadcastRow(_ row: FeatureRow, rowCount: Int) -> FeatureMatrix {
  let values = (0..<rowCount).flatMap { _ in row.values }
  return FeatureMatrix(rowCount: rowCount, featureCount: row.featureCount, values: values)
}

/// The adjoint of `broadcastRow`: a sum over the batch, g[c] = Σᵢ v[i, c], [m, C] → [C].
public func adjointOfBroadcast(_ v: FeatureMatrix) -> FeatureRow {
  FeatureRow(
    (0..<v.featureCount).map { feature in
      sum((0..<v.rowCount).lazy.map { v[$0, feature] })
    })
}

/// Which rows of a matrix [m, C] enter the batch's mean and variance: weights w of 0 or 1, one per row.
///
/// This one notion makes one graph serve every mode:
/// - all rows: ordinary batch statistics;
/// - the unmasked rows: padding counts in no statistic;
/// - no row: mean and variance do not depend on x at all, so nothing flows back through them.
public struct RowSelection: Equatable, Sendable {
  /// w: true where the row enters mean and variance.
  public let isIncluded: [Bool]
  /// Σw, the m of every formula.
  public let count: Int

  /// The rows for which `isIncluded`, [m], is true.
  public init(_ isIncluded: [Bool]) {
    self.isIncluded = isIncluded
    count = isIncluded.count { $0 }
  }

  /// Every one of `rowCount` rows.
  public static func all(rowCount: Int) -> RowSelection {
    RowSelection(Array(repeating: true, count: rowCount))
  }

  /// None of `rowCount` rows.
  public static func none(rowCount: Int) -> RowSelection {
    RowSelection(Array(repeating: false, count: rowCount))
  }
}
