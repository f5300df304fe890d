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
}
