/// The input gradient in one formula, the one bn-stream's kernels compute:
/// dx = γ·ivar·(dy - dβ/m - x̂·dγ/m), [m, C].
///
/// It is the whole backward graph, simplified. From steps 7 to 3, dxmu2 = -γ·ivar·x̂·dγ/m; and since Σ xmu
/// = 0 over the rows of the mean, dmu = -γ·ivar·dβ. The same holds with ε > 0, and with a mask the two
/// corrections apply to the counted rows only. With constant statistics no row has them.
public func closedFormInputGradient(
  _ dy: FeatureMatrix, through nodes: ForwardNodes, of inputs: GraphInputs
) -> FeatureMatrix {
  let rows = inputs.differentiated
  let dbeta = adjointOfBroadcast(dy)
  let dgamma = adjointOfBroadcast(dy * nodes.xhat)
  let dbetaShare = adjointOfMeanOverBatch(dbeta, over: rows)
  let dgammaShare = adjointOfMeanOverBatch(dgamma, over: rows)
  let scale = broadcastRow(inputs.gamma * nodes.ivar, rowCount: dy.rowCount)
  return scale * (dy - dbetaShare - nodes.xhat * dgammaShare)
}
