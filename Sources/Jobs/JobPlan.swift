import Configuration
import HDF5
import LayerFiles

/// An input file that was opened and understood: its layers, and how each will be computed. Nothing was written yet.
public struct JobPlan: Sendable {
  /// What was asked for.
  public let job: Job
  /// The layers to compute, by path.
  public let layers: [Layer]
  /// One for each layer.
  public let schedules: [Schedule]
  /// What the user should know though nothing is wrong.
  public let warnings: [StreamWarning]
  /// The open input.
  package let input: InputFiles

  /// Opens the input and checks everything that can be known before the first number is computed.
  /// - Throws: `StreamError`.
  public init(_ job: Job) throws {
    self.job = job
    if let (key, library) = job.configuration.outputStorage.missingEncoder {
      throw StreamError.missingEncoder(key: key, library)
    }
    let (input, found) = try InputFiles.open(job.inputs, job.configuration)
    self.input = input
    layers = found.layers
    if let misplaced = Self.misplacedLayer(layers, file: job.input) { throw misplaced.error }
    let division = job.shard.map { [layers] in ShardDivision(layers, count: $0.count) }
    schedules = try layers.enumerated().map { index, layer in
      try Self.schedule(of: layer, in: job, cutsBatches: division?.cutsBatches(ofLayer: index) ?? false)
    }
    warnings = input.warnings + found.warnings + StreamWarning.merged(layers.flatMap(\.warnings))
    if let error = Self.strictness(warnings, of: job) { throw error }
    input.adviseSequentialReading()
  }

  /// - Parameter cutsBatches: true if shards share batches.
  /// - Throws: `needsMemory` if the limit is too small for the layer.
  static func schedule(
    of layer: Layer, in job: Job, cutsBatches: Bool = false
  ) throws(StreamError) -> Schedule {
    try ScheduleChooser(
      layer: layer, workers: job.threads, memory: job.memory, storage: job.configuration.outputStorage,
      cutsBatches: cutsBatches
    ).schedule(file: job.input)
  }

  /// What `strict` says of warnings about roles and settings; nil if there are none, or they are allowed.
  static func strictness(_ warnings: [StreamWarning], of job: Job) -> StreamError? {
    let refused = warnings.filter { $0.layers != nil }
    guard job.configuration.isStrict, !refused.isEmpty else { return nil }
    return .refusedByStrict(file: job.input, warnings: refused)
  }

  /// The first layer whose group has the name of another one's result, as `/a/output` has beside the layer `/a`.
  static func misplacedLayer(_ layers: [Layer], file: String) -> (path: String, error: StreamError)? {
    // By bytes: names that are equal to Swift may be two.
    let byPath = Dictionary(uniqueKeysWithValues: layers.map { (Array($0.path.utf8), $0) })
    for layer in layers {
      let names = layer.path.pathComponents
      for depth in names.indices {
        let parent = byPath[Array("/\(names[..<depth].joined(separator: "/"))".utf8)]
        let isTaken = LayerResult.allCases.contains {
          ($0.group ?? $0.name) == names[depth] && parent?.writes($0) == true
        }
        if let parent, isTaken {
          return (
            layer.path, .layerInsideResults(file: file, layer: layer.path, inside: parent.path)
          )
        }
      }
    }
    return nil
  }

  /// What the layers' groups hold, as a survey finds it.
  public func facts() throws -> [GroupFacts] { try input.first.facts(of: layers, job.configuration) }

  /// Finds out before the input is read whether the output can be written.
  /// - Throws: `StreamError` if the output is the input, exists and may not be replaced, or has no folder to lie in.
  public static func checkOutput(_ path: String, of job: Job) throws(StreamError) {
    // Of several, opening them says which are missing.
    if job.inputs.count == 1, FileLayer.current.status(at: job.input) == nil {
      throw .noSuchInput(path: job.input)
    }
    try OutputFile.check(path: path, inputs: job.inputs, replaces: job.replacesOutput)
  }

  /// True if the output is there already, finished by the same job from the same input.
  /// - Throws: `outputOfAnotherJob` if something else has the name.
  public func isFinished(_ path: String) throws -> Bool {
    guard let status = FileLayer.current.status(at: path) else { return false }
    guard status.isRegularFile else {
      throw StreamError.outputOfAnotherJob(path: path, differences: [.unknown])
    }
    let differences = try? Provenance(input, job.configuration).differences(from: path)
    if differences == [] { return true }
    throw StreamError.outputOfAnotherJob(path: path, differences: differences ?? [.unknown])
  }

  /// Removes what a killed run left of an output that it had finished.
  public func removeLeftover(of path: String) { OutputFile.removeLeftover(of: path) }

  /// Bytes of results, without what HDF5 adds.
  public var outputByteCount: Int { layers.reduce(0) { $0 + $1.outputByteCount } }

  /// Bytes that the output takes at least; how far compression goes is not known before.
  var leastOutputByteCount: Int {
    let compresses = job.configuration.outputStorage.compression != .none
    return layers.reduce(0) { min(1 << 62, $0 + $1.leastFileByteCount(compresses: compresses)) }
  }

  /// Bytes that reading takes, all passes together.
  public var inputByteCount: Int {
    zip(layers, schedules).reduce(0) { $0 + $1.1.bytesToRead($1.0) }
  }
}
