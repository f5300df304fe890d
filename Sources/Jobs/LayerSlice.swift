import BatchNorm
import LayerFiles

/// Some features of a layer, which are computed apart from the others: all of them, where memory allows.
struct LayerSlice: Sendable {
  /// Slices are cut at multiples of so many features: in a file, narrower ones are scattered.
  static let grain = 64

  let layer: Layer
  let features: Range<Int>
  /// How the slice's values are cut; its layout is the slice's, [P, features, S].
  let decomposition: Decomposition
  /// Asked for every batch.
  let writesLargeResults: Bool

  init(_ layer: Layer, features: Range<Int>) {
    self.layer = layer
    self.features = features
    writesLargeResults = layer.writesLargeResults
    decomposition = Decomposition(layer.layout).slice(featureCount: features.count)
  }

  /// Some features that are only read, any of them: nothing is summed along the decomposition.
  init(reading layer: Layer, features: Range<Int>) {
    self.layer = layer
    self.features = features
    writesLargeResults = layer.writesLargeResults
    decomposition = Decomposition(
      FeatureLayout(
        positionRows: layer.layout.positionRows, featureCount: features.count,
        planeLength: layer.layout.planeLength))
  }

  /// Of the slice.
  var layout: FeatureLayout { decomposition.layout }

  var hasMask: Bool { layer.mask != nil }

  /// The slice's part of some samples.
  func part(_ samples: Range<Int>) -> TensorPart { TensorPart(samples: samples, features: features) }

  /// What makes coefficients of the slice's moments.
  /// - Throws: `StreamError` if parameters or given statistics cannot be read.
  func rule() throws -> NormalizationRule {
    NormalizationRule(
      layer.normalization, given: try layer.given.statistics(features),
      parameters: try layer.given.parameters(features), epsilon: layer.epsilon, mistakes: layer.mistakes)
  }
}
