import Configuration
import HDF5
import Jobs
import LayerFiles

extension JobPlan {
  /// What `--dry-run` shows.
  var summary: PlanSummary {
    PlanSummary(
      version: programVersion, input: job.input, output: job.output, configuration: job.configuration,
      threads: job.threads, memoryLimit: job.memory,
      layers: zip(layers, arrangements).map { $0.plan($1) },
      warnings: warnings.map(\.description))
  }
}

extension Layer {
  fileprivate func plan(_ arrangement: Arrangement) -> LayerPlan {
    let (setBytes, sets) = arrangement.memory(self)
    let passes = arrangement.passes(self)
    return LayerPlan(
      path: path, shape: activations.dataset.shape, elementType: activations.type.kind.rawValue,
      outputType: outputType.kind.rawValue, featureAxis: featureAxis, features: featureCount,
      samples: sampleCount, batches: batches.count, batchSize: batchDivision, passes: passes,
      forwardOnly: gradOutput == nil, arrangement: arrangement.words(self), bufferSetBytes: setBytes,
      bufferSets: sets, bytesToRead: inputByteCount * passes, bytesToWrite: outputByteCount)
  }
}

extension Arrangement {
  /// In a few words, for people.
  func words(_ layer: Layer) -> String {
    switch self {
    case .wholeBatches(let workers, 1): "whole batches, \(workers) at once"
    case .wholeBatches(let workers, let together): "\(together) batches at a time, \(workers) times at once"
    case .segments(let workers, let samples, _):
      "each batch in segments of \(samples) samples, \(workers) at once"
    }
  }
}

extension InputDataset {
  /// How the data will be read, for the log.
  var sourceWords: String {
    switch dataset.storage {
    case .contiguous(.some): "contiguous data, read around HDF5"
    case .chunked where decodableChunks != nil: "chunks, decoded by all threads if several fit in memory"
    default: "data that the HDF5 library reads, one thread at a time"
    }
  }
}
