import BatchNorm
import Configuration
import HDF5
import LayerFiles

/// Takes the results of a layer's batches in order: updates running and population statistics, adds up the gradients,
/// writes the rows of `batches/`, and applies the policies for what should not be.
package final class LayerResults {
  private let layer: Layer
  private let file: String
  private let nonfinitePolicy: NonfinitePolicy
  private let singleValuePolicy: SingleValueBatchPolicy
  private let rows: BatchRows

  private let running: RunningStatistics
  private let gradientSums: GradientSums
  private var nonfinitePerFeature: [Int]
  private var hasZeroVariance: [Bool]
  private(set) var maskedValues = 0

  init(
    _ layer: Layer, file: String, configuration: JobConfiguration,
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
    gradientSums = GradientSums(featureCount: layer.featureCount)
    nonfinitePerFeature = Array(repeating: 0, count: layer.featureCount)
    hasZeroVariance = Array(repeating: false, count: layer.featureCount)
  }

  /// Takes the next batch.
  func add(_ statistics: BatchStatistics, batch: Int) throws {
    try check(statistics, batch: batch)
    maskedValues += statistics.maskedValues
    if layer.writes(.running) || layer.writes(.population) {
      running.add(statistics.counted, updatesAverage: layer.normalization != .running)
    }
    if layer.gradOutput != nil { gradientSums.add(statistics.coefficients) }
    try rows.add(statistics)
  }

  /// Writes what is left after the last batch.
  func finish() throws { try rows.flush() }

  private func check(_ statistics: BatchStatistics, batch: Int) throws {
    let (all, counted) = (statistics.all, statistics.counted)
    if counted.count <= 1, all.count > 0, layer.normalization != .running, singleValuePolicy == .error {
      throw counted.count == 0
        ? StreamError.nothingCounts(file: file, layer: layer.path, batch: batch)
        : .singleValueBatch(file: file, layer: layer.path, batch: batch, features: layer.featureCount)
    }
    for (feature, count) in all.nonfiniteFeatures {
      nonfinitePerFeature[feature] += count
      if nonfinitePolicy == .error {
        throw StreamError.nonfinite(
          file: file, layer: layer.path, batch: batch, feature: feature, count: count)
      }
    }
    if let feature = counted.firstOverflow {
      throw StreamError.overflow(
        file: file, layer: layer.path, batch: batch, feature: feature, what: .variance)
    }
    if let feature = all.firstGradientOverflow {
      throw StreamError.overflow(
        file: file, layer: layer.path, batch: batch, feature: feature, what: .gradient)
    }
    if layer.normalization != .running {
      counted.forEachFeatureWithoutVariance { hasZeroVariance[$0] = true }
    }
  }

  /// What is known after the last batch.
  var vectors: LayerVectors {
    LayerVectors(
      dgamma: gradientSums.dgamma, dbeta: gradientSums.dbeta, runningMean: running.mean,
      runningVariance: running.variance, populationMean: running.population.means,
      populationVariance: running.population.variances)
  }

  var nonfiniteCount: Int { nonfinitePerFeature.reduce(0, +) }
  var nonfiniteFeatureCount: Int { nonfinitePerFeature.count { $0 > 0 } }
  var zeroVarianceFeatureCount: Int { hasZeroVariance.count { $0 } }
}
