/// How a node of the backward pass comes about: the gradient of its forward partner by that partner's input, times what comes from
/// upstream; where the input was broadcast forward, summed over the batch.
public struct LocalGradient: Sendable {
  /// Where the gradient comes from; two nodes are added.
  public let upstream: [NodeName]
  /// The local gradient in plain text.
  public let formula: String
  /// True if the products are summed over the batch, since one value was used for all of it.
  public let isSummed: Bool

  init(_ upstream: [NodeName], _ formula: String, isSummed: Bool = false) {
    (self.upstream, self.formula, self.isSummed) = (upstream, formula, isSummed)
  }
}

extension NodeName {
  /// How the node comes about; nil for what is given and for nodes of the forward pass.
  public var localGradient: LocalGradient? {
    switch self {
    case .dbeta: LocalGradient([.dout], "1", isSummed: true)
    case .dgammax: LocalGradient([.dout], "1")
    case .dgamma: LocalGradient([.dgammax], "xhat", isSummed: true)
    case .dxhat: LocalGradient([.dgammax], "gamma")
    case .divar: LocalGradient([.dxhat], "xmu", isSummed: true)
    case .dxmu1: LocalGradient([.dxhat], "ivar")
    case .dsqrtvar: LocalGradient([.divar], "-ivar²")
    case .dvar: LocalGradient([.dsqrtvar], "½ · ivar")
    case .dsq: LocalGradient([.dvar], "(1/m) · 1")
    case .dxmu2: LocalGradient([.dsq], "2 · xmu")
    case .dx1: LocalGradient([.dxmu1, .dxmu2], "1")
    case .dmu: LocalGradient([.dxmu1, .dxmu2], "-1", isSummed: true)
    case .dx2: LocalGradient([.dmu], "(1/m) · 1")
    case .dx: LocalGradient([.dx1, .dx2], "1")
    case .x, .gamma, .beta, .epsilon, .dout, .mu, .xmu, .sq, .variance, .sqrtvar, .ivar, .xhat, .gammax, .out:
      nil
    }
  }
}

extension GraphTrace {
  /// The numbers of a node's local gradient, those that are 1 everywhere written out; nil for nodes that have none.
  public func localGradient(of node: NodeName) -> NodeValue? {
    guard node.localGradient != nil, backward != nil else { return nil }
    func ones(_ value: Double) -> NodeValue {
      .matrix(
        FeatureMatrix(
          repeating: value, rowCount: inputs.x.rowCount, featureCount: inputs.x.featureCount))
    }
    // The adjoint of the mean, of ones: 1/m in the rows that it was formed of.
    var shares: NodeValue {
      .matrix(
        adjointOfMeanOverBatch(
          FeatureRow(repeating: 1, count: inputs.x.featureCount), over: inputs.differentiated))
    }
    switch node {
    case .dgamma: return .matrix(forward.xhat)
    case .dxhat: return .row(inputs.gamma)
    case .divar: return .matrix(forward.xmu)
    case .dxmu1: return .row(forward.ivar)
    case .dsqrtvar: return .row(-(forward.ivar * forward.ivar))
    case .dvar: return .row(0.5 * forward.ivar)
    case .dsq, .dx2: return shares
    case .dxmu2: return .matrix(2 * forward.xmu)
    case .dmu: return ones(-1)
    default: return ones(1)
    }
  }
}
