import BatchNorm
import Configuration
import HDF5
import Parallel

/// The datasets of one layer in the output file.
///
/// They are created before the first result is there, so that large tensors and the rows of `batches/` can be written at their
/// places by any thread; what is known only in the end is written by `finish`.
package struct LayerOutput: LayerDestination {
  package let layer: Layer
  private let group: Group
  private let file: PositionalFile
  private let large: [OutputTensor: Dataset]
  private let rows: [BatchRow: Dataset]
  private let counts: Dataset?
  private let clock: StageClock
  /// How the large tensors are cut into chunks; nil if they are contiguous.
  private let chunks: ChunkPlan?
  private let sequence: ChunkSequence

  /// Creates the datasets.
  package init(_ layer: Layer, _ storage: OutputStorage, in output: OutputFile, clock: StageClock)
    throws(HDF5Error)
  {
    self.layer = layer
    self.clock = clock
    chunks = ChunkPlan(layer, storage)
    file = output.positional
    var group = output.file.root
    for name in layer.path.split(separator: "/").map(String.init) {
      group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
    }
    self.group = group
    try group.writeAttribute("epsilon", layer.epsilon)
    try group.writeAttribute("feature_axis", layer.featureAxis)

    let shape = [layer.batches.sampleCount] + layer.activations.dataset.shape.dropFirst()
    var large: [OutputTensor: Dataset] = [:]
    for tensor in OutputTensor.large where layer.writes(tensor) {
      large[tensor] = try group.createDataset(
        tensor.rawValue, type: layer.outputType, shape: shape,
        storage: chunks?.request(shape: shape) ?? .contiguous)
    }
    self.large = large
    sequence = ChunkSequence(OutputTensor.large.compactMap { large[$0] })

    var rows: [BatchRow: Dataset] = [:]
    var counts: Dataset?
    if layer.writes(.batches) {
      let batches = try group.createGroup("batches")
      for row in BatchRow.allCases where row.isKnown(layer) {
        rows[row] = try batches.createDataset(
          row.rawValue, type: .float64, shape: [layer.batches.count, layer.featureCount], storage: .contiguous
        )
      }
      counts = try batches.createDataset(
        "count", type: .int64, shape: [layer.batches.count], storage: .contiguous)
    }
    self.rows = rows
    self.counts = counts
  }

  /// Where the samples of a large tensor go; nil if it is not written. Only after the file was flushed.
  package func sink(_ tensor: OutputTensor) -> (any SampleSink)? {
    guard let dataset = large[tensor] else { return nil }
    let sampleByteCount = dataset.rowElementCount * layer.outputType.byteCount
    guard let chunks else {
      return TensorSink(
        file: file, offset: dataset.allocatedOffset, sampleByteCount: sampleByteCount, clock: clock)
    }
    return ChunkedSink(
      filters: chunks.filters, samplesPerChunk: chunks.samplesPerChunk, sampleCount: dataset.rowCount,
      sampleByteCount: sampleByteCount, sequence: sequence,
      index: OutputTensor.large.filter { large[$0] != nil }.firstIndex(of: tensor) ?? 0, clock: clock)
  }

  /// Where the rows of `batches/` go. Only after the file was flushed.
  package var rowSinks: [BatchRow: any SampleSink] {
    rows.mapValues { dataset in
      TensorSink(
        file: file, offset: dataset.allocatedOffset, sampleByteCount: dataset.rowElementCount * 8,
        clock: clock)
    }
  }

  /// Writes what is known only after the last batch.
  package func finish(_ results: LayerVectors) throws(HDF5Error) {
    try counts?.writeIntegers((0..<layer.batches.count).map { layer.batches[$0].count })
    let vectors: [(OutputTensor, [[Double]])] = [
      (.gradGamma, [results.dgamma]), (.gradBeta, [results.dbeta]),
      (.running, [results.runningMean, results.runningVariance]),
      (.population, [results.populationMean, results.populationVariance]),
    ]
    for (tensor, values) in vectors where layer.writes(tensor) {
      for (name, values) in zip(tensor.names, values) { try write(name, values) }
    }
  }

  private func write(_ name: String, _ values: [Double]) throws(HDF5Error) {
    try group.createDataset(name, type: .float64, shape: [values.count], storage: .contiguous)
      .writeDoubles(values)
  }
}

extension Dataset {
  /// The first byte in the file; nil if there is none.
  fileprivate var allocatedOffset: Int64? {
    if case .contiguous(let offset) = storage { offset } else { nil }
  }
}
