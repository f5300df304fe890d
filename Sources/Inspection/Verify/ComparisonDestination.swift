import BatchNorm
import Configuration
import Jobs
import LayerFiles
import Parallel

/// Where results go that are to be compared instead of written.
final class ComparisonDestination: LayerDestination {
  private let layer: Layer
  private let other: OtherLayer
  private let sinks: [VerifiedResult: ComparingSink]
  private let scales: RowScales
  /// [C] of each scale that only the end of the run tells.
  private let finalScales = Guarded<[VerifiedResult: [Double]]>([:])

  init(_ layer: Layer, _ other: OtherLayer) {
    self.layer = layer
    self.other = other
    scales = RowScales(layer)
    let row = FeatureLayout(positionRows: 1, featureCount: layer.featureCount, planeLength: 1)
    let single = FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1)
    var sinks: [VerifiedResult: ComparingSink] = [:]
    for (result, dataset) in other.results {
      switch result {
      case .output, .normalized, .gradInput: sinks[result] = ComparingSink(dataset, layout: layer.layout)
      case .batchCount: sinks[result] = ComparingSink(dataset, layout: single)
      case _ where result.isInBatches: sinks[result] = ComparingSink(dataset, layout: row)
      default: sinks[result] = ComparingSink(dataset, layout: row, rowIsWhole: true)
      }
    }
    self.sinks = sinks
  }

  func sink(_ tensor: OutputTensor) -> (any SampleSink)? {
    VerifiedResult(rawValue: tensor.rawValue).flatMap { sinks[$0] }
  }

  var rowSinks: [BatchRow: any SampleSink] {
    var rowSinks: [BatchRow: any SampleSink] = [:]
    for row in BatchRow.allCases where row.isKnown(layer) {
      let comparing = VerifiedResult.allCases.first { $0.row == row }.flatMap { sinks[$0] }
      guard comparing != nil || RowScales.rows.contains(row) else { continue }
      rowSinks[row] = RowSink(row: row, scales: scales, comparing: comparing)
    }
    return rowSinks
  }

  func finish(_ results: LayerVectors) throws {
    try compare(.gradGamma, results.dgamma)
    try compare(.gradBeta, results.dbeta)
    try compare(.runningMean, results.runningMean)
    try compare(.runningVariance, results.runningVariance)
    try compare(.populationMean, results.populationMean)
    try compare(.populationVariance, results.populationVariance)
    let counts = (0..<layer.batches.count).map { Double(layer.batches[$0].count) }
    try counts.withUnsafeBytes { try sinks[.batchCount]?.write(samples: 0..<counts.count, from: $0) }
    finalScales.withLock { scales in
      scales[.runningMean] = results.runningVariance.map { $0.squareRoot() }
      scales[.populationMean] = results.populationVariance.map { $0.squareRoot() }
      let sums = (results.dgamma + results.dbeta).lazy.map(\.magnitude).filter(\.isFinite).max() ?? 0
      scales[.gradGamma] = Array(repeating: sums, count: layer.featureCount)
      scales[.gradBeta] = scales[.gradGamma]
    }
  }

  private func compare(_ result: VerifiedResult, _ values: [Double]) throws {
    try values.withUnsafeBytes { try sinks[result]?.write(samples: 0..<1, from: $0) }
  }

  /// What was found, in the order of the results. Only after the run.
  /// - Parameter tolerance: nil for what the type of each dataset lets expect.
  func comparisons(_ tolerance: (relative: Double?, absolute: Double?)) -> [ResultComparison] {
    VerifiedResult.allCases.compactMap { result in
      guard let sink = sinks[result], let dataset = other.results[result] else { return nil }
      return ResultComparison(
        result, dataset, errors: sink.found, scales: scale(result), shape: result.shape(layer),
        tolerance: tolerance)
    }
  }

  /// What numbers of a result are like in each feature, if larger than the largest of them.
  private func scale(_ result: VerifiedResult) -> [Double] {
    switch result {
    case .gradInput: scales.gradInput
    case .batchMean: scales.deviation
    case .batchGradGamma, .batchGradBeta:
      Array(repeating: scales.gradientSum, count: layer.featureCount)
    default: finalScales.withLock { $0[result] } ?? []
    }
  }
}
