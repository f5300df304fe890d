import BatchNorm
import Configuration
import Jobs
import LayerFiles

extension DepartureSearch {
  /// Batches that are normalized with the statistics of another batch or another feature, or features whose γ and β, or all of
  /// whose results, are another's. They are computed here by the formulas.
  func otherRows(_ reader: BatchReader) throws -> [ConsistentDeparture] {
    guard layer.mask == nil, layer.normalization == .batch,
      let parameters = try layer.given.parameters(0..<layer.featureCount)
    else { return [] }
    let given = try layer.given.statistics(0..<layer.featureCount)
    return try candidates.compactMap { departure in
      let shown = differing.filter { layer.shows(departure, in: $0) }
      var history = History(given, layer)
      return try recomputed(departure, shown, from: reader) { batch in
        let own = FeatureSums(batch)
        defer { history.add(own) }
        return BatchWithOtherRows(batch, own, departure, history, parameters, epsilon: layer.epsilon)
      }
    }
  }

  /// Those of some departures that numbers of the first batch, all over it, do not contradict. To compute a layer costs much more.
  func notRefuted(_ departures: [LayerDeparture], _ reader: BatchReader) throws -> [LayerDeparture] {
    guard layer.mask == nil, layer.normalization == .batch, layer.batches.count > 0,
      !layer.batches[0].isEmpty,
      let parameters = try layer.given.parameters(0..<layer.featureCount)
    else { return [] }
    let batch = try reader.batch(0)
    let own = FeatureSums(batch)
    let history = History(try layer.given.statistics(0..<layer.featureCount), layer)
    return try departures.filter { departure in
      let made = BatchWithOtherRows(batch, own, departure, history, parameters, epsilon: layer.epsilon)
      return try !isRefuted(
        made, differing.filter { $0.entry.shape == .samples && layer.shows(departure, in: $0) }, batch, reader
      )
    }
  }

  private var candidates: [LayerDeparture] {
    var all: [LayerDeparture] = []
    if layer.batches.count > 1 {
      all += LayerDeparture.FirstBatch.allCases.map { .previousBatch($0) }
      if case .exponential(let momentum) = layer.momentum, momentum > 0, momentum < 1 {
        all += [.runningAverages(afterBatch: true), .runningAverages(afterBatch: false)]
      }
    }
    let (hasGamma, hasBeta) = (layer.datasetNames[.gamma] != nil, layer.datasetNames[.beta] != nil)
    for shift in Self.shifts(layer.featureCount) {
      for rows in LayerDeparture.ShiftedRows.allCases {
        // Parameters that are not given are the same for all features.
        switch rows {
        case .gamma where !hasGamma, .beta where !hasBeta: continue
        case .parameters where !hasGamma || !hasBeta: continue
        default: all.append(.shifted(rows, by: shift))
        }
      }
    }
    return all
  }

  /// By which distances features may be mixed up: neighbours, and those of vectors of 8 and 16; each distance once, counted round.
  private static func shifts(_ count: Int) -> [Int] {
    var seen: Set<Int> = [0]
    return [1, 2, 3, 4, 8, 16].flatMap { [$0, -$0] }.filter {
      seen.insert(($0 % count + count) % count).inserted
    }
  }
}

/// Sums over a batch, [C] each.
private struct FeatureSums {
  let count: Double
  private(set) var mean: [Double]
  private(set) var variance: [Double]
  /// Σdy and Σdy·(x - mean); 0 without dy.
  private(set) var dbeta: [Double]
  private(set) var product: [Double]

  init(_ batch: BatchInMemory) {
    count = Double(batch.count)
    let zeros = [Double](repeating: 0, count: batch.layout.featureCount)
    (mean, variance, dbeta, product) = (zeros, zeros, zeros, zeros)
    for place in batch.x.indices { mean[batch.feature(place)] += batch.x[place] / count }
    // What the rounded sum leaves of the deviations.
    var rest = zeros
    for place in batch.x.indices {
      let feature = batch.feature(place)
      rest[feature] += (batch.x[place] - mean[feature]) / count
    }
    for feature in mean.indices { mean[feature] += rest[feature] }
    for place in batch.x.indices {
      let feature = batch.feature(place)
      let distance = batch.x[place] - mean[feature]
      variance[feature] += distance * distance / count
      guard let dy = batch.dy else { continue }
      dbeta[feature] += dy[place]
      product[feature] += dy[place] * distance
    }
  }
}

