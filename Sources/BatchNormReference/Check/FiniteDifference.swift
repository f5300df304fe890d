/// Numerical derivatives of the loss L = Σ dout·out of one feature; the others' losses do not depend on it.
///
/// Central differences at two step sizes, combined by Richardson extrapolation:
///
///     D(h) = (L(v + h) - L(v - h)) / 2h = L' + O(h²)        L' ≈ (4·D(h) - D(2h)) / 3 = L' + O(h⁴)
///
/// The error is then about (h/s)⁴ from truncation plus 2⁻⁵³·s/h from rounding, where s is the scale on which
/// out bends: √(var + ε) for x. At h = 2⁻⁹·s the whole error was measured at 1e-13 to 5e-12, for batches of 2
/// to 4096 values. γ and β enter linearly, and so does x where mean and variance are constants: any step is exact but for rounding,
/// and one as large as what it is added to is best. A given mean may lie 10¹⁶ deviations from the data.
struct FiniteDifference {
  /// The one feature: matrices [m, 1], rows [1].
  private let inputs: GraphInputs
  /// [m].
  private let dout: [Double]
  /// The forward pass at the point of the derivative.
  private let nodes: ForwardNodes

  /// - Parameters:
  ///   - inputs: the whole graph's, [m, C].
  ///   - dout: [m, C].
  init(_ inputs: GraphInputs, dout: FeatureMatrix, feature: Int) {
    var inputs = inputs.only(feature: feature)
    nodes = forward(inputs)
    if inputs.mode == .detached {
      // The constants must stay what they are when x moves.
      inputs.mode = .running(mean: nodes.mu, variance: nodes.variance)
    }
    // β is added last, so no derivative depends on it; beside a small γ it would only cost digits.
    inputs.beta = [0]
    self.inputs = inputs
    self.dout = dout.column(feature)
  }

  /// False where var + ε is 0, or not finite: out has no derivative there.
  var isDefined: Bool { nodes.sqrtvar[0] > 0 && nodes.sqrtvar[0].isFinite }

  /// ∂L/∂x of one row.
  func dx(row: Int) -> Double {
    let step: Double
    if case .running = inputs.mode {
      step = max(nodes.sqrtvar[0], nodes.xmu[row, 0].magnitude)
    } else {
      // Four units in the last place, so that a step still moves a large x.
      step = max(nodes.sqrtvar[0] * 0x1p-9, 4 * inputs.x[row, 0].ulp)
    }
    return derivative(step: step) { $0.x[row, 0] += $1 }
  }

  /// ∂L/∂γ.
  var dgamma: Double { derivative(step: parameterStep) { $0.gamma[0] += $1 } }

  /// ∂L/∂β.
  var dbeta: Double {
    let largest = nodes.gammax.column(0).reduce(0) { $1.isFinite ? max($0, $1.magnitude) : $0 }
    return derivative(step: max(parameterStep, largest)) { $0.beta[0] += $1 }
  }

  /// Not small beside γ, which determines the rounding of out.
  private var parameterStep: Double { max(inputs.gamma[0].magnitude, 1) }

  /// Richardson's combination of two central differences.
  ///
  /// - Parameter move: adds its second argument to the coordinate in question.
  private func derivative(step: Double, move: (inout GraphInputs, Double) -> Void) -> Double {
    // A power of two is added to most coordinates without rounding, so the two points are 2h apart exactly.
    let h = Double(sign: .plus, exponent: step.exponent, significand: 1)

    func out(at displacement: Double) -> FeatureMatrix {
      var moved = inputs
      move(&moved, displacement)
      return forward(moved).out
    }
    func centralDifference(_ h: Double) -> Double {
      let ahead = out(at: h)
      let behind = out(at: -h)
      // L(v + h) - L(v - h), subtracted before the sum: most terms barely change.
      return sum(dout.indices.lazy.map { dout[$0] * (ahead[$0, 0] - behind[$0, 0]) }) / (2 * h)
    }
    return (4 * centralDifference(h) - centralDifference(2 * h)) / 3
  }

  /// What an entry of the gradient is like when dout has no special relation to x: the root of the sum of the
  /// squares of its terms, and for dx the root mean square of γ·ivar·dout.
  ///
  /// Without it, a gradient that happens to be near 0 would have a large relative error.
  func typicalSize(of gradient: GradientCheck.Gradient) -> Double {
    func norm(_ terms: some Sequence<Double>) -> Double {
      sum(terms.lazy.map { $0 * $0 }).squareRoot()
    }
    switch gradient {
    case .dx:
      let scale = (inputs.gamma[0] * nodes.ivar[0]).magnitude
      return scale * norm(dout) / Double(dout.count).squareRoot()
    case .dgamma:
      return norm(dout.indices.lazy.map { dout[$0] * nodes.xhat[$0, 0] })
    case .dbeta:
      return norm(dout)
    }
  }
}

extension GraphInputs {
  /// The inputs of a graph with this feature alone.
  fileprivate func only(feature: Int) -> GraphInputs {
    var mode = mode
    if case .running(let mean, let variance) = mode {
      mode = .running(mean: [mean[feature]], variance: [variance[feature]])
    }
    return GraphInputs(
      x: FeatureMatrix(column: x.column(feature)), gamma: [gamma[feature]], beta: [beta[feature]],
      epsilon: epsilon, mode: mode, counted: counted.isIncluded)
  }
}
