import Configuration
import HDF5
import Jobs
import LayerFiles
import Parallel

/// Runs the experiment of a topic.
public struct Experiment {
  private let topic: Topic
  private let source: any ExplainedSource
  private let settings: TrainingSettings
  private let pool: WorkerPool
  private let progress: JobProgress
  private let cancellation: Cancellation

  /// - Parameters:
  ///   - threads: how many networks are trained at once, at most; no number depends on it.
  ///   - progress: counts the steps of trainings.
  package init(
    _ topic: Topic, on source: any ExplainedSource, _ settings: TrainingSettings = TrainingSettings(),
    threads: Int, progress: JobProgress, cancellation: Cancellation
  ) {
    self.topic = topic
    self.source = source
    self.settings = settings
    pool = WorkerPool(workerCount: threads, cancellation: cancellation)
    self.progress = progress
    self.cancellation = cancellation
  }

  /// - Parameter batch: the number of the batch, for topics that are about one.
  /// - Throws: `ExplainError`, `InspectionError`, `StreamError`.
  public func explanation(batch: Int) throws -> Explanation {
    try cancellation.check()
    let (progress, cancellation) = (progress, cancellation)
    let step: StepHandler = {
      try cancellation.check()
      progress.countStep()
    }
    switch topic.need {
    case .batch:
      let batch = try source.batch(batch)
      switch topic {
      case .identity: return try IdentityOfParameters(batch: batch).explanation()
      case .saturation: return try Saturation(batch: batch).explanation()
      case .biasDrift: return BiasDrift(batch: batch).explanation()
      default: return Adjoints(batch: batch).explanation()
      }
    case .samples:
      guard let algebra = LinearAlgebra.shared else { throw ExplainError.noLAPACK }
      try source.requireMemory(Whitening.memory(featureCount: source.data(count: 0).features))
      progress.addTotal(steps: 2 * source.blockCount)
      return try Whitening(source: source, algebra: algebra).explanation(step: step)
    case .labels:
      let samples = try source.labelledSamples()
      switch topic {
      case .covariateShift:
        var experiment = CovariateShift(samples: samples)
        experiment.steps = settings.steps ?? experiment.steps
        experiment.rate = settings.learningRate ?? experiment.rate
        progress.addTotal(steps: 3 * experiment.steps)
        return try experiment.explanation(pool, step: step)
      case .percentiles:
        var experiment = Percentiles(samples: samples)
        experiment.steps = settings.steps ?? experiment.steps
        experiment.rate = settings.learningRate ?? experiment.rate
        progress.addTotal(steps: 2 * experiment.steps)
        return try experiment.explanation(pool, step: step)
      default:
        var experiment = Landscape(samples: samples)
        experiment.steps = settings.steps ?? experiment.steps
        experiment.rate = settings.learningRate ?? experiment.rate
        progress.addTotal(steps: 2 * experiment.steps)
        return try experiment.explanation(pool, step: step)
      }
    }
  }
}

/// Writes the numbers of experiments to an HDF5 file: those of a layer to the group of its path, those of the sample to the root; the
/// measures as attributes of its group `measures`, the series as float64 datasets.
public struct ExplanationFile {
  private let explanations: [Explanation]
  private let input: InputFiles?
  private let job: Job

  /// - Parameter input: the file of the layers; nil for the sample.
  package init(_ explanations: [Explanation], from input: InputFiles?, for job: Job) {
    self.explanations = explanations
    self.input = input
    self.job = job
  }

  /// Finds out before an experiment on the sample begins whether its output can be written.
  /// - Throws: `StreamError`.
  public static func check(path: String, replaces: Bool) throws(StreamError) {
    try OutputFile.check(path: path, inputs: [], replaces: replaces)
  }

  /// - Throws: `StreamError`.
  public func write(to path: String) throws {
    let bytes = explanations.flatMap(\.series).reduce(0) { $0 + 8 * $1.values.count }
    let output = try OutputFile(
      path: path, inputs: job.inputs, replaces: job.replacesOutput, byteCount: bytes,
      synchronizes: job.configuration.synchronizes)
    do {
      if let input { try Provenance(input, job.configuration).write(to: output.created.root) }
      for explanation in explanations {
        let path = (explanation.data.layer ?? "").split(separator: "/").map(String.init)
        try write(explanation, to: output.created.root.making(path))
      }
    } catch {
      throw StreamError.libraryWriteFailed(path: path, error)
    }
    try input?.checkIsUnchanged()
    try output.complete()
  }

  private func write(_ explanation: Explanation, to group: Group) throws(HDF5Error) {
    try group.writeAttribute("topic", explanation.topic.rawValue)
    try group.writeAttribute("verdict", explanation.verdict.rawValue)
    let measures = try group.createGroup("measures")
    for measure in explanation.measures {
      let name = [measure.quantity.rawValue, measure.variant?.rawValue].compactMap { $0 }
      try measures.writeAttribute(name.joined(separator: "."), measure.value)
    }
    for series in explanation.series {
      let names = series.path.split(separator: "/").map(String.init)
      try group.making(names.dropLast()).createDataset(
        names[names.count - 1], type: .float64, shape: series.shape, storage: .contiguous
      ).writeDoubles(series.values)
    }
  }
}

extension Group {
  /// The group at a path from here, made where it is missing.
  fileprivate func making(_ names: some Sequence<String>) throws(HDF5Error) -> Group {
    var group = self
    for name in names { group = try group.hasLink(name) ? group.group(name) : group.createGroup(name) }
    return group
  }
}
