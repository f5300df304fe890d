import Configuration
import LayerFiles
import StrictJSON

/// What an input file holds and what a run would make of it: the one object that `inspect --json` prints. Its JSON Schema is
/// docs/inspect.schema.json.
public struct FileReport: Codable, Sendable, Equatable {
  /// The program's version.
  public var version: String
  /// The input file's path as given.
  public var input: String
  /// What a run would be asked to do, file and options combined.
  public var configuration: JobConfiguration
  /// How many threads would compute.
  public var threads: Int
  /// The limit on buffers in bytes that would hold.
  public var memoryLimit: Int
  /// One for each layer that is selected.
  public var layers: [LayerReport]
  /// Groups that hold something of a layer, and lack what makes them one.
  public var nearLayers: [NearLayer]
  /// What a run would say before its first number; absent if it would begin.
  public var refusal: JobSummary.Failure?
  /// What a run would warn of, one line each.
  public var warnings: [String]

  public init(
    version: String, input: String, configuration: JobConfiguration, threads: Int, memoryLimit: Int,
    layers: [LayerReport], nearLayers: [NearLayer], refusal: JobSummary.Failure?, warnings: [String]
  ) {
    self.version = version
    self.input = input
    self.configuration = configuration
    self.threads = threads
    self.memoryLimit = memoryLimit
    self.layers = layers
    self.nearLayers = nearLayers
    self.refusal = refusal
    self.warnings = warnings
  }

  /// The report as a JSON object in readable lines, without a line break at the end; equal reports give equal text.
  public var json: String { canonicalJSON(self, isPretty: true) }

  private enum CodingKeys: String, CodingKey {
    case version, input, configuration, threads
    case memoryLimit = "memory_limit"
    case layers
    case nearLayers = "near_layers"
    case refusal, warnings
  }
}

/// A layer as it lies in the file, and what a run would do with it.
public struct LayerReport: Codable, Sendable, Equatable {
  /// What its group holds.
  public var facts: GroupFacts
  /// What a run would do; absent if it would refuse the layer.
  public var plan: LayerPlan?
  /// What a run would say of it; absent if it would compute it.
  public var refusal: JobSummary.Failure?

  public init(facts: GroupFacts, plan: LayerPlan? = nil, refusal: JobSummary.Failure? = nil) {
    self.facts = facts
    self.plan = plan
    self.refusal = refusal
  }

  private enum CodingKeys: String, CodingKey { case plan, refusal }

  /// Encodes the facts beside the others, not inside a member of their own.
  public func encode(to encoder: any Encoder) throws {
    try facts.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeIfPresent(plan, forKey: .plan)
    try container.encodeIfPresent(refusal, forKey: .refusal)
  }

  public init(from decoder: any Decoder) throws {
    facts = try GroupFacts(from: decoder)
    let container = try decoder.container(keyedBy: CodingKeys.self)
    plan = try container.decodeIfPresent(LayerPlan.self, forKey: .plan)
    refusal = try container.decodeIfPresent(JobSummary.Failure.self, forKey: .refusal)
  }
}

/// A group that nearly is a layer.
public struct NearLayer: Codable, Sendable, Equatable {
  /// What it holds.
  public var facts: GroupFacts
  /// The roles that it lacks.
  public var missing: [String]

  public init(facts: GroupFacts, missing: [String]) {
    self.facts = facts
    self.missing = missing
  }

  private enum CodingKeys: String, CodingKey { case missing }

  /// Encodes the facts beside what is missing.
  public func encode(to encoder: any Encoder) throws {
    try facts.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(missing, forKey: .missing)
  }

  public init(from decoder: any Decoder) throws {
    facts = try GroupFacts(from: decoder)
    missing = try decoder.container(keyedBy: CodingKeys.self).decode([String].self, forKey: .missing)
  }
}
