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
