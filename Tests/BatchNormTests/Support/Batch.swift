import BatchNorm
import BatchNormReference
import Testing

/// One batch and all that normalizes it.
struct Batch {
  var layout: FeatureLayout
  var samples: Int
  /// [samples, P, C, S]
  var x: [Double]
  /// As x; nil for the forward pass alone.
  var dy: [Double]?
  /// [C]
  var parameters: [FeatureParameters]
  /// [C]
  var given: [GivenStatistics]
  var epsilon = 1e-5
  var normalization = Normalization.batch
  /// [samples, P, S], 0 where a value counts in no statistic.
  var mask: [UInt8]?

  /// A batch with γ = 1, β = 0, and dy = nil.
  init(_ layout: FeatureLayout, samples: Int, x: [Double]) {
    precondition(x.count == samples * layout.valuesPerSample)
    self.layout = layout
    self.samples = samples
    self.x = x
    parameters = Array(repeating: FeatureParameters(), count: layout.featureCount)
    given = Array(repeating: GivenStatistics(), count: layout.featureCount)
  }

  /// Where the value of a feature in row r of [R, C, S] lies.
  func index(row: Int, feature: Int, position: Int) -> Int {
    (row * layout.featureCount + feature) * layout.planeLength + position
  }

  /// The values of one feature in a tensor of the batch, in order of (row, position).
  func column(_ feature: Int, of tensor: [Double]) -> [Double] {
    (0..<samples * layout.positionRows).flatMap { row in
      (0..<layout.planeLength).map { tensor[index(row: row, feature: feature, position: $0)] }
    }
  }

  /// What makes coefficients of its moments.
  var rule: NormalizationRule {
    NormalizationRule(normalization, given: given, parameters: parameters, epsilon: epsilon)
  }

  /// The same batch by the graph of BatchNormReference, in Double; without dy its gradients are those of zeros.
  var reference: ReferenceResult {
    let view = LayoutView(
      shape: [samples, layout.positionRows, layout.featureCount, layout.planeLength], featureAxis: 2)
    let mode: ReferenceMode =
      switch normalization {
      case .batch: .batch
      case .batchDetached: .detached
      case .running:
        .running(mean: FeatureRow(given.map(\.mean)), variance: FeatureRow(given.map(\.variance)))
      }
    return batchNormReference(
      x: x, dy: dy ?? Array(repeating: 0, count: x.count), layout: view, gamma: parameters.map(\.gamma),
      beta: parameters.map(\.beta), epsilon: epsilon, mode: mode, counted: mask.map { $0.map { $0 != 0 } })
  }
}

extension Batch: CustomTestStringConvertible {
  var testDescription: String {
    "\(samples) × [\(layout.positionRows), \(layout.featureCount), \(layout.planeLength)] \(normalization)"
  }
}
