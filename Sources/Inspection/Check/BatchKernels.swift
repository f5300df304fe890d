import BatchNorm
import HDF5
import Jobs
import LayerFiles
import Parallel

extension LayerResult {
  /// What `check` compares of a batch, in the order in which it is computed.
  static let checked: [LayerResult] = [
    .batchMean, .batchVariance, .batchInvStd, .output, .normalized, .batchGradGamma, .batchGradBeta,
    .gradInput,
  ]
}

/// What kernels give for a batch: tensors [samples, P, C, S] and rows [C]; what was not computed is missing.
typealias KernelResults = [LayerResult: [Double]]

/// Computes batches; the program's kernels, or in a test wrong ones.
protocol BatchKernels {
  /// - Parameter samples: taken as one batch of the layer.
  func results(of samples: Range<Int>, layer: Layer) throws -> KernelResults
}

/// The kernels that `run` uses, by way of the same reading and the same schedule.
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
    let memory = ResultsInMemory(part, firstSample: samples.lowerBound, sampleCount: samples.count)
    try plan.run(part, configuration: configuration, into: memory)
    return memory.results
  }
}

/// Keeps the results of one batch in memory, as Doubles.
private final class ResultsInMemory: LayerWriter {
  private let layer: Layer
  private let firstSample: Int
  private let sampleCount: Int
  private let kept = Guarded<KernelResults>([:])

  init(_ layer: Layer, firstSample: Int, sampleCount: Int) {
    self.layer = layer
    self.firstSample = firstSample
    self.sampleCount = sampleCount
  }

  var results: KernelResults { kept.withLock { $0 } }

  func writer(of result: LayerResult) -> (any TensorWriter)? {
    guard LayerResult.checked.contains(result), layer.writes(result) else { return nil }
    let isLarge = result.entry.shape == .samples
    let layout = layer.layout(of: result)
    kept.withLock {
      $0[result] = [Double](repeating: .nan, count: (isLarge ? sampleCount : 1) * layout.valuesPerSample)
    }
    return MemoryWriter(
      firstRow: isLarge ? firstSample : 0, layout: layout, isFloat: isLarge && layer.outputType == .float32,
      keep: { [self] values, offset in
        kept.withLock { $0[result]?.replaceSubrange(offset..<offset + values.count, with: values) }
      })
  }
}

/// Hands rows on as Doubles.
private struct MemoryWriter: TensorWriter {
  let firstRow: Int
  /// Of a row.
  let layout: FeatureLayout
  let isFloat: Bool
  let keep: @Sendable (ArraySlice<Double>, _ offset: Int) -> Void

  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) {
    let values =
      isFloat
      ? buffer.bindMemory(to: Float.self).map { Double($0) } : Array(buffer.bindMemory(to: Double.self))
    var part = part
    part.samples = part.samples.lowerBound - firstRow..<part.samples.upperBound - firstRow
    layout.forEachExtent(of: part, elementByteCount: 1) { keep(values[$1], Int($0)) }
  }
}
