import Configuration
import Foundation
import LayerFiles

/// What a user asks for: which files, and how.
public struct Job: Sendable, Equatable {
  /// Path of the input file.
  public var input: String
  /// Path of the output file; nil if only a plan is wanted.
  public var output: String?
  /// What to compute, and how.
  public var configuration: JobConfiguration
  /// True if an existing output is to be replaced.
  public var replacesOutput: Bool

  /// A job as asked for; nothing is checked yet.
  public init(input: String, output: String?, configuration: JobConfiguration, replacesOutput: Bool) {
    self.input = input
    self.output = output
    self.configuration = configuration
    self.replacesOutput = replacesOutput
  }

  /// Threads to compute with: one for each core unless the configuration says another number.
  public var threads: Int {
    configuration.threads?.count ?? ProcessInfo.processInfo.activeProcessorCount
  }

  /// Bytes that buffers may take: 1 GiB or a quarter of the machine's memory, whichever is less, unless the
  /// configuration says another number.
  public var memory: Int {
    configuration.memory?.bytes ?? min(1 << 30, Int(clamping: ProcessInfo.processInfo.physicalMemory) / 4)
  }
}
