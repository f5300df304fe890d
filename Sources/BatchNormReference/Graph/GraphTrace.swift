/// The value of a node of the graph.
public enum NodeValue: Equatable, Sendable {
  case matrix(FeatureMatrix)
  case row(FeatureRow)
  case scalar(Double)

  /// The values in row-major order.
  public var values: [Double] {
    switch self {
    case .matrix(let matrix): matrix.values
    case .row(let row): row.values
    case .scalar(let value): [value]
    }
  }

  /// Whether it is [m, C], [C] or a number.
  public var shape: NodeDefinition.Shape {
    switch self {
    case .matrix: .matrix
    case .row: .row
    case .scalar: .scalar
    }
  }
}

/// One evaluation of the graph with the value of every node.
public struct GraphTrace: Equatable, Sendable {
  /// What the graph was computed from.
  public let inputs: GraphInputs
  /// The upstream gradient, [m, C]; nil if only the forward pass ran.
  public let dout: FeatureMatrix?
  /// The nodes of the forward pass.
  public let forward: ForwardNodes
  /// nil if only the forward pass ran.
  public let backward: BackwardNodes?

  /// Runs the forward pass and, if there is an upstream gradient, the backward pass.
  public init(_ inputs: GraphInputs, dout: FeatureMatrix? = nil) {
    let nodes = BatchNormReference.forward(inputs)
    self.inputs = inputs
    self.dout = dout
    forward = nodes
    backward = dout.map { BatchNormReference.backward($0, through: nodes, of: inputs) }
  }

  /// The value of a node; nil for those of the backward pass if only the forward pass ran.
  public subscript(name: NodeName) -> NodeValue? {
    switch name {
    case .x: .matrix(inputs.x)
    case .gamma: .row(inputs.gamma)
    case .beta: .row(inputs.beta)
    case .epsilon: .scalar(inputs.epsilon)
    case .dout: dout.map { .matrix($0) }

    case .mu: .row(forward.mu)
    case .xmu: .matrix(forward.xmu)
    case .sq: .matrix(forward.sq)
    case .variance: .row(forward.variance)
    case .sqrtvar: .row(forward.sqrtvar)
    case .ivar: .row(forward.ivar)
    case .xhat: .matrix(forward.xhat)
    case .gammax: .matrix(forward.gammax)
    case .out: .matrix(forward.out)

    case .dbeta: backward.map { .row($0.dbeta) }
    case .dgammax: backward.map { .matrix($0.dgammax) }
    case .dgamma: backward.map { .row($0.dgamma) }
    case .dxhat: backward.map { .matrix($0.dxhat) }
    case .divar: backward.map { .row($0.divar) }
    case .dxmu1: backward.map { .matrix($0.dxmu1) }
    case .dsqrtvar: backward.map { .row($0.dsqrtvar) }
    case .dvar: backward.map { .row($0.dvar) }
    case .dsq: backward.map { .matrix($0.dsq) }
    case .dxmu2: backward.map { .matrix($0.dxmu2) }
    case .dx1: backward.map { .matrix($0.dx1) }
    case .dmu: backward.map { .row($0.dmu) }
    case .dx2: backward.map { .matrix($0.dx2) }
    case .dx: backward.map { .matrix($0.dx) }
    }
  }
}
