import Arithmetic
import BatchNorm
import HDF5
import RunModel

/// Takes the results of a layer's batches in order: updates running and population statistics, adds up the gradients,
/// writes the rows of `batches/`, and applies the policies for what should not be.
package final class LayerResults {
  private let layer: Layer
  private let file: String
  private let nonfinitePolicy: NonfinitePolicy
  private let singleValuePolicy: SingleValueBatchPolicy
  private let rows: BatchRows

  private var running: RunningStatistics
  private var dgammaSum: [DoubleDouble<Double>]
  private var dbetaSum: [DoubleDouble<Double>]
  private var nonfinitePerFeature: [Int]
  private var hasZeroVariance: [Bool]
  private(set) var maskedValues = 0

  init(
    _ layer: Layer, file: String, configuration: RunConfiguration,
    rowSinks: [BatchRow: any SampleSink]
  ) {
    self.layer = layer
    self.file = file
    nonfinitePolicy = configuration.nonfinite
    singleValuePolicy = configuration.singleValueBatch
    rows = BatchRows(rowSinks, featureCount: layer.featureCount)
    let average: RunningAverage =
      switch layer.momentum {
      case .exponential(let momentum): .exponential(momentum: momentum)
      case .cumulative: .cumulative
      }
    running = RunningStatistics(
      average: average, mean: layer.running.map(\.mean), variance: layer.running.map(\.variance))
    dgammaSum = Array(repeating: DoubleDouble(0), count: layer.featureCount)
    dbetaSum = dgammaSum
    nonfinitePerFeature = Array(repeating: 0, count: layer.featureCount)
    hasZeroVariance = Array(repeating: false, count: layer.featureCount)
  }

  /// Takes the next batch.
  func add(_ result: BatchResult) throws {
    try check(result)
    maskedValues += result.maskedValues
    if layer.writes(.running) || layer.writes(.population) {
      result.statistics.withUnsafeBufferPointer {
        running.add($0, updatesAverage: layer.normalization != .running)
      }
    }
    if layer.gradOutput != nil {
      for feature in 0..<layer.featureCount {
        dgammaSum[feature] = dgammaSum[feature] + DoubleDouble(result.coefficients[feature].dgamma)
        dbetaSum[feature] = dbetaSum[feature] + DoubleDouble(result.coefficients[feature].dbeta)
      }
    }
    try rows.add(result)
  }

  /// Writes what is left after the last batch.
  func finish() throws { try rows.flush() }

  private func check(_ result: BatchResult) throws {
    if let count = result.statistics.first?.count, count <= 1, result.all[0].count > 0,
      layer.normalization != .running, singleValuePolicy == .error
    {
      if count == 0 {
        throw PipelineError.nothingCounts(file: file, layer: layer.path, batch: result.batch)
      }
      throw PipelineError.singleValueBatch(
        file: file, layer: layer.path, batch: result.batch, features: layer.featureCount)
    }
    for feature in 0..<layer.featureCount {
      let count = result.all[feature].nonfiniteValues.total + result.all[feature].nonfiniteGradients.total
      if count > 0 {
        nonfinitePerFeature[feature] += count
        if nonfinitePolicy == .error {
          throw PipelineError.nonfinite(
            file: file, layer: layer.path, batch: result.batch, feature: feature, count: count)
        }
      }
      if result.statistics[feature].overflows {
        throw PipelineError.overflow(
          file: file, layer: layer.path, batch: result.batch, feature: feature, what: .variance)
      }
      if result.all[feature].gradientOverflows {
        throw PipelineError.overflow(
          file: file, layer: layer.path, batch: result.batch, feature: feature, what: .gradient)
      }
      if layer.normalization != .running, result.statistics[feature].count > 0,
        result.statistics[feature].variance == 0
      {
        hasZeroVariance[feature] = true
      }
    }
  }

  // MARK: - The sums

  /// [C]
  package var dgamma: [Double] { dgammaSum.map(\.value) }
  /// [C]
  package var dbeta: [Double] { dbetaSum.map(\.value) }
  /// [C]
  package var runningMean: [Double] { running.mean }
  /// [C]
  package var runningVariance: [Double] { running.variance }
  /// [C]
  package var populationMean: [Double] { running.population.map(\.mean) }
  /// [C], biased
  package var populationVariance: [Double] { running.population.map(\.variance) }

  var nonfiniteCount: Int { nonfinitePerFeature.reduce(0, +) }
  var nonfiniteFeatureCount: Int { nonfinitePerFeature.count { $0 > 0 } }
  var zeroVarianceFeatureCount: Int { hasZeroVariance.count { $0 } }
}
