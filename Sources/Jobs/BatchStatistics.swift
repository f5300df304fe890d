import BatchNorm
import LayerFiles

/// The moments of one batch for all features of a layer, and the coefficients that follow from them: what a batch gives
/// beside its large tensors.
///
/// Tiles write their own features only.
final class BatchStatistics {
  /// The moments of all values.
  let all: BatchMoments
  /// The moments of the values that count in the statistics; `all` itself if there is no mask.
  let counted: BatchMoments
  /// What the last visit needs.
  let coefficients: BatchCoefficients

  /// - Parameter rule: the layer's; one for all its batches.
  init(_ layer: Layer, _ rule: NormalizationRule) {
    all = BatchMoments(featureCount: layer.featureCount)
    counted = layer.mask == nil ? all : BatchMoments(featureCount: layer.featureCount)
    coefficients = BatchCoefficients(Decomposition(layer.layout), rule)
  }

  /// Bytes that they take.
  static func memory(_ layer: Layer) -> Int {
    BatchMoments.memory(featureCount: layer.featureCount) * (layer.mask == nil ? 1 : 2)
      + BatchCoefficients.memory(Decomposition(layer.layout))
  }

  /// How a layer makes coefficients of moments.
  static func rule(_ layer: Layer) -> NormalizationRule {
    NormalizationRule(
      layer.normalization, given: layer.running, parameters: layer.parameters, epsilon: layer.epsilon)
  }

  /// Computes the coefficients of some features from their moments.
  func updateCoefficients(_ features: Range<Int>) {
    coefficients.update(features, all: all, statistics: counted)
  }

  /// Values that a mask leaves out, for each feature.
  var maskedValues: Int { all.count - counted.count }

  /// How many numbers of the visited samples became infinite though everything that they come from is finite.
  /// - Parameter features: those of a tile.
  func overflowCount(_ visit: SampleTensors, _ features: Range<Int>) -> Int {
    visit.infiniteOutputs(coefficients.decomposition.layout) { feature in
      guard features.contains(feature) else { return false }
      let moments = self.all[feature]
      return moments.nonfiniteValues.total == 0 && moments.nonfiniteGradients.total == 0
        && self.coefficients[feature].isFinite
    }
  }
}
