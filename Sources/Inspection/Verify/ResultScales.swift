import BatchNorm
import LayerFiles
import Parallel

/// Learns from a layer's results what its numbers are like where nothing cancels, so that an error in a difference of large
/// numbers is not judged by the small number that is left.
final class ResultScales: Sendable {
  private struct State {
    /// Rows of the same batches and features that have arrived, until all have.
    var pending: [TensorKey: [LayerResult: [Double]]] = [:]
    /// |γ|·invStd·(|dβ| + |dγ|)/m, the terms that are subtracted in dx; the largest of all batches, [C].
    var gradInput: [Double]
    /// The standard deviation, the largest of all batches, [C].
    var deviation: [Double]
    /// The largest |dγ| or |dβ| of all batches and features.
    var gradientSum = 0.0
    /// √running_var, √population_var, [C].
    var runningDeviation: [Double]
    var populationDeviation: [Double]
    /// The largest |dγ| or |dβ| of the sums over all batches.
    var totalGradientSum = 0.0
  }

  private struct TensorKey: Hashable {
    let batches: Range<Int>
    let features: Range<Int>
  }

  private let layer: Layer
  /// |γ|, [C]; nil for γ = √(variance + ε), with which γ·invStd is 1.
  private let gamma: [Double]?
  private let state: Guarded<State>

  init(_ layer: Layer) {
    self.layer = layer
    gamma = (try? layer.given.parameters(0..<layer.featureCount))?.map(\.gamma.magnitude)
    let zeros = [Double](repeating: 0, count: layer.featureCount)
    state = Guarded(
      State(gradInput: zeros, deviation: zeros, runningDeviation: zeros, populationDeviation: zeros))
  }

  /// Bytes that the scales take: γ, four of a result's own, and three rows that wait for each other.
  static func memory(_ layer: Layer) -> Int { 8 * layer.featureCount * MemoryLayout<Double>.stride }

  /// True if the result tells what others are like.
  func learns(from result: LayerResult) -> Bool {
    switch result {
    case .batchVariance, .batchInvStd, .batchGradGamma, .batchGradBeta, .gradGamma, .gradBeta,
      .runningVariance, .populationVariance:
      true
    default: false
    }
  }

  /// What numbers of a result are like in each feature, if larger than the largest of them.
  func scale(of result: LayerResult) -> [Double] {
    state.withLock { state in
      func everywhere(_ scale: Double) -> [Double] { Array(repeating: scale, count: layer.featureCount) }
      return switch result {
      case .gradInput: state.gradInput
      case .batchMean: state.deviation
      case .batchGradGamma, .batchGradBeta: everywhere(state.gradientSum)
      case .runningMean: state.runningDeviation
      case .populationMean: state.populationDeviation
      case .gradGamma, .gradBeta: everywhere(state.totalGradientSum)
      default: []
      }
    }
  }

  /// Takes a part of a result that `learns(from:)` is true of.
  func add(_ result: LayerResult, _ part: TensorPart, _ values: UnsafeBufferPointer<Double>) {
    state.withLock { state in
      switch result {
      case .batchVariance: raise(&state.deviation, part, values.lazy.map { $0.squareRoot() })
      case .runningVariance: raise(&state.runningDeviation, part, values.lazy.map { $0.squareRoot() })
      case .populationVariance: raise(&state.populationDeviation, part, values.lazy.map { $0.squareRoot() })
      case .gradGamma, .gradBeta: raise(&state.totalGradientSum, values)
      case .batchGradGamma, .batchGradBeta:
        raise(&state.gradientSum, values)
        addRow(result, part, Array(values), &state)
      case .batchInvStd: addRow(result, part, Array(values), &state)
      default: break
      }
    }
  }

  private func addRow(_ result: LayerResult, _ part: TensorPart, _ values: [Double], _ state: inout State) {
    let key = TensorKey(batches: part.samples, features: part.features)
    state.pending[key, default: [:]][result] = values
    guard let rows = state.pending[key], let invStd = rows[.batchInvStd], let dgamma = rows[.batchGradGamma],
      let dbeta = rows[.batchGradBeta]
    else { return }
    state.pending[key] = nil
    let width = part.features.count
    raise(
      &state.gradInput, part,
      invStd.indices.lazy.map { [layer, gamma] index in
        let count = layer.batches[part.samples.lowerBound + index / width].count
        let scale = gamma.map { $0[part.features.lowerBound + index % width] * invStd[index] } ?? 1
        return scale * (dgamma[index].magnitude + dbeta[index].magnitude)
          / Double(count * layer.layout.valuesPerFeatureAndSample)
      })
  }

  /// Replaces what is smaller than a finite value of the same feature.
  private func raise(_ largest: inout [Double], _ part: TensorPart, _ values: some Sequence<Double>) {
    for (index, value) in values.enumerated() {
      let feature = part.features.lowerBound + index % part.features.count
      if value > largest[feature] && value.isFinite { largest[feature] = value }
    }
  }

  private func raise(_ largest: inout Double, _ values: UnsafeBufferPointer<Double>) {
    for value in values where value.magnitude > largest && value.isFinite { largest = value.magnitude }
  }
}
