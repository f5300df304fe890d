/// The values of the fourteen backward nodes, in the order in which they are computed.
public struct BackwardNodes: Equatable, Sendable {
  /// Step 9, [C].
  public let dbeta: FeatureRow
  /// Step 9, [m, C].
  public let dgammax: FeatureMatrix
  /// Step 8, [C].
  public let dgamma: FeatureRow
  /// Step 8, [m, C].
  public let dxhat: FeatureMatrix
  /// Step 7, [C].
  public let divar: FeatureRow
  /// Step 7, [m, C].
  public let dxmu1: FeatureMatrix
  /// Step 6, [C].
  public let dsqrtvar: FeatureRow
  /// Step 5, [C].
  public let dvar: FeatureRow
  /// Step 4, [m, C].
  public let dsq: FeatureMatrix
  /// Step 3, [m, C].
  public let dxmu2: FeatureMatrix
  /// Step 2, [m, C].
  public let dx1: FeatureMatrix
  /// Step 2, [C].
  public let dmu: FeatureRow
  /// Step 1, [m, C].
  public let dx2: FeatureMatrix
  /// Step 0, [m, C].
  public let dx: FeatureMatrix
}

/// The backward pass, step by step: the chain rule of Ioffe & Szegedy (2015), section 3, an operation a node.
///
/// Every sum runs over all rows, since out is computed for all of them; what the mode and the mask change is
/// only which rows mean and variance pass their gradient on to, `rows` in the adjoints of the two means. With
/// constant statistics there is none: dvar and dmu are then the gradients of those constants, and
/// dx = dxmu1 = γ·ivar·dout.
///
/// - Parameters:
///   - dout: the upstream gradient ∂L/∂out, [m, C].
///   - nodes: what `forward(inputs)` returned.
///   - inputs: what was given to `forward`.
public func backward(
  _ dout: FeatureMatrix, through nodes: ForwardNodes, of inputs: GraphInputs
) -> BackwardNodes {
  let rows = inputs.differentiated
  func broadcast(_ row: FeatureRow) -> FeatureMatrix { broadcastRow(row, rowCount: dout.rowCount) }

  // Step 9: out = gammax + beta
  let dbeta = adjointOfBroadcast(dout)
  let dgammax = dout
  // Step 8: gammax = gamma · xhat
  let dgamma = adjointOfBroadcast(dgammax * nodes.xhat)
  let dxhat = dgammax * broadcast(inputs.gamma)
  // Step 7: xhat = xmu · ivar
  let divar = adjointOfBroadcast(dxhat * nodes.xmu)
  let dxmu1 = dxhat * broadcast(nodes.ivar)
  // Step 6: ivar = 1 / sqrtvar. Times ivar², not over sqrtvar², so that it is 0 where sqrtvar is.
  let dsqrtvar = -(divar * nodes.ivar * nodes.ivar)
  // Step 5: sqrtvar = √(var + epsilon)
  let dvar = 0.5 * (dsqrtvar * nodes.ivar)
  // Step 4: var = (1/m) Σ sq
  let dsq = adjointOfMeanOverBatch(dvar, over: rows)
  // Step 3: sq = xmu²
  let dxmu2 = 2 * (nodes.xmu * dsq)
  // Step 2: xmu = x - mu
  let dx1 = dxmu1 + dxmu2
  let dmu = -adjointOfBroadcast(dxmu1 + dxmu2)
  // Step 1: mu = (1/m) Σ x
  let dx2 = adjointOfMeanOverBatch(dmu, over: rows)
  // Step 0: x is used twice
  let dx = dx1 + dx2

  return BackwardNodes(
    dbeta: dbeta, dgammax: dgammax, dgamma: dgamma, dxhat: dxhat, divar: divar, dxmu1: dxmu1,
    dsqrtvar: dsqrtvar, dvar: dvar, dsq: dsq, dxmu2: dxmu2, dx1: dx1, dmu: dmu, dx2: dx2, dx: dx)
}

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
