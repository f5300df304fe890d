import BatchNorm

/// What a batch gives for the features of a slice beside its large tensors: its moments, and the coefficients that follow.
///
/// Tiles write their own features only.
final class BatchResult {
  /// The moments of all values.
  let all: BatchMoments
  /// The moments of the values that count in the statistics; `all` itself if there is no mask.
  let counted: BatchMoments
  /// What the apply pass needs.
  let coefficients: BatchCoefficients

  /// - Parameter rule: the slice's; one for all its batches.
  init(_ decomposition: Decomposition, _ rule: NormalizationRule, hasMask: Bool) {
    let featureCount = decomposition.layout.featureCount
    all = BatchMoments(featureCount: featureCount)
    counted = hasMask ? BatchMoments(featureCount: featureCount) : all
    coefficients = BatchCoefficients(decomposition, rule)
  }

  /// Bytes that they take.
  static func byteCount(_ decomposition: Decomposition, hasMask: Bool) -> Int {
    BatchMoments.memory(featureCount: decomposition.layout.featureCount) * (hasMask ? 2 : 1)
      + BatchCoefficients.memory(decomposition)
  }

  /// Takes what a collector has seen of the batch, for the features of its tile, and lets it begin anew.
  func take(_ collector: MomentCollector) {
    collector.finish(into: self)
    coefficients.update(collector.features, all: all, statistics: counted)
  }

  /// Values that a mask leaves out, for each feature.
  var maskedValues: Int { all.count - counted.count }

  /// How many numbers that the apply pass wrote became infinite though everything that they come from is finite.
  /// - Parameter octets: those of a tile.
  func overflowCount(_ tensors: SampleTensors, octets: Range<Int>) -> Int {
    let decomposition = coefficients.decomposition
    let features =
      decomposition.octetsAreFeatures
      ? 8 * octets.lowerBound..<8 * octets.upperBound : 0..<decomposition.layout.featureCount
    return tensors.infiniteOutputs(decomposition.layout) { feature in
      guard features.contains(feature) else { return false }
      let moments = self.all[feature]
      return moments.nonfiniteValues.total == 0 && moments.nonfiniteGradients.total == 0
        && self.coefficients[feature].isFinite
    }
  }
}
