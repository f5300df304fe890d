import BatchNormReference

/// All results of one layer, computed batch by batch with the graph of `BatchNormReference`, which shares no code with the
/// program, or with the formula beside them.
struct ExpectedResults: Sendable {
  /// What the output file should hold under one name.
  struct Tensor: Sendable {
    let shape: [Int]
    /// NaN stands for a number that is not finite.
    var values: [Double]
  }

  /// By their paths in the layer's group.
  private(set) var tensors: [String: Tensor] = [:]

  private let layer: InputLayer
  private let settings: Settings
  private let batches: [Range<Int>]
  /// One entry for each sample and position; nil where all count.
  private let counted: [Bool]?

  init(_ layer: InputLayer, _ settings: Settings) {
    self.layer = layer
    self.settings = settings
    batches = settings.batches(of: layer)
    counted = layer.counted
    let samples = batches.last?.upperBound ?? 0
    let large = [samples] + layer.shape.dropFirst()
    let rows = [batches.count, layer.featureCount]
    add("output", large, 0)
    add("normalized", large, 0)
    add("batches/count", [batches.count], 0)
    for name in ["running_mean", "running_var", "population_mean", "population_var"] {
      add(name, [layer.featureCount], 0)
    }
    if !settings.usesRunningStatistics {
      // An empty batch has no statistics.
      for name in ["mean", "var", "inv_std"] { add("batches/\(name)", rows, .nan) }
    }
    if layer.dy != nil {
      add("grad_input", large, 0)
      for name in ["grad_gamma", "grad_beta"] {
        add(name, [layer.featureCount], 0)
        add("batches/\(name)", rows, 0)
      }
    }
    for (batch, samples) in batches.enumerated() {
      tensors["batches/count"]?.values[batch] = Double(samples.count)
    }
    // Features do not depend on each other; some at a time keep the graph's matrices small.
    let together = max(1, (1 << 17) / max(1, layer.sampleCount * layer.positions))
    for first in stride(from: 0, to: layer.featureCount, by: together) {
      compute(first..<min(first + together, layer.featureCount))
    }
    computePopulation()
  }

  private mutating func add(_ name: String, _ shape: [Int], _ value: Double) {
    tensors[name] = Tensor(shape: shape, values: Array(repeating: value, count: shape.reduce(1, *)))
  }

  private mutating func compute(_ features: Range<Int>) {
    func row(_ values: [Double]?, _ standard: Double) -> [Double] {
      values.map { Array($0[features]) } ?? Array(repeating: standard, count: features.count)
    }
    let given = (mean: row(layer.runningMean, 0), variance: row(layer.runningVariance, 1))
    var running = RunningStatistics(mean: FeatureRow(given.mean), variance: FeatureRow(given.variance))
    for (batch, samples) in batches.enumerated() where !samples.isEmpty {
      let x = matrix(layer.x, samples, features)
      let counted = counted.map { Array($0[positions(samples)]) }
      var inputs = GraphInputs(
        x: x, gamma: FeatureRow(row(layer.gamma, 1)), beta: FeatureRow(row(layer.beta, 0)),
        epsilon: settings.epsilon,
        mode: settings.usesRunningStatistics
          ? .running(mean: FeatureRow(given.mean), variance: FeatureRow(given.variance))
          : settings.isDetached ? .detached : .batch,
        counted: counted)
      var nodes = forward(inputs)
      if settings.isIdentity {
        inputs.gamma = nodes.sqrtvar
        inputs.beta = nodes.mu
        nodes = forward(inputs)
      }
      put("output", nodes.out, samples, features)
      put("normalized", nodes.xhat, samples, features)
      if !settings.usesRunningStatistics {
        put("mean", nodes.mu, batch, features)
        put("var", nodes.variance, batch, features)
        put("inv_std", nodes.ivar, batch, features)
        running.update(
          mean: nodes.mu, variance: nodes.variance, count: inputs.counted.count, momentum: settings.momentum)
      }
      guard let dy = layer.dy else { continue }
      let gradients = backward(matrix(dy, samples, features), through: nodes, of: inputs)
      put("grad_input", gradients.dx, samples, features)
      put("grad_gamma", gradients.dgamma, batch, features)
      put("grad_beta", gradients.dbeta, batch, features)
      for feature in features {
        let index = feature - features.lowerBound
        tensors["grad_gamma"]?.values[feature] += gradients.dgamma[index]
        tensors["grad_beta"]?.values[feature] += gradients.dbeta[index]
      }
    }
    for (name, row) in [("running_mean", running.mean), ("running_var", running.variance)] {
      tensors[name]?.values.replaceSubrange(features, with: row.values)
    }
  }

  /// Over all values that count, however they are divided: two passes, the second one corrected for the rounding of the mean.
  private mutating func computePopulation() {
    let rows = (0..<(batches.last?.upperBound ?? 0) * layer.positions).filter { counted?[$0] ?? true }
    let first = rows.map { firstIndex(0..<layer.sampleCount, $0) }
    for feature in 0..<layer.featureCount {
      let count = Double(rows.count)
      let place = feature * layer.inner
      let mean = first.reduce(0) { $0 + layer.x[$1 + place] } / count
      let rest = first.reduce(0) { $0 + (layer.x[$1 + place] - mean) } / count
      let squares = first.reduce(0) { $0 + (layer.x[$1 + place] - mean) * (layer.x[$1 + place] - mean) }
      tensors["population_mean"]?.values[feature] = mean + rest
      tensors["population_var"]?.values[feature] = squares / count - rest * rest
    }
  }

  // MARK: - Between the layer's tensors and the graph's matrices, whose rows are in the order of the mask

  private func positions(_ samples: Range<Int>) -> Range<Int> {
    samples.lowerBound * layer.positions..<samples.upperBound * layer.positions
  }

  private func matrix(_ tensor: [Double], _ samples: Range<Int>, _ features: Range<Int>) -> FeatureMatrix {
    let rows = samples.count * layer.positions
    var values: [Double] = []
    values.reserveCapacity(rows * features.count)
    for row in 0..<rows {
      let first = firstIndex(samples, row)
      for feature in features { values.append(tensor[first + feature * layer.inner]) }
    }
    return FeatureMatrix(rowCount: rows, featureCount: features.count, values: values)
  }

  private mutating func put(
    _ name: String, _ matrix: FeatureMatrix, _ samples: Range<Int>, _ features: Range<Int>
  ) {
    guard var tensor = tensors.removeValue(forKey: name) else { return }
    let values = matrix.values
    for row in 0..<matrix.rowCount {
      let first = firstIndex(samples, row)
      for (column, feature) in features.enumerated() {
        tensor.values[first + feature * layer.inner] = values[row * features.count + column]
      }
    }
    tensors[name] = tensor
  }

  private mutating func put(_ name: String, _ row: FeatureRow, _ batch: Int, _ features: Range<Int>) {
    let start = batch * layer.featureCount
    tensors["batches/\(name)"]?.values.replaceSubrange(
      start + features.lowerBound..<start + features.upperBound, with: row.values)
  }

  /// Where the value of feature 0 lies that is in this row of a batch's matrix.
  private func firstIndex(_ samples: Range<Int>, _ row: Int) -> Int {
    let (sample, position) = row.quotientAndRemainder(dividingBy: layer.positions)
    return layer.index(sample: samples.lowerBound + sample, position: position, feature: 0)
  }
}
