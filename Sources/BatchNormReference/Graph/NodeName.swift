/// The values of the graph of batch normalization, in the order in which they are computed.
///
/// Names and steps are those of F. Kratzert, "Understanding the backward pass through Batch Normalization
/// Layer" (2016): nine steps forward, the same nine backward, and step 0 where the two paths to x meet. The
/// raw value is the node's name in a trace. `definition` tells what each one is.
public enum NodeName: String, CaseIterable, Hashable, Sendable {
  // What is given.
  case x, gamma, beta, epsilon, dout
  // Forward, steps 1 to 9: Algorithm 1 of Ioffe & Szegedy (2015).
  case mu, xmu, sq
  case variance = "var"
  case sqrtvar, ivar, xhat, gammax, out
  // Backward, steps 9 to 0: the chain rule of their section 3, one node at a time.
  case dbeta, dgammax
  case dgamma, dxhat
  case divar, dxmu1
  case dsqrtvar
  case dvar
  case dsq
  case dxmu2
  case dx1, dmu
  case dx2
  case dx
}

/// What a node of the graph is: where it stands, its formula, its shape and what it is computed from.
public struct NodeDefinition: Equatable, Sendable {
  /// The part of the graph that a node belongs to.
  public enum Phase: String, Sendable {
    case input, forward, backward
  }

  /// How many values a node has; the raw value is the shape as a user reads it.
  public enum Shape: String, Sendable {
    /// One value for every value of the batch.
    case matrix = "[m, C]"
    /// One value per feature.
    case row = "[C]"
    case scalar = "[]"
  }

  /// The part of the graph.
  public let phase: Phase
  /// The step of Kratzert's graph; for an input, the step at which it enters.
  public let step: Int
  /// How many values it has.
  public let shape: Shape
  /// The right-hand side in plain text.
  public let formula: String
  /// The whole equation in LaTeX.
  public let latex: String
  /// The nodes this one is computed from; the number of values m and the row weights w are not nodes.
  public let inputs: [NodeName]

  init(
    _ phase: Phase, step: Int, _ shape: Shape, _ formula: String, _ latex: String,
    _ inputs: [NodeName] = []
  ) {
    self.phase = phase
    self.step = step
    self.shape = shape
    self.formula = formula
    self.latex = latex
    self.inputs = inputs
  }
}

extension NodeName {
  /// The step of Kratzert's graph; for an input, the step at which it enters.
  public var step: Int { definition.step }
  /// The right-hand side in plain text.
  public var formula: String { definition.formula }
  /// The whole equation in LaTeX; of what is given, its sign.
  public var latex: String { definition.latex }
  /// The node's sign in LaTeX, by which the equations of other nodes name it.
  public var sign: String {
    definition.phase == .input
      ? latex : String(latex[..<(latex.firstRange(of: " = ")?.lowerBound ?? latex.endIndex)])
  }
  /// The nodes that it is computed from.
  public var inputs: [NodeName] { definition.inputs }
}
