import Configuration
import HDF5
import LayerFiles
import Parallel

/// Runs one layer from its input datasets to its output datasets.
struct LayerRun {
  let layer: Layer
  let arrangement: Arrangement
  let job: Job
  let file: PositionalFile
  let output: any LayerDestination
  let clock: StageClock
  let cancellation: Cancellation

  /// - Returns: what the summary says of the layer.
  func run() throws -> LayerSummary {
    let (bytesRead, bytesWritten) = (clock.bytesRead, clock.bytesWritten)
    let results = HandedOver(
      LayerResults(
        layer, file: file.path, configuration: job.configuration, rowSinks: output.rowSinks))
    let input = try LayerInput(layer, file: file, workers: job.threads, memory: job.memory, clock: clock)
    let target = LayerTarget(layer, output, clock: clock)
    switch arrangement {
    case .wholeBatches(let workers, let batchesPerTask):
      try WholeBatchRun(
        layer: layer, batchesPerTask: batchesPerTask,
        pool: WorkerPool(workerCount: workers, cancellation: cancellation), input: input, target: target,
        clock: clock
      ).run { try results.value.add($0, batch: $1) }
    case .segments(let workers, let samplesPerSegment, let retained):
      try SegmentRun(
        layer, samplesPerSegment: samplesPerSegment, retained: retained,
        pool: WorkerPool(workerCount: workers, cancellation: cancellation), input: input, target: target,
        clock: clock
      ).run { try results.value.add($0, batch: $1) }
    }
    try results.value.finish()
    try output.finish(results.value.vectors)

    var summary = LayerSummary(
      path: layer.path, shape: layer.activations.dataset.shape,
      elementType: layer.activations.type.kind.rawValue, outputType: layer.outputType.kind.rawValue,
      featureAxis: layer.featureAxis, features: layer.featureCount, samples: layer.sampleCount,
      batches: layer.batches.count, batchSize: layer.batchDivision, passes: arrangement.passes(layer),
      forwardOnly: layer.gradOutput == nil, statistics: job.configuration.statistics,
      gradient: job.configuration.gradient, epsilon: layer.epsilon, momentum: layer.momentum)
    summary.emptyBatches = layer.batches.emptyCount
    summary.droppedSamples = layer.batches.droppedSamples
    summary.maskedPositions = results.value.maskedValues
    summary.nonfiniteInputs = results.value.nonfiniteCount
    summary.nonfiniteFeatures = results.value.nonfiniteFeatureCount
    summary.zeroVarianceFeatures = results.value.zeroVarianceFeatureCount
    summary.outputOverflow = target.overflowCount
    summary.bytesRead = clock.bytesRead - bytesRead
    summary.bytesWritten = clock.bytesWritten - bytesWritten
    return summary
  }
}
