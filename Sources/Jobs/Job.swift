import Configuration
import LayerFiles

/// What a user asks for: which files, and how.
public struct Job: Sendable, Equatable {
  /// Paths of the input files, in their samples' order.
  public var inputs: [String]
  /// Path of the output file; nil if only a plan is wanted.
  public var output: String?
  /// What to compute, and how.
  public var configuration: JobConfiguration
  /// True if an existing output is to be replaced.
  public var replacesOutput: Bool
  /// The part of it that this process does, of a job that several do; nil if it does everything.
  public var shard: Shard?
  /// True to wait for what other processes do where this one cannot go on without it.
  public var waits = false
  /// What it may use where the configuration does not say.
  package var machine = Machine.current

  /// A job as asked for; nothing is checked yet.
  public init(inputs: [String], output: String?, configuration: JobConfiguration, replacesOutput: Bool) {
    self.inputs = inputs
    self.output = output
    self.configuration = configuration
    self.replacesOutput = replacesOutput
  }

  /// The same of one file.
  public init(input: String, output: String?, configuration: JobConfiguration, replacesOutput: Bool) {
    self.init(
      inputs: [input], output: output, configuration: configuration, replacesOutput: replacesOutput)
  }

  /// What the input is called: its path, or the first of several and how many there are beside it.
  public var input: String { InputFiles.name(of: inputs) }

  /// The paths, if there are several.
  public var severalInputs: [String]? { inputs.count > 1 ? inputs : nil }

  /// Threads to compute with: one for each processor that the process may use, unless the configuration says another
  /// number.
  public var threads: Int {
    configuration.threads?.count ?? min(ThreadCount.maximum, machine.processors.allowed)
  }

  /// Bytes that buffers may take: 1 GiB or a quarter of the memory that the process may use, whichever is less, unless the
  /// configuration says another number.
  public var memory: Int { configuration.memory?.bytes ?? Self.defaultMemory(of: machine.memory.allowed) }

  private static func defaultMemory(of bytes: Int) -> Int { max(1, min(1 << 30, bytes / 4)) }

  /// Which defaults are smaller than the machine alone would make them, and why.
  package var limits: [ResourceLimit] {
    var limits: [ResourceLimit] = []
    if configuration.threads == nil {
      limits += [ResourceLimit(.threads, machine.processors)].compactMap(\.self)
    }
    if configuration.memory == nil, memory < Self.defaultMemory(of: machine.memory.available) {
      limits += [ResourceLimit(.memory, machine.memory)].compactMap(\.self)
    }
    return limits
  }
}
