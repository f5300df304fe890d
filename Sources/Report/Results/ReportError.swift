/// What keeps a report or a comparison from being made, beside what stops a run.
public enum ReportError: Error, Sendable, Equatable {
  /// A file that this program has not written; `isInput` if it holds activations, and so could be run on.
  case notAResult(file: String, isInput: Bool)
  /// What a job has not finished lies in `workspace`.
  case unfinished(file: String, workspace: String)
  /// A file of this program without results of a layer, as `trace` and `explain` write them.
  case noResults(file: String)
  /// Two results of a layer do not fit together.
  case shapesDisagree(file: String, dataset: String, shape: [Int], expected: [Int])
  /// Two files have no layer of the same path.
  case nothingInCommon(first: String, second: String)
  /// A result without `moments/`, which are pooled.
  case noMoments(file: String, layer: String)
  /// Files whose results are to be pooled have other layers.
  case layerMissing(file: String, layer: String, presentIn: String)
  /// They have another number of features.
  case featuresDiffer(file: String, layer: String, features: Int, other: String, otherFeatures: Int)
  /// A file that is to say what was known before has no statistics of a layer.
  case noPrior(file: String, layer: String)
}
