import Configuration
import Foundation
import HDF5
import LayerFiles
import Parallel
import Synchronization

/// How far a run is; updated by all threads, read by whoever shows it.
public final class JobProgress: Sendable {
  let clock = StageClock()
  private let total = Atomic<Int>(0)

  /// Nothing is done yet.
  public init() {}

  /// Says how many bytes there will be to read and write.
  package func setTotal(_ bytes: Int) { total.store(bytes, ordering: .relaxed) }

  /// Bytes read and written, and how many there are in all; 0 before the plan is known.
  public var bytes: (done: Int, total: Int) {
    (clock.bytesRead + clock.bytesWritten, total.load(ordering: .relaxed))
  }
}

/// Carries out a plan: every layer from the input to a new output file.
public struct Run {
  private let plan: JobPlan
  private let progress: JobProgress
  private let cancellation: Cancellation
  private let layerBegins: (Layer, Arrangement) -> Void

  /// A run of `plan` that counts in `progress` and stops when `cancellation` asks for it.
  /// - Parameter layerBegins: told of each layer before it is run.
  public init(
    _ plan: JobPlan, progress: JobProgress, cancellation: Cancellation,
    layerBegins: @escaping (Layer, Arrangement) -> Void = { _, _ in }
  ) {
    self.plan = plan
    self.progress = progress
    self.cancellation = cancellation
    self.layerBegins = layerBegins
  }

  /// Runs all layers. The output has its name when this returns, and does not exist if it throws.
  /// - Parameter path: the output file.
  /// - Throws: `StreamError`.
  public func write(to path: String) throws -> JobSummary {
    do {
      return try writeAll(to: path)
    } catch is Cancelled {
      throw StreamError.interrupted
    } catch let error as HDF5Error {
      throw StreamError.libraryWriteFailed(path: path, error)
    } catch let error as OutOfMemory {
      throw StreamError.outOfMemory(byteCount: error.byteCount)
    }
  }

  private func writeAll(to path: String) throws -> JobSummary {
    let start = ContinuousClock.now
    let clock = progress.clock
    progress.setTotal(plan.inputByteCount + plan.outputByteCount)
    let output = try OutputFile(
      path: path, input: plan.job.input, replaces: plan.job.replacesOutput,
      byteCount: plan.leastOutputByteCount, synchronizes: plan.job.configuration.synchronizes)
    try Provenance(plan.input, plan.job.configuration).write(to: output.file.root)
    let outputs = try plan.layers.map {
      try LayerOutput($0, plan.job.configuration.outputStorage, in: output, clock: clock)
    }
    // From here on the file knows where each dataset lies.
    try output.file.flush()
    try output.positional.allocate()
    var layers: [LayerSummary] = []
    for (index, layer) in plan.layers.enumerated() {
      try cancellation.check()
      layerBegins(layer, plan.arrangements[index])
      layers.append(
        try LayerRun(
          layer: layer, arrangement: plan.arrangements[index], job: plan.job, file: plan.input.positional,
          output: outputs[index], clock: clock, cancellation: cancellation
        ).run())
      // With the datasets goes what the library has of their chunks: hundreds of layers need no more memory than one.
      try layer.closeInputs()
    }
    try cancellation.check()
    try plan.input.checkIsUnchanged()
    try clock.measure(.write) { try output.complete() }
    let (seconds, attoseconds) = start.duration(to: .now).components
    return JobSummary(
      status: .done, version: programVersion, input: plan.job.input, output: path,
      configuration: plan.job.configuration, layers: layers,
      totals: JobTotals(of: layers, seconds: Double(seconds) + Double(attoseconds) / 1e18),
      threads: plan.job.threads, memoryLimit: plan.job.memory, peakMemoryBytes: peakMemory(),
      time: clock.times)
  }

  /// The most memory that the process had in use, in bytes.
  private func peakMemory() -> Int {
    // `getrusage` counts what the process had before it became this program, as under `swift run`; VmHWM does not.
    if let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kibibytes = Int(line.filter(\.isNumber))
    {
      return kibibytes * 1024
    }
    var usage = rusage()
    #if canImport(Glibc)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return Int(usage.ru_maxrss) * 1024
    #else
      getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss)
    #endif
  }
}