/// What a program knows before a batch: statistics of the one before, and running ones.
private struct History {
  private let momentum: Double
  private let isBiased: Bool
  /// Those that were given before the first batch.
  let given: (mean: [Double], variance: [Double])
  private(set) var previous: (mean: [Double], variance: [Double])?
  private(set) var running: (mean: [Double], variance: [Double])

  init(_ given: [GivenStatistics], _ layer: Layer) {
    if case .exponential(let momentum) = layer.momentum { self.momentum = momentum } else { momentum = 1 }
    isBiased = layer.runningVariance == .biased
    self.given = (given.map(\.mean), given.map(\.variance))
    running = self.given
  }

  mutating func add(_ batch: FeatureSums) {
    previous = (batch.mean, batch.variance)
    running = after(batch)
  }

  /// The running statistics after a batch.
  func after(_ batch: FeatureSums) -> (mean: [Double], variance: [Double]) {
    func blend(_ old: [Double], _ new: [Double]) -> [Double] {
      zip(old, new).map { (1 - momentum) * $0 + momentum * $1 }
    }
    let factor = isBiased ? 1 : batch.count / (batch.count - 1)
    let variance =
      batch.count > 1 ? blend(running.variance, batch.variance.map { $0 * factor }) : running.variance
    return (blend(running.mean, batch.mean), variance)
  }
}

/// A batch by the formulas
///
///     x̂ = (x - μ)/√(v + ε), y = γ·x̂ + β, dγ = Σdy·x̂, dβ = Σdy, dx = γ/√(v + ε)·(dy - dβ/m - x̂·dγ/m)
///
/// with μ and v, γ and β, or x and dy that are not this batch's and feature's, or with changed formulas.
private struct BatchWithOtherRows: MistakenBatch {
  private let batch: BatchInMemory
  private let own: FeatureSums
  /// How far away the feature is whose x and dy are taken.
  private var distance = 0
  /// [C] each.
  private var mean: [Double]
  private var variance: [Double]
  private var gamma: [Double]
  private var beta: [Double]
  private var epsilon: Double
  /// What the root of v + ε is taken with: 1/2, or another power of it; nil for √v + ε.
  private var power: Double? = 0.5
  private var invStd: [Double] = []
  /// What dβ and x̂·dγ have as factors in dx; 1/m.
  private var meanFactor: Double
  private var slopeFactor: Double
  /// False for dx without 1/√(v + ε).
  private var scalesGradient = true

  init(
    _ batch: BatchInMemory, _ own: FeatureSums, _ departure: LayerDeparture, _ history: History,
    _ parameters: [FeatureParameters], epsilon: Double
  ) {
    self.batch = batch
    self.own = own
    self.epsilon = epsilon
    (mean, variance) = (own.mean, own.variance)
    (gamma, beta) = (parameters.map(\.gamma), parameters.map(\.beta))
    (meanFactor, slopeFactor) = (1 / own.count, 1 / own.count)
    make(departure, history)
    invStd = variance.map { variance in
      guard let power else { return 1 / (variance.squareRoot() + self.epsilon) }
      let sum = variance + self.epsilon
      return sum == 0 ? 0 : power == 0.5 ? 1 / sum.squareRoot() : power == 1 ? 1 / sum : sum.squareRoot()
    }
  }

