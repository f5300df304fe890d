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
