import BatchNorm
import BatchNormReference

/// A batch of a layer as the experiments take it, one row for each value of a feature.
package struct ExplainedBatch: Sendable {
  package let data: ExplainedData
  /// x, [m, C], γ and β, [C], and ε.
  let inputs: GraphInputs
  /// ∂L/∂y, [m, C]; nil where the layer has none.
  let dout: FeatureMatrix?

  /// True if γ and β are not 1 and 0.
  var hasParameters: Bool {
    inputs.gamma.values.contains { $0 != 1 } || inputs.beta.values.contains { $0 != 0 }
  }

  var x: FeatureMatrix { inputs.x }
  var rowCount: Int { x.rowCount }
  var featureCount: Int { x.featureCount }

  /// The batch's own mean and variance, [C] each, whatever normalizes in the layer.
  var statistics: FeatureStatistics {
    get throws(BatchNormLayerError) { try layer.statistics(of: x.values) }
  }

  /// The project's batch normalization of such a batch.
  var layer: BatchNormLayer {
    get throws(BatchNormLayerError) {
      try BatchNormLayer(shape: [rowCount, featureCount], epsilon: inputs.epsilon)
    }
  }

  /// The upstream gradient; where the layer has none, numbers in ±1 that follow from a seed.
  var upstream: FeatureMatrix {
    if let dout { return dout }
    var random = SplitMix64(seed: 1)
    return FeatureMatrix(
      rowCount: rowCount, featureCount: featureCount,
      values: (0..<rowCount * featureCount).map { _ in 2 * random.nextUnit() - 1 })
  }
}

/// The mean over the batch, A = (1/m)·1ᵀ [1, m], and its adjoint Aᵀ = (1/m)·1 [m, 1]; the broadcast of a row, and its adjoint, the sum
/// over the batch.
struct Adjoints {
  let batch: ExplainedBatch

  /// The matrix of ones is written out up to so many rows.
  private static let explicitRows = 1024
  /// Of the terms, as rounding leaves it: m + 2 roundings of 2⁻⁵³ would be allowed; sums here are compensated.
  private static let allowed = 1e-14

  func explanation() -> Explanation {
    let (x, upstream) = (batch.x, batch.upstream)
    let (m, features) = (batch.rowCount, batch.featureCount)
    let trace = GraphTrace(batch.inputs, dout: upstream)
    let dmu = trace.backward?.dmu.values ?? []
    var measures: [Measure] = []
    if m <= Self.explicitRows {
      // (1/m)·1 ⊙ dμ, the [m, C] matrix of ones written out, beside the product Aᵀ·dμ of [m, 1] and [1, C].
      let ones = DenseMatrix(repeating: 1, rows: m, columns: features)
      var explicit = ones
      for row in 0..<m {
        for feature in 0..<features {
          explicit[row, feature] = 1 / Double(m) * ones[row, feature] * dmu[feature]
        }
      }
      let adjoint = DenseMatrix(repeating: 1 / Double(m), rows: 1, columns: m).transposed
      let product = adjoint * DenseMatrix(rows: 1, columns: features, values: dmu)
      measures.append(
        Measure(
          .meanAdjointExplicit, nil, largestDifference(explicit.values, product.values), .atMost(Self.allowed)
        )
      )
      if case .batch = batch.inputs.mode, batch.inputs.counted.count == m, let dx2 = trace.backward?.dx2 {
        measures.append(
          Measure(
            .meanAdjointGraph, nil, largestDifference(explicit.values, dx2.values), .atMost(Self.allowed)))
      }
    }
    // ⟨A·u, w⟩ = ⟨u, Aᵀ·w⟩ with u = x and w = dμ, and ⟨1·r, dy⟩ = ⟨r, 1ᵀ·dy⟩ with r = β + γ, which is not 0.
    let means = features.columns.map { mean(x, $0) }
    measures.append(
      Measure(
        .meanAdjointProducts, nil,
        difference(
          features.columns.map { means[$0] * dmu[$0] },
          x.values.enumerated().map { $1 * dmu[$0 % features] / Double(m) }),
        .atMost(Self.allowed)))
    let row = features.columns.map { batch.inputs.gamma[$0] + batch.inputs.beta[$0] }
    let sums = features.columns.map { feature in sum((0..<m).map { upstream[$0, feature] }) }
    measures.append(
      Measure(
        .broadcastAdjointProducts, nil,
        difference(
          upstream.values.enumerated().map { $1 * row[$0 % features] },
          features.columns.map { row[$0] * sums[$0] }), .atMost(Self.allowed)))
    return Explanation(.adjoints, on: batch.data, measures)
  }

