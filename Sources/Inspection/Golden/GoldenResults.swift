import BatchNormReference
import LayerFiles

/// The results of a layer by the graph of the reference, which shares no code with the kernels, and its parameters folded for inference.
struct GoldenResults {
  /// A dataset: its name below the layer's group, its shape and its numbers.
  struct Tensor {
    let name: String
    let shape: [Int]
    let values: [Double]
    var isInteger = false
  }

  /// In the order in which they are written.
  private(set) var tensors: [Tensor] = []

  /// Computes all that the layer gives, batch by batch.
  init(of layer: GoldenLayer) {
    let features = layer.featureCount
    var output: [Double] = []
    var normalized: [Double] = []
    var gradInput: [Double] = []
    var batches = Rows()
    var running = RunningStatistics(
      mean: FeatureRow(layer.runningMean ?? [Double](repeating: 0, count: features)),
      variance: FeatureRow(layer.runningVariance ?? [Double](repeating: 1, count: features)))
    let given = running
    var matrices: [FeatureMatrix] = []
    for samples in layer.batches {
      let view = layer.view(samples)
      let places = samples.lowerBound * layer.valuesPerSample..<samples.upperBound * layer.valuesPerSample
      let x = view.matrix(from: Array(layer.x[places]))
      matrices.append(x)
      let inputs = layer.inputs(x, given)
      let nodes = forward(inputs)
      output += view.tensor(from: nodes.out)
      normalized += view.tensor(from: nodes.xhat)
      batches.add(nodes)
      if let dy = layer.dy {
        let dout = view.matrix(from: Array(dy[places]))
        let gradients = backward(dout, through: nodes, of: inputs)
        gradInput += view.tensor(from: layer.gradInput(dout, inputs) ?? gradients.dx)
        batches.gradGammas.append(gradients.dgamma.values)
        batches.gradBetas.append(gradients.dbeta.values)
      }
      running.update(
        // The variance of a single value says nothing; such a batch leaves the running one as it is.
        mean: nodes.mu, variance: view.rowCount == 1 ? running.variance : nodes.variance,
        // For the biased variance as for a single value, of which there is no other.
        count: layer.runningVarianceEstimate == .biased ? 1 : view.rowCount, momentum: layer.factor)
    }
    add(.output, layer.shape, output)
    add(.normalized, layer.shape, normalized)
    if layer.dy != nil {
      add(.gradInput, layer.shape, gradInput)
      add(.gradGamma, [features], sum(batches.gradGammas))
      add(.gradBeta, [features], sum(batches.gradBetas))
    }
    let population = PopulationStatistics(of: matrices)
    let rows = [layer.batches.count, features]
    let isGiven = layer.normalization == .running
    add(.runningMean, [features], (isGiven ? given : running).mean.values)
    add(.runningVariance, [features], (isGiven ? given : running).variance.values)
    if !isGiven {
      add(.batchMean, rows, batches.means.flatMap { $0 })
      add(.batchVariance, rows, batches.variances.flatMap { $0 })
      add(.batchInvStd, rows, batches.invStds.flatMap { $0 })
    }
    add(.populationMean, [features], population.mean.values)
    add(.populationVariance, [features], population.variance.values)
    if layer.dy != nil {
      add(.batchGradGamma, rows, batches.gradGammas.flatMap { $0 })
      add(.batchGradBeta, rows, batches.gradBetas.flatMap { $0 })
    }
    tensors.append(
      Tensor(
        name: LayerResult.batchCount.rawValue, shape: [layer.batches.count],
        values: layer.batches.map { Double($0.count) }, isInteger: true))
    let folded = layer.folded(
      layer.runningMean == nil
        ? (population.mean, population.variance) : (given.mean, given.variance))
    tensors.append(Tensor(name: "folded/scale", shape: [features], values: folded.scale))
    tensors.append(Tensor(name: "folded/bias", shape: [features], values: folded.bias))
  }

  private mutating func add(_ result: LayerResult, _ shape: [Int], _ values: [Double]) {
    tensors.append(Tensor(name: result.rawValue, shape: shape, values: values))
  }

  /// What each batch gives, [C] each.
  private struct Rows {
    var means: [[Double]] = []
    var variances: [[Double]] = []
    var invStds: [[Double]] = []
    var gradGammas: [[Double]] = []
    var gradBetas: [[Double]] = []

    mutating func add(_ nodes: ForwardNodes) {
      means.append(nodes.mu.values)
      variances.append(nodes.variance.values)
      invStds.append(nodes.ivar.values)
    }
  }
}

/// The sum of rows.
private func sum(_ rows: [[Double]]) -> [Double] {
  rows.dropFirst().reduce(rows.first ?? []) { zip($0, $1).map(+) }
}

extension GoldenLayer {
  fileprivate func view(_ samples: Range<Int>) -> LayoutView {
    LayoutView(shape: [samples.count] + shape.dropFirst(), featureAxis: featureAxis)
  }

  /// The weight of a batch in the running statistics; nil for the average of all.
  fileprivate var factor: Double? {
    if case .exponential(let factor) = momentum { factor } else { nil }
  }

  /// - Parameter given: the running statistics before the first batch.
  fileprivate func inputs(_ x: FeatureMatrix, _ given: RunningStatistics) -> GraphInputs {
    let mode: ReferenceMode =
      switch normalization {
      case .batch: .batch
      case .batchDetached: .detached
      case .running: .running(mean: given.mean, variance: given.variance)
      }
    var inputs = GraphInputs(
      x: x, gamma: FeatureRow(gamma ?? [Double](repeating: 1, count: featureCount)),
      beta: FeatureRow(beta ?? [Double](repeating: 0, count: featureCount)), epsilon: epsilon, mode: mode)
    if !hasParameters {
      let nodes = forward(inputs)
      (inputs.gamma, inputs.beta) = (nodes.sqrtvar, nodes.mu)
    }
    return inputs
  }

  /// dx with given statistics, where x is not all finite; nil elsewhere. No x enters it, but in the graph 0 · NaN would.
  fileprivate func gradInput(_ dout: FeatureMatrix, _ inputs: GraphInputs) -> FeatureMatrix? {
    guard normalization == .running, !inputs.x.values.allSatisfy(\.isFinite) else { return nil }
    var finite = inputs
    finite.x = FeatureMatrix(
      rowCount: inputs.x.rowCount, featureCount: inputs.x.featureCount,
      values: inputs.x.values.map { $0.isFinite ? $0 : 0 })
    return backward(dout, through: forward(finite), of: finite).dx
  }

  /// y = scale · x + bias: γ·ivar of the graph with these statistics, and what it makes of x = 0.
  fileprivate func folded(_ statistics: (mean: FeatureRow, variance: FeatureRow)) -> (
    scale: [Double], bias: [Double]
  ) {
    let x = FeatureMatrix(
      rowCount: 1, featureCount: featureCount, values: [Double](repeating: 0, count: featureCount))
    var inputs = self.inputs(x, RunningStatistics(mean: statistics.mean, variance: statistics.variance))
    inputs.mode = .running(mean: statistics.mean, variance: statistics.variance)
    if !hasParameters {
      let nodes = forward(inputs)
      (inputs.gamma, inputs.beta) = (nodes.sqrtvar, nodes.mu)
    }
    let nodes = forward(inputs)
    return (zip(inputs.gamma.values, nodes.ivar.values).map(*), nodes.out.values)
  }
}
