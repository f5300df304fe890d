import Configuration
import FileNames
import HDF5
import Jobs
import LayerFiles
import Parallel
import StrictJSON

/// Compares another program's results with what this one computes of the same input, in Double, batch by batch as a run does:
/// in memory that does not grow with the files.
public struct Verification {
  let plan: JobPlan
  let against: InputFile
  let tolerance: (relative: Double?, absolute: Double?)

  /// Opens the other file.
  /// - Parameters:
  ///   - plan: of the input.
  ///   - path: the file with the results; it may be the input itself, if that keeps some under `/expected`.
  ///   - relative: nil for what the element type of each dataset lets expect.
  ///   - absolute: nil for 0.
  /// - Throws: `StreamError`.
  public init(_ plan: JobPlan, against path: String, relative: Double?, absolute: Double?) throws {
    self.plan = plan
    against = try InputFile(path: path)
    tolerance = (relative, absolute)
  }

  /// What a user should know though nothing is wrong.
  public var warnings: [StreamWarning] { plan.warnings + against.warnings }

  /// Compares all layers that the other file has results of.
  /// - Throws: `StreamError`; `InspectionError` if there is nothing to compare.
  public func report(progress: JobProgress, cancellation: Cancellation) throws -> VerifyReport {
    let others = try plan.layers.map { try OtherLayer($0, in: against, job: plan.job) }
    guard others.contains(where: { $0 != nil }) else {
      throw InspectionError.nothingToCompare(
        file: against.path, input: plan.job.input, layers: plan.layers.map(\.path))
    }
    let layers = zip(plan.layers, others).map { layer, other in
      layer.with(
        outputs: other?.results.keys.reduce(into: []) { $0.formUnion($1.computedWith) } ?? [],
        outputType: .float64)
    }
    // Nothing is read of layers that the other file does not have.
    let read = zip(layers, others).filter { $0.1 != nil }.map { $0.0 }
    progress.setTotal(read.reduce(0) { $0 + $1.inputByteCount + $1.outputByteCount })
    var verified: [LayerVerification] = []
    for ((layer, asked), other) in zip(zip(layers, plan.layers), others) {
      let absent = asked.expectedResults.filter { other?.results[$0] == nil }
      guard let other else {
        verified.append(
          LayerVerification(path: layer.path, group: nil, comparisons: [], ignored: [], absent: absent))
        continue
      }
      let destination = LayerComparison(layer, other)
      try plan.run(
        layer, configuration: plan.job.configuration, into: destination,
        reserved: LayerComparison.memory(layer, other, threads: plan.job.threads), progress: progress,
        cancellation: cancellation)
      var comparisons = destination.comparisons(tolerance)
      try locate(&comparisons, of: layer, other, limits: destination.limits(tolerance), cancellation)
      var verification = LayerVerification(
        path: layer.path, group: other.path, comparisons: comparisons, ignored: other.ignored,
        unknown: other.unknown, absent: absent)
      verification.departures = try DepartureSearch(self, layer, other, destination, cancellation)
        .departures()
      let explained = verification.departures.flatMap(\.results)
      verification.unexplained = comparisons.filter { !$0.agrees && !explained.contains($0.result) }
        .map(\.result)
      for departure in verification.departures {
        if case .runningVariance(let estimate) = departure.kind { verification.runningVariance = estimate }
      }
      verified.append(verification)
    }
    try plan.input.checkIsUnchanged()
    try against.checkIsUnchanged()
    return VerifyReport(
      version: programVersion, input: plan.job.input, against: against.path, layers: verified)
  }
}

extension Layer {
  /// The results that the configuration asks for and that the input gives: what a complete file holds.
  fileprivate var expectedResults: [LayerResult] {
    LayerResult.allCases.filter { $0.isCompared && writes($0) }
  }
}

extension LayerResult {
  /// True for what a layer is there for, y and dx: a file without them proves little.
  fileprivate var isRequired: Bool { self == .output || self == .gradInput }

  /// What has to be computed to compare it: without the gradients' sums, and without each batch's for dx, errors of what
  /// cancels have no scale.
  fileprivate var computedWith: Set<OutputTensor> {
    var outputs: Set<OutputTensor> = entry.askedBy.map { [$0] } ?? []
    if entry.needs == .gradient { outputs.formUnion([.gradGamma, .gradBeta]) }
    if entry.needs == .inputGradient || entry.needs == .gradientShare { outputs.insert(.gradInput) }
    if self == .gradInput { outputs.insert(.batches) }
    return outputs
  }
}

/// What `verify` found in one layer.
public struct LayerVerification: Encodable, Sendable, Equatable {
  /// The layer's path in the input.
  public var path: String
  /// The group of the other file that its results lie in; nil if it has none.
  public var group: String?
  /// One for each dataset that was compared.
  public var comparisons: [ResultComparison]
  /// Names of datasets in the group that were not compared: unknown ones, and results that the input cannot give.
  public var ignored: [String]
  /// Those of them that stand for no result that is known.
  public var unknown: [String]
  /// Results that the configuration asks for and the input gives, and that the other file does not have, by their names in this
  /// program's output.
  public var absent: [String]
  /// Those of them that a layer is there for: `output`, and `grad_input` if there is a gradient.
  public var missing: [String]
  /// What the other program's running variance follows, if that is why it differs; else nil.
  public var runningVariance: RunningVarianceEstimate?
  /// In which ways of computing the layer all that differs agrees.
  public var departures: [ConsistentDeparture] = []
  /// Which statistics a layer was folded with here, to compare `scale` and `bias`: `running` or `population`; nil for results.
  public var foldedWith: String?
  /// The results that differ and agree in none of these ways.
  public var unexplained: [String] = []

  init(
    path: String, group: String?, comparisons: [ResultComparison], ignored: [String],
    unknown: [String] = [], absent: [LayerResult]
  ) {
    self.path = path
    self.group = group
    self.comparisons = comparisons
    self.ignored = ignored
    self.unknown = unknown
    self.absent = absent.map(\.rawValue)
    missing = absent.filter(\.isRequired).map(\.rawValue)
  }

  private enum CodingKeys: String, CodingKey {
    case path, group, comparisons, ignored, unknown, absent, missing, unexplained
    case departures = "consistent_with"
    case runningVariance = "running_variance_follows"
    case foldedWith = "folded_with"
  }
}

/// What `verify` found in two files.
public struct VerifyReport: Encodable, Sendable, Equatable {
  /// The program's version.
  public var version: String
  /// The input file's path as given.
  public var input: String
  /// The path of the other program's file as given.
  public var against: String
  /// One for each layer that was selected.
  public var layers: [LayerVerification]

  /// True if all that was compared agrees.
  public var agrees: Bool { layers.allSatisfy { $0.comparisons.allSatisfy(\.agrees) } }

  /// True if every layer's `output`, and `grad_input` if there is a gradient, was there to be compared.
  public var isComplete: Bool { layers.allSatisfy(\.missing.isEmpty) }

  /// The report as a JSON object in readable lines.
  public var json: String { canonicalJSON(self, isPretty: true) }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(agrees, forKey: .agrees)
    try container.encode(isComplete, forKey: .isComplete)
    try container.encode(version, forKey: .version)
    try container.encode(input, forKey: .input)
    try container.encode(against, forKey: .against)
    try container.encode(layers, forKey: .layers)
  }

  private enum CodingKeys: String, CodingKey {
    case agrees, version, input, against, layers
    case isComplete = "complete"
  }
}