  private func mean(_ x: FeatureMatrix, _ feature: Int) -> Double {
    sum((0..<x.rowCount).map { x[$0, feature] }) / Double(x.rowCount)
  }

  /// The largest difference of two tensors, relative to the largest number.
  private func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
    let scale = a.reduce(0) { max($0, abs($1)) }
    let worst = zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
    return worst == 0 ? 0 : worst / scale
  }

  /// The difference of two sums, relative to the sum of the magnitudes of their terms.
  private func difference(_ a: [Double], _ b: [Double]) -> Double {
    let scale = sum((a + b).map(abs)) / 2
    let worst = abs(sum(a) - sum(b))
    return worst == 0 ? 0 : worst / scale
  }
}

extension Int {
  fileprivate var columns: Range<Int> { 0..<self }
}

/// γ = √(variance + ε) and β = mean make batch normalization the identity: no expressive power is lost (Ioffe & Szegedy 2015, §3).
struct IdentityOfParameters {
  let batch: ExplainedBatch

  func explanation() throws -> Explanation {
    let statistics = try batch.statistics
    let gamma = statistics.variance.map { ($0 + batch.inputs.epsilon).squareRoot() }
    let y = try batch.layer.forward(batch.x.values, gamma: gamma, beta: statistics.mean).y
    let standard = try batch.layer.forward(batch.x.values).y
    return Explanation(
      .identity, on: batch.data,
      [
        Measure(.identityError, nil, worstError(y), .atMost(1e-15)),
        // The same with γ = 1 and β = 0, to see that the parameters do it.
        Measure(.standardError, nil, worstError(standard)),
      ])
  }

  /// The largest |y - x| of a feature, relative to its largest |x|.
  private func worstError(_ y: [Double]) -> Double {
    let (x, features) = (batch.x.values, batch.featureCount)
    var scales = [Double](repeating: 0, count: features)
    for index in x.indices { scales[index % features] = max(scales[index % features], abs(x[index])) }
    return x.indices.reduce(0) { worst, index in
      let error = abs(y[index] - x[index])
      return error == 0 ? worst : max(worst, error / scales[index % features])
    }
  }
}

/// Normalized values lie in the nearly straight part of a sigmoid, and γ and β can take them out of it (Ioffe & Szegedy 2015, §3).
struct Saturation {
  let batch: ExplainedBatch

  func explanation() throws -> Explanation {
    let statistics = try batch.statistics
    let varying = Set((0..<batch.featureCount).filter { statistics.variance[$0] > 0 })
    func curve(_ values: [Double]) -> SigmoidInput {
      SigmoidInput(values.enumerated().compactMap { varying.contains($0 % batch.featureCount) ? $1 : nil })
    }
    let normalized = try batch.layer.forward(batch.x.values).y
    var inputs = [(Variant.xHat, curve(normalized))]
    if batch.hasParameters {
      let y = try batch.layer.forward(
        batch.x.values, gamma: batch.inputs.gamma.values, beta: batch.inputs.beta.values
      ).y
      inputs.append((.layer, curve(y)))
    }
    inputs.append((.gamma4, curve(normalized.map { 4 * $0 })))
    let measures = inputs.flatMap { variant, input in
      [
        Measure(.shareInside, variant, input.shareInside, variant == .xHat ? .atLeast(0.5) : nil),
        Measure(.straightLine, variant, input.straightLine),
      ]
    }
    let (xHat, gamma4) = (inputs[0].1, inputs[inputs.count - 1].1)
    var against: [Quantity] = []
    if !(gamma4.shareInside < xHat.shareInside) { against.append(.shareInside) }
    if !(gamma4.straightLine < xHat.straightLine) { against.append(.straightLine) }
    return Explanation(
      .saturation, on: batch.data,
      measures + [Measure(.constantFeatures, .xHat, Double(batch.featureCount - varying.count))],
      series: inputs.map { Series("\($0.rawValue)/histogram", $1.histogram) },
      against: against, isConclusive: !varying.isEmpty)
  }
}

/// Values that enter a sigmoid.
struct SigmoidInput {
  /// The share of values inside ±1.
  let shareInside: Double
  /// How well the best straight line stands for the sigmoid over the values: R², the square of the correlation.
  let straightLine: Double
  /// How many values lie in each of 80 bins from −8 to 8; what lies outside is in the first and the last.
  let histogram: [Double]

