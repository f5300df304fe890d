import BatchNorm
import Configuration

/// A way in which programs compute a layer differently, on purpose or by mistake: what another one's numbers may be consistent with.
package enum LayerDeparture: Sendable, Hashable {
  /// Another ε, 0 for none.
  case epsilon(Double)
  /// Normalized by the unbiased variance of each batch, divided by m - 1.
  case unbiasedNormalization
  /// The running variance follows the other of a batch's two variances.
  case runningVariance(RunningVarianceEstimate)
  /// γ for β, and β for γ.
  case parametersSwapped
  case gammaIgnored, betaIgnored, parametersIgnored
  /// Statistics taken for constants in the backward pass.
  case gradientDetached
  /// The statistics flow into the gradient, which they are not meant to.
  case gradientNotDetached
  /// The momentum of the other convention: of the old value in place of the new one.
  case complementaryMomentum(Double)
  case maskIgnored
  /// Given statistics in place of the batch's own.
  case runningStatistics
  /// The batch's own statistics in place of given ones.
  case batchStatistics
  /// One batch of all samples.
  case wholeDataset

  /// Every departure that a layer can be computed with.
  package static func all(of layer: Layer) -> [LayerDeparture] {
    var all: [LayerDeparture] = [0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2]
      .filter { $0 != layer.epsilon }.map { .epsilon($0) }
    all += [
      .unbiasedNormalization, .runningVariance(layer.runningVariance == .biased ? .unbiased : .biased),
      .parametersSwapped, .gammaIgnored, .betaIgnored, .parametersIgnored, .gradientDetached,
      .gradientNotDetached,
    ]
    if case .exponential(let momentum) = layer.momentum, momentum != 0.5 {
      all.append(.complementaryMomentum(1 - momentum))
    }
    return all + [.maskIgnored, .runningStatistics, .batchStatistics, .wholeDataset]
  }
}

extension Layer {
  /// The same layer computed differently; nil where that makes no difference, or cannot be.
  package func with(_ departure: LayerDeparture) -> Layer? {
    var layer = self
    switch departure {
    case .epsilon(let epsilon):
      layer.epsilon = epsilon
    case .unbiasedNormalization:
      // (x - μ)/√(v·m/(m - 1) + ε) = √((m - 1)/m)·(x - μ)/√(v + ε·(m - 1)/m), the same for batches of one size.
      let values = batches.largest * layout.valuesPerFeatureAndSample
      guard normalization != .running, mask == nil, values > 1,
        (0..<batches.count).allSatisfy({ batches[$0].count == batches.largest })
      else { return nil }
      let share = Double(values - 1) / Double(values)
      layer.epsilon *= share
      layer.given.gammaFactor = share.squareRoot()
      layer.given.hasParameters = true
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
    case .complementaryMomentum(let momentum):
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
    case .complementaryMomentum: return isRunning
    case .gradientDetached, .gradientNotDetached: return result == .gradInput
    case .maskIgnored: return true
    case .wholeDataset: return result.entry.shape == .samples || isRunning
    case .unbiasedNormalization: return result == .output
    case .epsilon, .parametersSwapped, .gammaIgnored, .betaIgnored, .parametersIgnored, .runningStatistics,
      .batchStatistics:
      return !isRunning && result != .populationMean && result != .populationVariance
        && result != .batchMean && result != .batchVariance
    }
  }
}
