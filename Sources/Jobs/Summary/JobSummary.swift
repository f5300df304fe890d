import Configuration
import FileNames
import LayerFiles
import Parallel
import StrictJSON

/// What a run did: the one object that `--json` prints, whether the run succeeded or not.
///
/// Keys are in snake case. What is not known, because the run failed before, is left out.
public struct JobSummary: Codable, Sendable, Equatable {
  /// How a run ended.
  public enum Status: String, Codable, Sendable, CaseIterable {
    case done
    case failed
    /// Stopped by a signal; nothing was written, and running it again starts anew.
    case interrupted
    /// The shard is finished, and others are not: there is no output yet.
    case part
  }

  /// Why a run failed.
  public struct Failure: Codable, Sendable, Equatable {
    /// The exit code, after sysexits.h.
    public var code: Int
    /// The line printed on standard error.
    public var message: String

    /// An exit code and its message.
    public init(code: Int, message: String) {
      self.code = code
      self.message = message
    }
  }

  /// How the run ended.
  public var status: Status
  /// Why it failed, if it did.
  public var error: Failure?
  /// The program's version.
  public var version: String
  /// The input file's path as given, or the first of several and how many there are beside it.
  public var input: String
  /// The paths of several input files, in their samples' order; absent for one.
  public var inputs: [String]?
  /// The output file's path as given.
  public var output: String?
  /// What the run was asked to do, files and options combined; absent if the configuration was refused.
  public var configuration: JobConfiguration?
  /// One for each layer that was run.
  public var layers: [LayerSummary]
  /// How the gradient grows from layer to layer; absent unless at least two were diagnosed.
  public var gradientGrowth: GradientGrowth?
  /// Of all layers together.
  public var totals: JobTotals
  /// How many threads computed.
  public var threads: Int?
  /// The limit on buffers in bytes that held.
  public var memoryLimit: Int?
  /// Which of the two are smaller by default than the machine would allow; absent if none is.
  public var limits: [ResourceLimit]?
  /// The most memory the process had resident, in bytes.
  public var peakMemoryBytes: Int?
  /// What the threads spent their time on.
  public var time: StageTimes
  /// What kept the run from being faster; absent for runs of less than a second.
  public var bound: JobBound?
  /// Which part of the job this process did; absent if it did everything.
  public var shard: ShardSummary?
  /// Everything that was worth a warning, one line each.
  public var warnings: [String]

  public init(
    status: Status, error: Failure? = nil, version: String, input: String, output: String? = nil,
    configuration: JobConfiguration? = nil, layers: [LayerSummary] = [], totals: JobTotals = JobTotals(),
    threads: Int? = nil, memoryLimit: Int? = nil, limits: [ResourceLimit] = [],
    peakMemoryBytes: Int? = nil, time: StageTimes = StageTimes(), warnings: [String] = []
  ) {
    self.status = status
    self.error = error
    self.version = version
    self.input = input
    self.output = output
    self.configuration = configuration
    self.layers = layers
    gradientGrowth = GradientGrowth(layers)
    self.totals = totals
    self.threads = threads
    self.memoryLimit = memoryLimit
    self.limits = limits.isEmpty ? nil : limits
    self.peakMemoryBytes = peakMemoryBytes
    self.time = time
    bound = JobBound(totals, threads: threads ?? 1, time)
    self.warnings = warnings
  }

  /// The summary as a JSON object in readable lines, without a line break at the end; equal summaries give
  /// equal text.
  public var json: String {
    canonicalJSON(self, isPretty: true)
  }

  private enum CodingKeys: String, CodingKey {
    case status, error, version, input, inputs, output, configuration, layers, totals, threads
    case gradientGrowth = "gradient_growth"
    case memoryLimit = "memory_limit"
    case limits
    case peakMemoryBytes = "peak_memory_bytes"
    case time, bound, shard, warnings
  }
}

/// One of the processes that a job was divided among.
public struct ShardSummary: Codable, Sendable, Equatable {
  /// From 0 to `count` - 1.
  public let index: Int
  public let count: Int
  /// Shards that are not finished; none if the output is complete.
  public let missing: [Int]

  init(_ shard: Shard, missing: [Int]) {
    (index, count) = (shard.index, shard.count)
    self.missing = missing
  }
}

/// Sums over a run's layers, and its speed.
public struct JobTotals: Codable, Sendable, Equatable {
  /// Samples computed, a layer's each counted.
  public let samples: Int
  /// Batches of all layers.
  public let batches: Int
  /// Bytes read from the input, as stored.
  public let bytesRead: Int
  /// Bytes written to the output, as stored.
  public let bytesWritten: Int
  /// From start to finished output, in seconds.
  public let seconds: Double
  /// Seconds that processors worked for this process meanwhile, all of them together; absent if nobody measured.
  public let processorSeconds: Double?
  /// (bytesRead + bytesWritten) / seconds / 10⁹, and 0 if no time passed.
  public let gigabytesPerSecond: Double

  public init(
    samples: Int = 0, batches: Int = 0, bytesRead: Int = 0, bytesWritten: Int = 0, seconds: Double = 0,
    processorSeconds: Double? = nil
  ) {
    self.samples = samples
    self.batches = batches
    self.bytesRead = bytesRead
    self.bytesWritten = bytesWritten
    self.seconds = seconds
    self.processorSeconds = processorSeconds
    gigabytesPerSecond = seconds > 0 ? (Double(bytesRead) + Double(bytesWritten)) / seconds / 1e9 : 0
  }

  /// The sums over `layers`.
  public init(of layers: [LayerSummary], seconds: Double, processorSeconds: Double? = nil) {
    self.init(
      samples: layers.reduce(0) { $0 + $1.samples }, batches: layers.reduce(0) { $0 + $1.batches },
      bytesRead: layers.reduce(0) { $0 + $1.bytesRead },
      bytesWritten: layers.reduce(0) { $0 + $1.bytesWritten }, seconds: seconds,
      processorSeconds: processorSeconds)
  }

  private enum CodingKeys: String, CodingKey {
    case samples, batches
    case bytesRead = "bytes_read"
    case bytesWritten = "bytes_written"
    case seconds
    case processorSeconds = "processor_seconds"
    case gigabytesPerSecond = "gigabytes_per_second"
  }
}
