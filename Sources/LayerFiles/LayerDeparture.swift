import BatchNorm
import Configuration

/// A way in which programs compute a layer differently, on purpose or by mistake: what another one's numbers may be consistent with.
package indirect enum LayerDeparture: Sendable, Hashable {
  /// Another ε, 0 for none.
  case epsilon(Double)
  /// Other formulas for a batch.
  case mistake(FormulaMistake)
  /// What is kept of a batch is something else than its name says.
  case kept(KeptStatistic)
  /// The running variance follows the other of a batch's two variances.
  case runningVariance(RunningVarianceEstimate)
  /// Statistics over these axes of a batch in place of all but the features'.
  case wrongAxes([Int])
  /// The variance as E[x²] - E[x]², in float32.
  case cancellation
  /// γ for β, and β for γ.
  case parametersSwapped
  case gammaIgnored, betaIgnored, parametersIgnored
  /// Statistics taken for constants in the backward pass.
  case gradientDetached
  /// The statistics flow into the gradient, which they are not meant to.
  case gradientNotDetached
  /// Another momentum: that of the other convention, of the old value in place of the new one, or a usual one.
  case momentum(Double)
  case maskIgnored
  /// Given statistics in place of the batch's own.
  case runningStatistics
  /// The batch's own statistics in place of given ones.
  case batchStatistics
  /// One batch of all samples.
  case wholeDataset
  /// Each batch with the statistics of the one before.
  case previousBatch(FirstBatch)
  /// Each batch with the running statistics, as they are after it or before it.
  case runningAverages(afterBatch: Bool)
  /// Feature f with what belongs to feature f + by, counted round.
  case shifted(ShiftedRows, by: Int)
  /// Both at once, in the same results.
  case two(LayerDeparture, LayerDeparture)

  /// What normalizes a first batch, before which there is none.
  package enum FirstBatch: Sendable, Hashable, CaseIterable {
    /// Its own statistics.
    case own
    /// The given running statistics, or 0 and 1.
    case given
  }

  /// What belongs to another feature.
  package enum ShiftedRows: String, Sendable, Hashable, CaseIterable {
    /// γ, β, or both.
    case gamma, beta, parameters
    /// Mean and variance.
    case statistics
    /// All of a feature's results.
    case features
  }

  /// What a row of a batch may hold in place of what it should.
  package enum KeptStatistic: String, Sendable, Hashable, CaseIterable {
    /// The variance divided by m - 1, or √v, in place of v.
    case unbiasedVariance = "unbiased_variance"
    case deviation
    /// √(v + ε), v or v + ε in place of 1/√(v + ε).
    case deviationForInvStd = "deviation_for_inv_std"
    case varianceForInvStd = "variance_for_inv_std"
    case varianceAndEpsilonForInvStd = "variance_and_epsilon_for_inv_std"

    /// The result that it is kept as.
    package var result: LayerResult {
      switch self {
      case .unbiasedVariance, .deviation: .batchVariance
      case .deviationForInvStd, .varianceForInvStd, .varianceAndEpsilonForInvStd: .batchInvStd
      }
    }

    /// What is kept in place of a right number.
    /// - Parameters:
    ///   - right: v, or 1/√(v + ε).
    ///   - m: values of the batch.
    package func value(_ right: Double, count m: Int, epsilon: Double) -> Double {
      switch self {
      case .unbiasedVariance: right * Double(m) / Double(m - 1)
      case .deviation: right.squareRoot()
      case .deviationForInvStd: 1 / right
      case .varianceForInvStd: 1 / (right * right) - epsilon
      case .varianceAndEpsilonForInvStd: 1 / (right * right)
      }
    }
  }

  private static let usualEpsilons = [0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2]

  /// Every departure that a layer can be computed with, without fitting anything.
  package static func all(of layer: Layer) -> [LayerDeparture] {
    var all: [LayerDeparture] = usualEpsilons.filter { $0 != layer.epsilon }.map { .epsilon($0) }
    all += mistakes(of: layer).map { .mistake($0) }
    all += KeptStatistic.allCases.map { .kept($0) }
    all += [
      .runningVariance(layer.runningVariance == .biased ? .unbiased : .biased),
      .parametersSwapped, .gammaIgnored, .betaIgnored, .parametersIgnored, .gradientDetached,
      .gradientNotDetached,
    ]
    if case .exponential(let momentum) = layer.momentum {
      all += Set([1 - momentum, 1, 0.99, 0.9, 0.5, 0.1, 0.01, 0.001]).subtracting([momentum, 0]).sorted()
        .map { .momentum($0) }
    }
    return all + [.maskIgnored, .runningStatistics, .batchStatistics, .wholeDataset]
  }

  /// Mistakes in the formulas that the layer's batches can show.
  private static func mistakes(of layer: Layer) -> [FormulaMistake] {
    let positions = layer.layout.valuesPerFeatureAndSample
    let largest = layer.batches.largest
    var divisors: [FormulaMistake.SumDivisor] = []
    // A batch that is smaller than the others, padded to their size, or to the size that was asked for.
    var whole = largest
    if case .samples(let size) = layer.batchDivision, size > largest, size < 1 << 40 { whole = size }
    if (0..<layer.batches.count).contains(where: { layer.batches[$0].count < whole }) {
      divisors.append(.fixed(whole * positions))
    }
    if positions > 1 { divisors.append(.samples(positions: positions)) }
    if largest > 1 && positions > 1 { divisors.append(.positions(positions)) }
    let outside = Set(usualEpsilons.dropFirst() + [layer.epsilon]).filter { $0 > 0 }.sorted()
    return outside.map { .epsilonOutsideRoot($0) }
      + [
        .unbiasedVariance, .rootForgotten, .multipliedByDeviation, .meanNotSubtracted, .squareMean,
        .gradientWithoutMean, .gradientWithoutNormalized, .gradientOfSums, .gradientWithoutInvStd,
        .gammaGradientWithoutInvStd, .gammaGradientWithoutMean, .gammaGradientOfValues,
        .parameterGradientMeans, .parameterGradientsSwapped,
      ]
      + divisors.flatMap { divisor in
        [FormulaMistake.DividedSums.all, .values, .valuesAroundMean, .mean, .variance].map {
          .divisor(divisor, $0)
        }
      }
  }
}