  init(_ t: [Double]) {
    let s = t.map(Elementary.sigmoid)
    let count = Double(t.count)
    let (meanT, meanS) = (sum(t) / count, sum(s) / count)
    let covariance = sum(zip(t, s).map { ($0 - meanT) * ($1 - meanS) })
    let varianceT = sum(t.map { ($0 - meanT) * ($0 - meanT) })
    let varianceS = sum(s.map { ($0 - meanS) * ($0 - meanS) })
    shareInside = Double(t.count { abs($0) < 1 }) / count
    straightLine = covariance * covariance / (varianceT * varianceS)
    var histogram = [Double](repeating: 0, count: 80)
    for value in t where !value.isNaN {
      histogram[Int(((min(max(value, -8), 7.99) + 8) * 5).rounded(.down))] += 1
    }
    self.histogram = histogram
  }
}

/// Normalization outside of the gradient step (Ioffe & Szegedy 2015, §2): x̂ = u + b - E[u + b], and b ← b - η·∂L/∂b as if E[…] did not
/// depend on b.
struct BiasDrift {
  let batch: ExplainedBatch
  private let steps = 1000
  private let rate = 1.0

  func explanation() -> Explanation {
    let features = 0..<batch.featureCount
    let found = features.map(drift)
    let farthest = features.max { abs(found[$0].moved) < abs(found[$1].moved) } ?? 0
    return Explanation(
      .biasDrift, on: batch.data,
      [
        Measure(.steps, nil, Double(steps)),
        Measure(.biasMoved, .outside, found[farthest].moved),
        Measure(.biasMoveError, .outside, found.map(\.error).max() ?? 0, .atMost(1e-12)),
        Measure(.lossChange, .outside, found.map(\.lossChange).max() ?? 0, .atMost(1e-12)),
        Measure(.outputChange, .outside, found.map(\.outputChange).max() ?? 0, .atMost(1e-12)),
        Measure(.insideGradient, .inside, found.map(\.insideGradient).max() ?? 0, .atMost(1e-12)),
      ], series: [Series("outside/bias", found.isEmpty ? [] : found[farthest].way)],
      isConclusive: found.contains { $0.moved != 0 })
  }

  /// What happens to the bias of one feature. The loss is Σdy·x̂/m, as the file's gradient says; without one ½Σ(x̂ - 1)²/m, whose least
  /// is out of reach for what has mean 0.
  private func drift(
    _ feature: Int
  ) -> (
    moved: Double, error: Double, lossChange: Double, outputChange: Double, insideGradient: Double,
    way: [Double]
  ) {
    let m = Double(batch.rowCount)
    let u = batch.x.column(feature)
    let dy = batch.dout?.column(feature)
    // In units of the feature's spread, so that b's way can be compared with it.
    let scale = max(u.map(abs).max() ?? 0, .leastNormalMagnitude)
    func normalized(_ b: Double) -> [Double] {
      let shifted = u.map { $0 / scale + b }
      let mean = sum(shifted) / m
      return shifted.map { $0 - mean }
    }
    func upstream(_ xHat: [Double]) -> [Double] { dy ?? xHat.map { $0 - 1 } }
    func loss(_ xHat: [Double]) -> Double {
      if let dy { return sum(zip(dy, xHat).map { $0 * $1 }) / m }
      return sum(xHat.map { ($0 - 1) * ($0 - 1) }) / (2 * m)
    }
    let first = normalized(0)
    var b = 0.0
    var way = [b]
    for _ in 0..<steps {
      b -= rate * sum(upstream(normalized(b))) / m
      way.append(b)
    }
    let last = normalized(b)
    let gradient = upstream(first)
    let step = -rate * sum(gradient) / m
    let expected = Double(steps) * step
    // Inside, the gradient passes through the mean: Σ(g - mean of g) = 0.
    let meanGradient = sum(gradient) / m
    let inside = sum(gradient.map { $0 - meanGradient })
    let terms = sum(gradient.map(abs))
    let losses = max(abs(loss(first)), terms / m, .leastNormalMagnitude)
    // Once |b| is 2ᵏ times the values, they have k bits less.
    let size = max(1, abs(b))
    return (
      b, expected == b ? 0 : abs(b - expected) / max(abs(expected), terms / m),
      abs(loss(last) - loss(first)) / (losses * size),
      zip(first, last).reduce(0) { max($0, abs($1.0 - $1.1)) } / size,
      terms == 0 ? 0 : abs(inside) / terms, way
    )
  }
}
