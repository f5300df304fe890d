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
    case .noMoments(let file, let layer):
      "\(file): \(layer) has no group `moments`, from which results are pooled; add \"moments\" to `outputs` of the configuration and "
        + "run the job again"
    case .layerMissing(let file, let layer, let presentIn):
      "\(file): has no results of \(layer), which \(presentIn) has; choose layers that all have with --layer"
    case .featuresDiffer(let file, let layer, let features, let other, let otherFeatures):
      "\(file): \(layer) has shape [\(features)], but [\(otherFeatures)] in \(other); results of one layer of one model are pooled"
    case .noPrior(let file, let layer):
      "\(file): has neither population_mean and population_var nor running_mean and running_var of \(layer), which --prior takes"
    }
  }
}