extension Layer {
  /// The same layer computed differently; nil where that makes no difference, or cannot be.
  package func with(_ departure: LayerDeparture) -> Layer? {
    var layer = self
    switch departure {
    case .epsilon(let epsilon):
      layer.epsilon = epsilon
    case .mistake(let mistake):
      guard normalization != .running, mask == nil, given.hasParameters else { return nil }
      layer.mistakes.append(mistake)
    case .two(let first, let second): return with(first)?.with(second)
    case .wrongAxes, .cancellation, .previousBatch, .runningAverages, .shifted: return nil
    case .kept:
      guard normalization != .running, mask == nil else { return nil }
    case .runningVariance(let estimate):
      layer.runningVariance = estimate
    case .parametersSwapped:
      guard given.gamma != nil, given.beta != nil else { return nil }
      (layer.given.gamma, layer.given.beta) = (given.beta, given.gamma)
    case .gammaIgnored:
      guard given.gamma != nil else { return nil }
      layer.given.gamma = nil
    case .betaIgnored:
      guard given.beta != nil else { return nil }
      layer.given.beta = nil
    case .parametersIgnored:
      guard given.gamma != nil, given.beta != nil else { return nil }
      (layer.given.gamma, layer.given.beta) = (nil, nil)
    case .gradientDetached:
      guard gradOutput != nil, normalization == .batch else { return nil }
      layer.normalization = .batchDetached
    case .gradientNotDetached:
      guard gradOutput != nil, normalization == .batchDetached else { return nil }
      layer.normalization = .batch
    case .momentum(let momentum):
      layer.momentum = .exponential(momentum)
    case .maskIgnored:
      guard mask != nil else { return nil }
      layer.mask = nil
    case .runningStatistics:
      guard normalization != .running, given.runningMean != nil, given.runningVariance != nil else {
        return nil
      }
      layer.normalization = .running
    case .batchStatistics:
      guard normalization == .running else { return nil }
      layer.normalization = .batch
    case .wholeDataset:
      guard batches.count > 1 else { return nil }
      layer = part(samples: 0..<batches.sampleCount, outputs: outputs, outputType: outputType)
    }
    return layer
  }

