import Configuration
import HDF5
import Jobs
import LayerFiles
import Parallel

/// What `check` compares of a batch, by the names that results have in the output file.
enum CheckedResult: String, CaseIterable, Sendable {
  case mean
  case variance = "var"
  case invStd = "inv_std"
  case output, normalized
  case dgamma = "grad_gamma"
  case dbeta = "grad_beta"
  case dx = "grad_input"
}

/// What kernels give for a batch: tensors [samples, P, C, S] and rows [C]; what was not computed is missing.
typealias KernelResults = [CheckedResult: [Double]]

/// Computes batches; the program's kernels, or in a test wrong ones.
protocol BatchKernels {
  /// - Parameter samples: taken as one batch of the layer.
  func results(of samples: Range<Int>, layer: Layer) throws -> KernelResults
}

/// The kernels that `run` uses, by way of the same reading and the same arrangement among threads.
struct ProgramKernels: BatchKernels {
  let plan: JobPlan

  func results(of samples: Range<Int>, layer: Layer) throws -> KernelResults {
    let part = layer.part(
      samples: samples,
      outputs: layer.outputs.union([.output, .gradInput, .gradGamma, .gradBeta, .batches]),
      outputType: layer.computedType)
    // A part of a batch may be what the whole may not.
    var configuration = plan.job.configuration
    configuration.singleValueBatch = .allow
    configuration.nonfinite = .count
    let memory = MemoryDestination(part, firstSample: samples.lowerBound, sampleCount: samples.count)
    try plan.run(part, configuration: configuration, into: memory)
    return memory.results
  }
}

/// Keeps the results of one batch in memory, as Doubles.
private final class MemoryDestination: LayerDestination {
  private let layer: Layer
  private let firstSample: Int
  private let sampleCount: Int
  private let kept = KeptResults()

  init(_ layer: Layer, firstSample: Int, sampleCount: Int) {
    self.layer = layer
    self.firstSample = firstSample
    self.sampleCount = sampleCount
  }

  var results: KernelResults { kept.results }

  func sink(_ tensor: OutputTensor) -> (any SampleSink)? {
    let result: CheckedResult? =
      switch tensor {
      case .output: .output
      case .normalized: .normalized
      case .gradInput: .dx
      default: nil
      }
    guard let result, layer.outputs.contains(tensor) else { return nil }
    if tensor == .gradInput && layer.gradOutput == nil { return nil }
    return sink(
      result, firstRow: firstSample, rowCount: sampleCount, rowLength: layer.layout.valuesPerSample,
      isFloat: layer.outputType == .float32)
  }

  var rowSinks: [BatchRow: any SampleSink] {
    var sinks: [BatchRow: any SampleSink] = [:]
    for row in BatchRow.allCases where row.isKnown(layer) {
      guard let result = CheckedResult(rawValue: row.rawValue) else { continue }
      sinks[row] = sink(result, firstRow: 0, rowCount: 1, rowLength: layer.featureCount, isFloat: false)
    }
    return sinks
  }

  func finish(_ results: LayerVectors) {}

  private func sink(
    _ result: CheckedResult, firstRow: Int, rowCount: Int, rowLength: Int, isFloat: Bool
  ) -> MemorySink {
    kept.reserve(result, count: rowCount * rowLength)
    return MemorySink(
      result: result, kept: kept, firstRow: firstRow, rowLength: rowLength, isFloat: isFloat)
  }
}

/// Results that arrive in pieces from several threads.
private final class KeptResults: Sendable {
  private let kept = Guarded<KernelResults>([:])

  var results: KernelResults { kept.withLock { $0 } }

  func reserve(_ result: CheckedResult, count: Int) {
    kept.withLock { $0[result] = [Double](repeating: .nan, count: count) }
  }

  func keep(_ values: [Double], of result: CheckedResult, at offset: Int) {
    kept.withLock { $0[result]?.replaceSubrange(offset..<offset + values.count, with: values) }
  }
}

/// Hands rows on as Doubles.
private struct MemorySink: SampleSink {
  let result: CheckedResult
  let kept: KeptResults
  let firstRow: Int
  let rowLength: Int
  let isFloat: Bool

  func write(samples: Range<Int>, from buffer: UnsafeRawBufferPointer) {
    let values =
      isFloat
      ? buffer.bindMemory(to: Float.self).map { Double($0) } : Array(buffer.bindMemory(to: Double.self))
    kept.keep(values, of: result, at: (samples.lowerBound - firstRow) * rowLength)
  }
}
