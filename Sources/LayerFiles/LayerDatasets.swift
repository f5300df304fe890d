import BatchNorm
import Configuration
import HDF5
import Parallel

/// The datasets of one layer in the output file.
///
/// All are created before the first result is there, so that each has its place and any thread can write into it.
package struct LayerDatasets: LayerWriter {
  let layer: Layer
  let output: OutputFile
  let clock: StageClock
  /// Where contiguous datasets begin; nil for an empty one.
  package let offsets: [LayerResult: Int64?]
  /// How the large results are cut into chunks; nil if they are contiguous.
  let chunks: ChunkPlan?
  /// The chunked datasets, opened for the layer's turn only.
  let sequence: OnDemand<ChunkSequence>

  /// The datasets of a file that was created earlier, all contiguous; or chunks of a file that is created later.
  package init(
    _ layer: Layer, _ storage: OutputStorage, at offsets: [LayerResult: Int64?], in output: OutputFile,
    clock: StageClock
  ) {
    self.layer = layer
    self.clock = clock
    self.output = output
    self.offsets = offsets
    chunks = ChunkPlan(layer, storage)
    sequence = OnDemand { ChunkSequence([]) }
  }

  /// Creates the datasets.
  package init(
    _ layer: Layer, _ storage: OutputStorage, in output: OutputFile, _ file: File, clock: StageClock
  ) throws(HDF5Error) {
    self.layer = layer
    self.clock = clock
    self.output = output
    let chunks = ChunkPlan(layer, storage)
    self.chunks = chunks
    var group = file.root
    for name in layer.path.pathComponents {
      group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
    }
    try Self.writeSettings(of: layer, to: group)

    var offsets: [LayerResult: Int64?] = [:]
    var groups: [String: Group] = [:]
    for result in LayerResult.allCases where layer.writes(result) {
      var parent = group
      if let name = result.group {
        let existing = groups[name]
        parent = if let existing { existing } else { try group.createGroup(name) }
        if name == "moments", existing == nil {
          try parent.writeAttribute("samples", layer.batches.sampleCount)
        }
        groups[name] = parent
      }
      let shape = layer.shape(of: result)
      let isChunked = chunks != nil && result.entry.shape == .samples
      let dataset = try parent.createDataset(
        result.name, type: layer.type(of: result), shape: shape,
        storage: isChunked ? chunks!.request(shape: shape) : .contiguous)
      if case .contiguous(let offset) = dataset.storage { offsets[result] = offset }
      if result == .quantiles { try dataset.writeAttribute("percents", numbers: layer.percents) }
      if let formula = result.entry.formula { try dataset.writeAttribute("formula", formula) }
      // What is open takes the library's memory, and files have thousands of layers.
      try dataset.close()
    }
    self.offsets = offsets
    let paths = layer.largeResults.map { group.pathOfChild($0.name) }
    sequence = OnDemand { ChunkSequence(try paths.map { try file.root.dataset($0) }) }
  }

  /// Says with what the results were computed, so that they can be computed again.
  private static func writeSettings(of layer: Layer, to group: Group) throws(HDF5Error) {
    for (name, value) in layer.settings.attributes {
      switch value {
      case .integer(let value): try group.writeAttribute(name, value)
      case .number(let value): try group.writeAttribute(name, value)
      case .text(let text): try group.writeAttribute(name, text)
      }
    }
    if let depth = layer.depth { try group.writeAttribute("depth", depth) }
    try group.writeAttribute("settings", layer.settings.json)
    try group.writeAttribute("datasets", RoleNames(layer.datasetNames).json)
  }

  /// Where a result goes. Only after the file was flushed.
  package func writer(of result: LayerResult) throws -> (any TensorWriter)? {
    guard layer.writes(result) else { return nil }
    return result.entry.shape == .samples && chunks != nil
      ? try chunkedWriter(
        of: result, samples: 0..<layer.batches.sampleCount, keptSamples: keptSamples,
        sequence: sequence.value())
      : contiguousWriter(of: result)
  }

  func contiguousWriter(of result: LayerResult) -> ContiguousWriter {
    ContiguousWriter(
      file: output.positional, offset: offsets[result] ?? nil, layout: layer.layout(of: result),
      elementByteCount: layer.type(of: result).byteCount, clock: clock)
  }

  func chunkedWriter(
    of result: LayerResult, samples: Range<Int>, keptSamples: Int, sequence: ChunkSequence?
  ) -> ChunkedWriter {
    let chunks = chunks!
    return ChunkedWriter(
      filters: chunks.filters, samplesPerChunk: chunks.samplesPerChunk,
      sampleCount: layer.batches.sampleCount,
      sampleByteCount: layer.layout.valuesPerSample * layer.outputType.byteCount, samples: samples,
      keptSamples: keptSamples, sequence: sequence, index: layer.largeResults.firstIndex(of: result) ?? 0,
      spool: output.spool, clock: clock)
  }

  /// Writes the chunks that an earlier run kept copies of, up to the first that is missing. They are part of the share that was finished,
  /// and so are not counted as written.
  /// - Parameter chunks: by the result and the chunk's number.
  package func write(_ kept: [LayerResult: [Int: Spool.Place]]) throws {
    guard let chunks, let spool = output.spool, !kept.isEmpty else { return }
    let (results, samples) = (layer.largeResults, layer.batches.sampleCount)
    try sequence.value().writeKept(samplesPerChunk: chunks.samplesPerChunk) { tensor, chunk in
      let present = min(chunks.samplesPerChunk, samples - chunk * chunks.samplesPerChunk)
      guard present > 0, let place = kept[results[tensor]]?[chunk] else { return nil }
      return try spool.bytes(at: place)
    }
  }

  package var keptSamples: Int {
    guard let chunks, !layer.largeResults.isEmpty else { return .max }
    let kept = (try? sequence.value().keptChunks) ?? 0
    return min(layer.batches.sampleCount, kept * chunks.samplesPerChunk)
  }

  /// Reads back what was written to a contiguous dataset; nil if it is empty or not written at all.
  package func reader(of result: LayerResult) -> (any TensorReader)? {
    guard case .some(.some(let offset)) = offsets[result] else { return nil }
    return ContiguousReader(
      file: output.positional, offset: offset, type: layer.type(of: result), layout: layer.layout(of: result),
      dataset: result.rawValue)
  }

  /// Closes what was opened for the layer's turn.
  package func close() throws(HDF5Error) { try sequence.take()?.close() }
}

/// Something that is made when it is first asked for.
final class OnDemand<Value: Sendable>: Sendable {
  private let kept = Guarded<Value?>(nil)
  private let make: @Sendable () throws -> Value

  init(_ make: @escaping @Sendable () throws -> Value) { self.make = make }

  func value() throws -> Value {
    try kept.withLock { kept in
      if let value = kept { return value }
      let value = try make()
      kept = value
      return value
    }
  }

  /// What was made, if anything was; the next one to ask gets a new one.
  func take() -> Value? {
    kept.withLock { kept in
      defer { kept = nil }
      return kept
    }
  }
}
