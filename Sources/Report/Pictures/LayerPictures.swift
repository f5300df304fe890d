import LayerFiles

/// How Σdy² and Σdx² go from batch to batch.
struct BatchCourse: Sendable {
  private(set) var gradOutput: BinnedSeries?, gradInput: BinnedSeries?
  private let batches: Int

  init(batches: Int) { self.batches = batches }

  mutating func add(batch: Int, count: Int, _ rows: [LayerResult: ArraySlice<Double>]) {
    guard count > 0 else { return }
    func add(_ result: LayerResult, _ series: inout BinnedSeries?) {
      guard let row = rows[result] else { return }
      var all = series ?? BinnedSeries(of: batches, bins: LayerPictures.mostPoints)
      // As a norm, ‖dy‖ of the batch.
      all.add(row.reduce(0, +).squareRoot(), at: batch)
      series = all
    }
    add(.gradOutputSquareSum, &gradOutput)
    add(.gradInputSquareSum, &gradInput)
  }
}

/// The numbers that pictures of a layer are drawn from: bounded, however many batches and features there are.
struct LayerPictures: Sendable {
  static let mostPoints = 60
  static let heatColumns = 48
  static let heatRows = 16

  /// How a telling feature goes from batch to batch.
  struct Course: Sendable {
    let feature: Int
    var mean: BinnedSeries
    var variance: BinnedSeries
  }

  /// Of ‖dy‖ and ‖dx‖.
  let course: BatchCourse
  /// (batch mean - population mean)/√(population variance + ε): rows of features, columns of batches, of each cell the number that is
  /// furthest from 0; infinite where something is not finite, NaN where nothing is.
  private(set) var heat: [[Double]] = []
  private(set) var features: [Course] = []
  /// Over the features: dγ, dβ, and how far running statistics are off.
  private(set) var gradGamma: BinnedSeries?, gradBeta: BinnedSeries?
  private(set) var meanDistance: BinnedSeries?, varianceRatio: BinnedSeries?

  /// Reads the batches once more, now that it is known which features are telling.
  init(_ results: LayerResults, _ measures: FeatureMeasures, _ telling: [Int], _ course: BatchCourse) throws {
    self.course = course
    let count = results.featureCount
    func overFeatures(_ values: [Double]?) -> BinnedSeries? {
      guard let values, count > 0 else { return nil }
      var series = BinnedSeries(of: count, bins: Self.mostPoints)
      for (feature, value) in values.enumerated() { series.add(value, at: feature) }
      return series
    }
    gradGamma = overFeatures(measures.gradGamma)
    gradBeta = overFeatures(measures.gradBeta)
    if measures.runningMean != nil {
      meanDistance = overFeatures((0..<count).map(measures.signedMeanDistance))
    }
    if measures.runningVariance != nil {
      varianceRatio = overFeatures((0..<count).map(measures.signedVarianceRatio))
    }
    guard measures.sums.hasStatistics else { return }
    let series = BinnedSeries(of: results.batchCount, bins: Self.mostPoints)
    features = telling.map { Course(feature: $0, mean: series, variance: series) }
    let rows = BinnedSeries(of: count, bins: Self.heatRows)
    let columns = BinnedSeries(of: results.batchCount, bins: Self.heatColumns)
    var heat = [[Double]](
      repeating: [Double](repeating: .nan, count: columns.bins.count), count: rows.bins.count)
    let rowOf = (0..<count).map(rows.bin)
    let deviations = measures.populationVariance.map { 1 / ($0 + measures.epsilon).squareRoot() }
    try results.forEachBatch([.batchMean, .batchVariance]) { batch, found in
      guard results.counts?[batch] ?? 1 > 0, let means = found[.batchMean] else { return }
      let column = columns.bin(of: batch)
      for feature in 0..<count {
        let shift = means[means.startIndex + feature] - measures.populationMean[feature]
        // Without ε the standard deviation of a constant feature is 0.
        let distance = shift == 0 && deviations[feature].isInfinite ? 0 : shift * deviations[feature]
        let known = heat[rowOf[feature]][column]
        if !distance.isFinite {
          heat[rowOf[feature]][column] = .infinity
        } else if known.isNaN || distance.magnitude > known.magnitude {
          heat[rowOf[feature]][column] = distance
        }
      }
      for index in features.indices {
        let feature = features[index].feature
        features[index].mean.add(means[means.startIndex + feature], at: batch)
        if let variances = found[.batchVariance] {
          features[index].variance.add(variances[variances.startIndex + feature], at: batch)
        }
      }
    }
    self.heat = heat
  }
}

extension FeatureMeasures {
  /// (running mean - mean)/√(v + ε)
  func signedMeanDistance(_ feature: Int) -> Double {
    let distance = runningMeanDistance(feature)
    return (runningMean?[feature] ?? 0) < populationMean[feature] ? -distance : distance
  }

  /// (r + ε)/(v + ε)
  func signedVarianceRatio(_ feature: Int) -> Double {
    let ratio = runningVarianceRatio(feature)
    return (runningVariance?[feature] ?? 0) < populationVariance[feature] ? 1 / ratio : ratio
  }
}
