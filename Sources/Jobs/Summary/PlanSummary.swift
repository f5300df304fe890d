import Configuration
import FileNames
import LayerFiles
import Parallel
import StrictJSON

/// What a run would do: the one object that `--dry-run --json` prints.
public struct PlanSummary: Codable, Sendable, Equatable {
  /// The program's version.
  public var version: String
  /// The input file's path as given, or the first of several and how many there are beside it.
  public var input: String
  /// The paths of several input files, in their samples' order; absent for one.
  public var inputs: [String]?
  /// The output file's path as given.
  public var output: String?
  /// What the run is asked to do, file and options combined.
  public var configuration: JobConfiguration
  /// How many threads would compute.
  public var threads: Int
  /// The limit on buffers in bytes that would hold.
  public var memoryLimit: Int
  /// Which of the two are smaller by default than the machine would allow; absent if none is.
  public var limits: [ResourceLimit]?
  /// One for each layer that was selected.
  public var layers: [LayerPlan]
  /// Bytes to read from the input, all layers together.
  public var bytesToRead: Int
  /// Bytes to write to the output before compression, all layers together.
  public var bytesToWrite: Int
  /// What a shard would do; absent if the job is not divided.
  public var shard: ShardPlan?
  /// Everything that is worth a warning, one line each.
  public var warnings: [String]

  /// A plan whose bytes are the sums over its layers.
  public init(
    version: String, input: String, output: String? = nil, configuration: JobConfiguration, threads: Int,
    memoryLimit: Int, limits: [ResourceLimit] = [], layers: [LayerPlan], shard: ShardPlan? = nil,
    warnings: [String] = []
  ) {
    self.version = version
    self.input = input
    self.output = output
    self.configuration = configuration
    self.threads = threads
    self.memoryLimit = memoryLimit
    self.limits = limits.isEmpty ? nil : limits
    self.layers = layers
    self.shard = shard
    bytesToRead = layers.reduce(0) { $0 + $1.bytesToRead }
    bytesToWrite = layers.reduce(0) { $0 + $1.bytesToWrite }
    self.warnings = warnings
  }

  /// The plan as a JSON object in readable lines, without a line break at the end; equal plans give equal
  /// text.
  public var json: String {
    canonicalJSON(self, isPretty: true)
  }

  private enum CodingKeys: String, CodingKey {
    case version, input, inputs, output, configuration, threads
    case memoryLimit = "memory_limit"
    case limits, layers
    case bytesToRead = "bytes_to_read"
    case bytesToWrite = "bytes_to_write"
    case shard, warnings
  }
}

/// What a shard of a job would do.
public struct ShardPlan: Codable, Sendable, Equatable {
  /// From 0 to `count` - 1.
  public let index: Int
  public let count: Int
  /// 2 if shards share batches, whose results a shard can only write when all have summed their parts; else 1.
  public let turns: Int
}

extension JobPlan {
  /// What the shard would do; nil if the job is not divided.
  public var shardPlan: ShardPlan? {
    job.shard.map {
      ShardPlan(index: $0.index, count: $0.count, turns: ShardDivision(layers, count: $0.count).turns)
    }
  }
}

/// What a run would do with one layer.
public struct LayerPlan: Codable, Sendable, Equatable {
  /// The group's path in the input, "/" for the root.
  public var path: String
  /// The shape of `activations`.
  public var shape: [Int]
  /// The element type of `activations`.
  public var elementType: String
  /// The element type of the large tensors to write.
  public var outputType: String
  /// The axis of the features, from 1.
  public var featureAxis: Int
  /// C.
  public var features: Int
  /// N.
  public var samples: Int
  /// How many batches there are, and what divides them.
  public var batches: Int
  public var batchSize: BatchDivision
  /// How many times the activations are read: 1 if every batch fits in memory.
  public var passes: Int
  /// How many times more they are read for quantiles; absent if none are wanted.
  public var quantileReads: Int?
  /// Whether there is no `grad_output`, so that no gradient is computed.
  public var forwardOnly: Bool
  /// How the work is divided among threads, in a few words for people.
  public var schedule: String
  /// Memory for the buffers of one task, in bytes; several such sets are in use at once.
  public var bufferSetBytes: Int
  /// How many such sets there are.
  public var bufferSets: Int
  /// Bytes to read from the input, all passes together.
  public var bytesToRead: Int
  /// Bytes to write to the output before compression.
  public var bytesToWrite: Int
  /// Every setting as it would be used, and who said so.
  public var settings = LayerSettings()
  /// Which dataset of the group would serve which role.
  public var datasets = RoleNames([:])
  /// The datasets that serve a role, in the roles' order; in a dry run only.
  public var inputs: [DatasetFacts]?
  /// What serves no role, and looks like something; in a dry run only.
  public var unusedNames: [UnusedName]?

  public init(
    path: String, shape: [Int], elementType: String, outputType: String, featureAxis: Int, features: Int,
    samples: Int, batches: Int, batchSize: BatchDivision, passes: Int, forwardOnly: Bool, schedule: String,
    bufferSetBytes: Int, bufferSets: Int, bytesToRead: Int, bytesToWrite: Int
  ) {
    self.path = path
    self.shape = shape
    self.elementType = elementType
    self.outputType = outputType
    self.featureAxis = featureAxis
    self.features = features
    self.samples = samples
    self.batches = batches
    self.batchSize = batchSize
    self.passes = passes
    self.forwardOnly = forwardOnly
    self.schedule = schedule
    self.bufferSetBytes = bufferSetBytes
    self.bufferSets = bufferSets
    self.bytesToRead = bytesToRead
    self.bytesToWrite = bytesToWrite
  }

  private enum CodingKeys: String, CodingKey {
    case path, shape
    case elementType = "element_type"
    case outputType = "output_type"
    case featureAxis = "feature_axis"
    case features, samples, batches
    case batchSize = "batch_size"
    case passes
    case quantileReads = "quantile_reads"
    case forwardOnly = "forward_only"
    case schedule = "arrangement"
    case bufferSetBytes = "buffer_set_bytes"
    case bufferSets = "buffer_sets"
    case bytesToRead = "bytes_to_read"
    case bytesToWrite = "bytes_to_write"
    case settings, datasets, inputs
    case unusedNames = "unused_names"
  }
}
