/// The values of the nine forward nodes.
public struct ForwardNodes: Equatable, Sendable {
  /// Step 1, [C].
  public let mu: FeatureRow
  /// Step 2, [m, C].
  public let xmu: FeatureMatrix
  /// Step 3, [m, C].
  public let sq: FeatureMatrix
  /// Step 4, [C]; biased: divided by m.
  public let variance: FeatureRow
  /// Step 5, [C].
  public let sqrtvar: FeatureRow
  /// Step 6, [C].
  public let ivar: FeatureRow
  /// Step 7, [m, C].
  public let xhat: FeatureMatrix
  /// Step 8, [m, C].
  public let gammax: FeatureMatrix
  /// Step 9, [m, C].
  public let out: FeatureMatrix
}

/// The forward pass, step by step: Ioffe & Szegedy (2015), Algorithm 1.
///
/// Convention: where var + ε = 0, ivar is 0 instead of 1/0. In a batch the feature is constant
/// then (and ε = 0); with this, y = β and dx = 0 exactly, as in bn-stream itself.
///
/// Deviations from the mean beyond about 1e150 overflow when squared; the reference does not rescale.
public func forward(_ inputs: GraphInputs) -> ForwardNodes {
  let x = inputs.x
  func broadcast(_ row: FeatureRow) -> FeatureMatrix { broadcastRow(row, rowCount: x.rowCount) }

  let mu: FeatureRow
  let xmu: FeatureMatrix
  let sq: FeatureMatrix
  let variance: FeatureRow
  switch inputs.mode {
  case .batch, .detached:
    mu = meanOverBatch(x, over: inputs.counted)
    xmu = centered(x, around: mu, over: inputs.counted)
    sq = xmu * xmu
    variance = meanOverBatch(sq, over: inputs.counted)
  case .running(let runningMean, let runningVariance):
    mu = runningMean
    xmu = x - broadcast(mu)
    sq = xmu * xmu
    variance = runningVariance
  }
  let sqrtvar = (variance + inputs.epsilon).map { $0.squareRoot() }
  let ivar = sqrtvar.map { $0 == 0 ? 0 : 1 / $0 }
  let xhat = xmu * broadcast(ivar)
  let gammax = broadcast(inputs.gamma) * xhat
  let out = gammax + broadcast(inputs.beta)

  return ForwardNodes(
    mu: mu, xmu: xmu, sq: sq, variance: variance, sqrtvar: sqrtvar, ivar: ivar, xhat: xhat, gammax: gammax,
    out: out)
}

/// x - mu, where mu is the mean of x before it was rounded to a Double.
///
/// At mean 1e6 and standard deviation 1 the rounding of mu alone would cost 1e-10 in every x̂. What it left
/// behind is the mean of x - mu, so subtracting that as well restores it. A constant feature gives exactly 0.
private func centered(
  _ x: FeatureMatrix, around mu: FeatureRow, over rows: RowSelection
) -> FeatureMatrix {
  let nearly = x - broadcastRow(mu, rowCount: x.rowCount)
  let remainder = meanOverBatch(nearly, over: rows)
  return nearly - broadcastRow(remainder, rowCount: x.rowCount)
}
