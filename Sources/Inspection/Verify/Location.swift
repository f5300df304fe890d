import Jobs
import LayerFiles
import Parallel

extension Verification {
  /// Says of the results that differ what is wrong where, in one further pass over the data.
  /// - Parameters:
  ///   - layer: as it was computed.
  ///   - limits: how far the numbers of each feature may be apart.
  func locate(
    _ comparisons: inout [ResultComparison], of layer: Layer, _ other: OtherLayer,
    limits: [LayerResult: [Double]], _ cancellation: Cancellation
  ) throws {
    let differing = LayerResult.allCases.filter { result in
      comparisons.contains { !$0.agrees && $0.result == result.rawValue }
    }
    guard !differing.isEmpty else { return }
    let destination = LayerLocation(layer, other.only(differing), limits: limits)
    try plan.run(
      layer, configuration: plan.job.configuration, into: destination,
      reserved: destination.memory(threads: plan.job.threads), progress: JobProgress(),
      cancellation: cancellation)
    for index in comparisons.indices {
      guard let result = LayerResult(rawValue: comparisons[index].result),
        let found = destination.found(result), found.count > 0
      else { continue }
      comparisons[index].wrong = WrongValues(found, result, of: layer, comparisons[index])
    }
  }
}

/// Takes the results of a layer that differ, to count what is wrong where.
private final class LayerLocation: LayerWriter {
  private let bounds: [LayerResult: WrongElements.Bounds]
  private let writers: [LayerResult: ComparingWriter<WrongElements>]
  private let decodingMemory: Int

  init(_ layer: Layer, _ other: OtherLayer, limits: [LayerResult: [Double]]) {
    let scratch = ResourcePool { HandedOver(try ComparisonScratch()) }
    var bounds: [LayerResult: WrongElements.Bounds] = [:]
    var writers: [LayerResult: ComparingWriter<WrongElements>] = [:]
    for (result, dataset) in other.results {
      let layout = layer.layout(of: result)
      let isOfSamples = result.entry.shape == .samples
      let known = WrongElements.Bounds(
        layout: layout, rows: result.entry.shape == .features ? 1 : layer.shape(of: result)[0],
        batches: isOfSamples ? layer.batches : nil, limits: limits[result] ?? [], type: dataset.type.kind)
      bounds[result] = known
      writers[result] = ComparingWriter(
        dataset, layout: layout, isInteger: result.entry.shape == .batches, finding: WrongElements(known),
        scratch: scratch)
    }
    self.bounds = bounds
    self.writers = writers
    decodingMemory = other.results.values.reduce(0) { $0 + $1.decodingMemory }
  }

  /// Bytes that it takes beside the buffers of whoever computes the layer.
  func memory(threads: Int) -> Int {
    let each = bounds.values.map { ComparisonScratch.memory($0.layout) + WrongElements.memory($0) }
    return bounds.values.reduce(decodingMemory) { $0 + WrongElements.memory($1) } + threads
      * (each.max() ?? 0)
  }

  func writer(of result: LayerResult) -> (any TensorWriter)? { writers[result] }

  /// What was found; nil if it was not looked at. Only after the layer was computed.
  func found(_ result: LayerResult) -> WrongElements? { writers[result]?.found }
}
