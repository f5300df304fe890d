/// All results of one layer, by the formulas of docs/numerics.md as they stand there: feature by feature, each batch in
/// passes over all its values, in Double. `OracleTests` compares it with the graph of `BatchNormReference`.
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
    // No two features share a number, and arrays of their own are quicker than a dictionary's.
    var results = LargeTensors(
      y: take("output"), xHat: take("normalized"), dx: tensors["grad_input"] == nil ? [] : take("grad_input"))
    for feature in 0..<layer.featureCount { compute(feature, &results) }
    tensors["output"]?.values = results.y
    tensors["normalized"]?.values = results.xHat
    tensors["grad_input"]?.values = results.dx
  }

  private struct LargeTensors {
    var y: [Double]
    var xHat: [Double]
    var dx: [Double]
  }

  private mutating func take(_ name: String) -> [Double] {
    defer { tensors[name]?.values = [] }
    return tensors[name]?.values ?? []
  }

  private mutating func add(_ name: String, _ shape: [Int], _ value: Double) {
    tensors[name] = Tensor(shape: shape, values: Array(repeating: value, count: shape.reduce(1, *)))
  }

  private mutating func compute(_ feature: Int, _ large: inout LargeTensors) {
    let given = (mean: layer.runningMean?[feature] ?? 0, variance: layer.runningVariance?[feature] ?? 1)
    var running = given
    var averaged = 0
    var sums = (dgamma: 0.0, dbeta: 0.0)
    for (batch, samples) in batches.enumerated() where !samples.isEmpty {
      let places = places(samples, feature)
      let x = places.map { layer.x[$0] }
      let positions = samples.lowerBound * layer.positions..<samples.upperBound * layer.positions
      let counts = counted.map { Array($0[positions]) }
      let own = Moments(x, counts)
      let (mean, rest, variance) =
        settings.usesRunningStatistics ? (given.mean, 0, given.variance) : (own.mean, own.rest, own.variance)
      let deviation = (variance + settings.epsilon).squareRoot()
      let invStd = deviation == 0 ? 0 : 1 / deviation
      let gamma = settings.isIdentity ? deviation : layer.gamma?[feature] ?? 1
      let beta = settings.isIdentity ? mean + rest : layer.beta?[feature] ?? 0
      let xHat = x.map { (($0 - mean) - rest) * invStd }
      for (place, xHat) in zip(places, xHat) {
        large.xHat[place] = xHat
        large.y[place] = gamma * xHat + beta
      }
      if !settings.usesRunningStatistics {
        put("batches/mean", batch, feature, mean + rest)
        put("batches/var", batch, feature, variance)
        put("batches/inv_std", batch, feature, invStd)
        averaged += 1
        let weight = settings.momentum ?? 1 / Double(averaged)
        let unbiased = own.count > 1 ? variance * Double(own.count) / Double(own.count - 1) : running.variance
        running.mean = (1 - weight) * running.mean + weight * (mean + rest)
        running.variance = (1 - weight) * running.variance + weight * unbiased
      }
      guard let dy = layer.dy else { continue }
      let gradients = places.map { dy[$0] }
      let dbeta = sum(gradients)
      let dgamma = sum(zip(gradients, xHat).map { $0 * $1 })
      put("batches/grad_beta", batch, feature, dbeta)
      put("batches/grad_gamma", batch, feature, dgamma)
      sums = (sums.dgamma + dgamma, sums.dbeta + dbeta)
      // With constant statistics no value has the terms that come through them, with a mask those that count.
      let isConstant = settings.usesRunningStatistics || settings.isDetached
      let (share, slope) = (dbeta / Double(own.count), dgamma / Double(own.count))
      for (row, place) in places.enumerated() {
        let through = isConstant || counts?[row] == false ? 0 : share + xHat[row] * slope
        large.dx[place] = gamma * invStd * (gradients[row] - through)
      }
    }
    let samples = 0..<(batches.last?.upperBound ?? 0)
    let population = Moments(places(samples, feature).map { layer.x[$0] }, counted)
    for (name, value) in [
      ("running_mean", running.mean), ("running_var", running.variance), ("grad_gamma", sums.dgamma),
      ("grad_beta", sums.dbeta), ("population_mean", population.mean + population.rest),
      ("population_var", population.variance),
    ] { tensors[name]?.values[feature] = value }
  }

  private mutating func put(_ name: String, _ batch: Int, _ feature: Int, _ value: Double) {
    tensors[name]?.values[batch * layer.featureCount + feature] = value
  }

  /// Where the values of a feature lie, in the order of the mask.
  private func places(_ samples: Range<Int>, _ feature: Int) -> [Int] {
    var places: [Int] = []
    places.reserveCapacity(samples.count * layer.positions)
    for block in samples.lowerBound * layer.positions / layer.inner..<samples.upperBound * layer.positions
      / layer.inner
    {
      let first = (block * layer.featureCount + feature) * layer.inner
      places.append(contentsOf: first..<first + layer.inner)
    }
    return places
  }
}

/// Mean and biased variance of the values that count.
private struct Moments {
  let count: Int
  let mean: Double
  /// What the rounding of the mean left.
  let rest: Double
  let variance: Double

  /// - Parameter counts: one entry for each value; there may be more. nil if all count.
  init(_ values: [Double], _ counts: [Bool]?) {
    let values = counts.map { counts in values.indices.filter { counts[$0] }.map { values[$0] } } ?? values
    count = values.count
    let mean = sum(values) / Double(values.count)
    let rest = sum(values.map { $0 - mean }) / Double(values.count)
    self.mean = mean
    self.rest = rest
    variance = sum(values.map { (($0 - mean) - rest) * (($0 - mean) - rest) }) / Double(values.count)
  }
}

/// The sum, with what each addition rounds away added in the end (Kahan 1965, Neumaier 1974).
private func sum(_ values: [Double]) -> Double {
  var (total, lost) = (0.0, 0.0)
  for value in values {
    let next = total + value
    lost += abs(total) >= abs(value) ? (total - next) + value : (value - next) + total
    total = next
  }
  return total.isFinite ? total + lost : total
}
