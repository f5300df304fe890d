import BatchNorm
import LayerFiles

/// What a batch gives beside its large tensors, by the name that it has in this module.
typealias BatchStatistics = BatchResult

extension BatchResult {
  /// - Parameter rule: the layer's; one for all its batches.
  convenience init(_ layer: Layer, _ rule: NormalizationRule) {
    self.init(Decomposition(layer.layout), rule, hasMask: layer.mask != nil)
  }

  /// Bytes that it takes.
  static func memory(_ layer: Layer) -> Int {
    memory(Decomposition(layer.layout), hasMask: layer.mask != nil)
  }

  /// How a layer makes coefficients of moments.
  static func rule(_ layer: Layer) -> NormalizationRule {
    NormalizationRule(
      layer.normalization, given: layer.running, parameters: layer.parameters, epsilon: layer.epsilon)
  }
}
