import BatchNorm
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
    _ layer: Layer, configuration: JobConfiguration, into destination: any LayerWriter,
    reserved: Int = 0, progress: JobProgress = JobProgress(), cancellation: Cancellation = Cancellation()
  ) throws -> LayerSummary {
    var job = job
    job.configuration = configuration
    return try StreamError.translating(.reading(job.input)) {
      try cancellation.check()
      let schedule = try ScheduleChooser(
        layer: layer, workers: job.threads, memory: job.memory - reserved, storage: OutputStorage()
      ).schedule(file: job.input, reserved: reserved)
      return try LayerExecution(
        layer: layer, schedule: schedule, ledger: schedule.ledger, job: job, progress: progress,
        cancellation: cancellation
      ).run(into: destination)
    }
  }

  /// Reads samples of a layer as the numbers that kernels compute on, widened to Double.
  package func values(of layer: Layer, samples: Range<Int>) throws -> SampleValues {
    let part = layer.part(samples: samples, outputs: [.gradGamma], outputType: .float64)
    let slice = LayerSlice(part, features: 0..<layer.featureCount)
    let buffers = try SampleBuffers(BufferLayout(slice, capacity: samples.count))
    buffers.begin(samples)
    try SampleReader(slice, workers: 1, memory: job.memory, clock: StageClock())
      .read(samples, into: buffers)
    return SampleValues(buffers.tensors(of: samples), layer.layout)
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

  fileprivate init(_ tensors: SampleTensors, _ layout: FeatureLayout) {
    func doubles(_ tensor: ReadableTensor) -> [Double] {
      (0..<tensors.samples * layout.valuesPerSample).map { tensor[$0] }
    }
    x = doubles(tensors.x)
    dy = tensors.dy.map(doubles)
    mask = tensors.mask.map { mask in
      (0..<tensors.samples * layout.valuesPerFeatureAndSample).map { mask[$0] != 0 }
    }
  }
}

extension StreamError {
  /// What an error of the HDF5 library is about.
  enum LibraryUse {
    case reading(String)
    case writing(String)
  }

  /// Runs `body`, and turns the errors of lower floors into those of a job.
  static func translating<Result>(_ use: LibraryUse, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch is Cancelled {
      throw StreamError.interrupted
    } catch let error as HDF5Error {
      switch use {
      case .reading(let path): throw StreamError.libraryReadFailed(path: path, error)
      case .writing(let path): throw StreamError.libraryWriteFailed(path: path, error)
      }
    } catch let error as OutOfMemory {
      throw StreamError.outOfMemory(byteCount: error.byteCount)
    }
  }
}
