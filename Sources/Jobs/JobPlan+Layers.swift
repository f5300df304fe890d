import Configuration
import HDF5
import LayerFiles
import Parallel

extension JobPlan {
  /// Runs one layer, or a part of one, exactly as a run would, into whatever takes the results.
  /// - Parameters:
  ///   - configuration: what to do about values that should not be.
  ///   - reserved: bytes of the memory limit that the destination takes.
  /// - Throws: `StreamError`, and what the destination throws.
  @discardableResult
  package func run(
    _ layer: Layer, configuration: JobConfiguration, into destination: any LayerDestination,
    reserved: Int = 0, progress: JobProgress = JobProgress(), cancellation: Cancellation = Cancellation()
  ) throws -> LayerSummary {
    do {
      try cancellation.check()
      var job = job
      job.configuration = configuration
      let arrangement = try ArrangementChooser(
        layer: layer, workers: job.threads, memory: job.memory - reserved, storage: OutputStorage()
      ).arrangement(file: job.input)
      return try LayerRun(
        layer: layer, arrangement: arrangement, job: job, file: input.positional,
        output: destination, clock: progress.clock, cancellation: cancellation
      ).run()
    } catch StreamError.needsMemory(let file, let layer, let need, let limit, let what) {
      throw StreamError.needsMemory(
        file: file, layer: layer, need: need + reserved, limit: limit + reserved, what: what)
    } catch is Cancelled {
      throw StreamError.interrupted
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: job.input, error)
    } catch let error as OutOfMemory {
      throw StreamError.outOfMemory(byteCount: error.byteCount)
    }
  }

  /// Reads samples of a layer as the numbers that kernels compute on, widened to Double.
  package func values(of layer: Layer, samples: Range<Int>) throws -> SampleValues {
    let part = layer.part(samples: samples, outputs: [.gradGamma], outputType: .float64)
    let set = try BufferSet(BufferShape(part), capacity: samples.count)
    try LayerInput(
      part, file: input.positional, workers: 1, memory: job.memory, clock: StageClock()
    ).read(samples, into: set, at: 0)
    let count = samples.count * layer.layout.valuesPerSample
    let positions = samples.count * layer.layout.valuesPerFeatureAndSample
    return SampleValues(
      x: Self.doubles(set.x, set.shape, count: count),
      dy: set.dy.map { Self.doubles($0, set.shape, count: count) },
      mask: set.mask.map { $0.bytes.prefix(positions).map { $0 != 0 } })
  }

  private static func doubles(_ buffer: AlignedBuffer, _ shape: BufferShape, count: Int) -> [Double] {
    switch shape.kernel {
    case .float: buffer.bytes.bindMemory(to: Float.self).prefix(count).map { Double($0) }
    case .double: Array(buffer.bytes.bindMemory(to: Double.self).prefix(count))
    }
  }
}

/// Samples of a layer in memory, in the layout of the file.
package struct SampleValues: Sendable {
  /// [samples, P, C, S]
  package let x: [Double]
  /// As x; nil if the layer has no `grad_output`.
  package let dy: [Double]?
  /// [samples, P, S], true where a value counts in the statistics; nil if all do.
  package let mask: [Bool]?
}
