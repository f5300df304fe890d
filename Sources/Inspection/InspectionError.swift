/// What keeps `trace`, `check` and `verify` from answering, beside what stops a run.
public enum InspectionError: Error, Sendable, Equatable {
  /// There is no batch of this number.
  case noSuchBatch(file: String, layer: String, batch: Int, count: Int)
  /// The batch has no sample, or a mask leaves none of its values.
  case nothingInBatch(file: String, layer: String, batch: Int)
  /// The batch has more numbers than can be read.
  case tooLargeToPrint(file: String, layer: String, batch: Int, shape: [Int], most: Int)
  /// Two names for one result.
  case twoResults(file: String, group: String, names: [String])
  /// The other file has no result of any layer.
  case nothingToCompare(file: String, input: String, layers: [String])
  /// The other file has no folded parameters of any layer.
  case nothingFolded(file: String, input: String, layers: [String])
  /// Vectors are written of layers without a mask.
  case goldenWithMask(file: String, layer: String)
  /// The layer has no sample in any batch.
  case nothingForGolden(file: String, layer: String)
  /// Vectors of a layer have more numbers than the graph is computed of; nil for a file where they are no part of one.
  case goldenTooLarge(file: String?, layer: String, shape: [Int], most: Int)
  /// Vectors of all layers together have more numbers than are kept in memory.
  case goldenTooMany(file: String, layers: Int, most: Int)
  /// No case has a path that matches.
  case noSuchCase(patterns: [String], cases: [String])
}