  private mutating func make(_ departure: LayerDeparture, _ history: History) {
    switch departure {
    case .previousBatch(let first):
      (mean, variance) = history.previous ?? (first == .own ? (mean, variance) : history.given)
    case .runningAverages(let isAfter):
      (mean, variance) = isAfter ? history.after(own) : history.running
    case .shifted(let rows, let by):
      if rows == .gamma || rows == .parameters || rows == .features { gamma = gamma.shifted(by) }
      if rows == .beta || rows == .parameters || rows == .features { beta = beta.shifted(by) }
      if rows == .statistics || rows == .features {
        (mean, variance) = (mean.shifted(by), variance.shifted(by))
      }
      if rows == .features { distance = by }
    case .two(let first, let second):
      make(first, history)
      make(second, history)
    case .epsilon(let epsilon): self.epsilon = epsilon
    case .mistake(let mistake): make(mistake)
    case .parametersSwapped: (gamma, beta) = (beta, gamma)
    case .gammaIgnored: gamma = gamma.map { _ in 1 }
    case .betaIgnored: beta = beta.map { _ in 0 }
    case .parametersIgnored: (gamma, beta) = (gamma.map { _ in 1 }, beta.map { _ in 0 })
    case .gradientDetached: (meanFactor, slopeFactor) = (0, 0)
    default: break
    }
  }

  /// Of a mistake in formulas what can be seen in x̂, y and dx; sums for parameters stay right.
  private mutating func make(_ mistake: FormulaMistake) {
    switch mistake {
    case .epsilonOutsideRoot(let epsilon): (self.epsilon, power) = (epsilon, nil)
    case .rootForgotten: power = 1
    case .multipliedByDeviation: power = -0.5
    case .meanNotSubtracted: mean = mean.map { _ in 0 }
    case .squareMean, .unbiasedVariance, .divisor:
      for feature in mean.indices {
        // Of the batch's own moments, whatever else was changed before.
        let changed = mistake.moments(
          mean: own.mean[feature], variance: own.variance[feature], count: batch.count)
        variance[feature] = changed.variance
        if changed.mean != own.mean[feature] { mean[feature] = changed.mean }
      }
      if case .divisor(let divisor, .all) = mistake {
        (meanFactor, slopeFactor) = (
          meanFactor * own.count / divisor.count(batch.count),
          slopeFactor * own.count / divisor.count(batch.count)
        )
      }
    case .gradientWithoutMean: meanFactor = 0
    case .gradientWithoutNormalized: slopeFactor = 0
    case .gradientOfSums: (meanFactor, slopeFactor) = (1, 1)
    case .gradientWithoutInvStd: scalesGradient = false
    default: break
    }
  }

  private func source(_ feature: Int) -> Int {
    let count = mean.count
    return ((feature + distance) % count + count) % count
  }

  /// Σdy·x̂.
  private func dgamma(_ feature: Int) -> Double {
    let source = source(feature)
    return invStd[feature] * (own.product[source] + (own.mean[source] - mean[feature]) * own.dbeta[source])
  }

  func number(_ result: LayerResult, at place: Int) -> Double? {
    let feature = batch.feature(place)
    let source = source(feature)
    let from = place + (source - feature) * batch.layout.planeLength
    let normalized = (batch.x[from] - mean[feature]) * invStd[feature]
    switch result {
    case .output: return gamma[feature] * normalized + beta[feature]
    case .normalized: return normalized
    case .gradInput:
      guard let dy = batch.dy else { return nil }
      return gamma[feature] * (scalesGradient ? invStd[feature] : 1)
        * (dy[from] - own.dbeta[source] * meanFactor - normalized * dgamma(feature) * slopeFactor)
    default: return nil
    }
  }

  func numbers(_ result: LayerResult) -> [Double]? {
    switch result {
    case .output, .normalized: return batch.x.indices.compactMap { number(result, at: $0) }
    case .gradInput: return batch.dy == nil ? nil : batch.x.indices.compactMap { number(result, at: $0) }
    case .batchMean: return mean
    case .batchVariance: return variance
    case .batchInvStd: return invStd
    case .gradGamma, .batchGradGamma: return mean.indices.map(dgamma)
    case .gradBeta, .batchGradBeta: return mean.indices.map { own.dbeta[source($0)] }
    default: return nil
    }
  }
}

extension [Double] {
  /// At each index what was `distance` further, counted round.
  fileprivate func shifted(_ distance: Int) -> [Double] {
    indices.map { self[(($0 + distance) % count + count) % count] }
  }
}
