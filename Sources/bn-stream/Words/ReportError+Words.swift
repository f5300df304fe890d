import Report

extension ReportError: ReportableError {
  var exitStatus: ExitStatus { .badInput }
}

extension ReportError: CustomStringConvertible {
  /// One line: what is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .notAResult(let file, let isInput):
      "\(file): was not written by bn-stream; "
        + (isInput
          ? "it holds activations: run on it first, as in bn-stream --in \(file) --out results.h5"
          : "give a file that a run has written with --out")
    case .unfinished(let file, let workspace):
      "\(file): is what a job has not finished, in \(workspace); run the job's command again, which goes on with it"
    case .noResults(let file):
      "\(file): holds no layer with results, as files of trace and explain do not; give one that a run has written"
    case .shapesDisagree(let file, let dataset, let shape, let expected):
      "\(file): \(dataset) has shape \(shape), but the layer's other results need \(expected); run the job again"
    case .nothingInCommon(let first, let second):
      "\(second): has no layer in common with \(first); layers are matched by their paths, which report shows"
    }
  }
}