  /// True if a departure can be seen in a result at all.
  package func shows(_ departure: LayerDeparture, in result: LayerResult) -> Bool {
    let isRunning = result == .runningMean || result == .runningVariance
    switch departure {
    case .runningVariance: return result == .runningVariance
    case .momentum: return isRunning
    case .gradientDetached, .gradientNotDetached: return result == .gradInput
    case .maskIgnored: return true
    case .wholeDataset: return result.entry.shape == .samples || isRunning
    case .mistake(let mistake): return mistake.shows(in: result)
    case .kept(let kept): return result == kept.result
    case .wrongAxes: return result.entry.shape == .samples
    case .previousBatch, .runningAverages, .shifted(.statistics, _):
      return FormulaMistake.divisor(.positions(1), .all).shows(in: result)
    case .shifted(.features, _):
      return result.group == "batches" && result != .batchCount || result == .normalized
        || [.output, .gradInput, .gradGamma, .gradBeta].contains(result)
    case .shifted(.gamma, _), .shifted(.parameters, _): return result == .output || result == .gradInput
    case .shifted(.beta, _): return result == .output
    case .two(let first, let second): return shows(first, in: result) || shows(second, in: result)
    case .cancellation:
      return FormulaMistake.unbiasedVariance.shows(in: result)
    case .epsilon, .runningStatistics, .batchStatistics:
      return FormulaMistake.rootForgotten.shows(in: result) || result.group == "diagnostics"
    case .parametersSwapped, .gammaIgnored, .parametersIgnored:
      return result == .output || result == .gradInput || result.group == "diagnostics"
    case .betaIgnored: return result == .output
    }
  }
}

extension FormulaMistake {
  /// True if it can be seen in a result.
  fileprivate func shows(in result: LayerResult) -> Bool {
    let forward: [LayerResult] = [
      .output, .normalized, .gradInput, .gradGamma, .batchGradGamma,
    ]
    switch self {
    case .meanNotSubtracted: return forward.contains(result)
    case .epsilonOutsideRoot, .rootForgotten, .multipliedByDeviation:
      return forward.contains(result) || result == .batchInvStd
    case .squareMean, .unbiasedVariance, .divisor(_, .variance):
      return forward.contains(result) || result == .batchInvStd || result == .batchVariance
    case .divisor:
      return forward.contains(result)
        || [.batchMean, .batchVariance, .batchInvStd].contains(result)
    case .gradientWithoutMean, .gradientWithoutNormalized, .gradientOfSums, .gradientWithoutInvStd:
      return result == .gradInput
    case .gammaGradientWithoutInvStd, .gammaGradientWithoutMean, .gammaGradientOfValues:
      return result == .gradGamma || result == .batchGradGamma
    case .parameterGradientMeans, .parameterGradientsSwapped:
      return [.gradGamma, .gradBeta, .batchGradGamma, .batchGradBeta].contains(result)
    }
  }
}

extension LayerDeparture {
  /// The mistakes in formulas that it is made of.
  package var mistakes: [FormulaMistake] {
    switch self {
    case .mistake(let mistake): [mistake]
    case .two(let first, let second): first.mistakes + second.mistakes
    default: []
    }
  }

  /// What it changes; of two that change the same only one can be.
  private enum Subject { case epsilon, root, mean, variance, parameters, gradient, gammaGradient }

  /// Nil for what is not combined with others.
  private var subject: Subject? {
    switch self {
    case .epsilon: .epsilon
    case .mistake(let mistake):
      switch mistake {
      case .epsilonOutsideRoot: .epsilon
      case .rootForgotten, .multipliedByDeviation: .root
      case .meanNotSubtracted: .mean
      case .squareMean, .unbiasedVariance, .divisor: .variance
      case .gradientWithoutMean, .gradientWithoutNormalized, .gradientOfSums, .gradientWithoutInvStd:
        .gradient
      case .gammaGradientWithoutInvStd, .gammaGradientWithoutMean, .gammaGradientOfValues: .gammaGradient
      case .parameterGradientMeans, .parameterGradientsSwapped: nil
      }
    case .parametersSwapped, .gammaIgnored, .betaIgnored, .parametersIgnored: .parameters
    case .gradientDetached: .gradient
    default: nil
    }
  }

  /// Every two of some departures that can be made at once.
  package static func pairs(of all: [LayerDeparture]) -> [LayerDeparture] {
    all.indices.flatMap { index -> [LayerDeparture] in
      guard let first = all[index].subject else { return [] }
      return all[index...].compactMap { other in
        guard let second = other.subject, second != first else { return nil }
        // A root that is forgotten leaves no ε outside of it.
        if [first, second].contains(.root), all[index].isOutsideRoot || other.isOutsideRoot { return nil }
        return .two(all[index], other)
      }
    }
  }

  private var isOutsideRoot: Bool {
    if case .mistake(.epsilonOutsideRoot) = self { true } else { false }
  }
}
