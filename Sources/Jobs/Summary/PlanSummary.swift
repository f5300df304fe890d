import Configuration
import LayerFiles
import Parallel
import StrictJSON

/// What a run would do: the one object that `--dry-run --json` prints.
public struct PlanSummary: Codable, Sendable, Equatable {
  /// The program's version.
  public var version: String
  /// The input file's path as given.
  public var input: String
  /// The output file's path as given.
  public var output: String?
  /// What the run is asked to do, file and options combined.
  public var configuration: JobConfiguration
  /// How many threads would compute.
  public var threads: Int
  /// The limit on buffers in bytes that would hold.
  public var memoryLimit: Int
  /// One for each layer that was selected.
  public var layers: [LayerPlan]
  /// Bytes to read from the input, all layers together.
  public var bytesToRead: Int
  /// Bytes to write to the output before compression, all layers together.
  public var bytesToWrite: Int
  /// Everything that is worth a warning, one line each.
  public var warnings: [String]

  /// A plan whose bytes are the sums over its layers.
  public init(
    version: String, input: String, output: String? = nil, configuration: JobConfiguration, threads: Int,
    memoryLimit: Int, layers: [LayerPlan], warnings: [String] = []
  ) {
    self.version = version
    self.input = input
    self.output = output
    self.configuration = configuration
    self.threads = threads
    self.memoryLimit = memoryLimit
    self.layers = layers
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
    case version, input, output, configuration, threads
    case memoryLimit = "memory_limit"
    case layers
    case bytesToRead = "bytes_to_read"
    case bytesToWrite = "bytes_to_write"
    case warnings
  }
}
