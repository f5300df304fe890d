import BatchNorm
import LayerFiles
import Parallel

/// Takes the results of a layer, to compare them instead of writing them.
final class LayerComparison: LayerWriter {
  private let layer: Layer
  private let other: OtherLayer
  private let comparing: [LayerResult: ComparingWriter]
  private let scales: ResultScales

  init(_ layer: Layer, _ other: OtherLayer) {
    self.layer = layer
    self.other = other
    scales = ResultScales(layer)
    let scratch = ResourcePool { HandedOver(try ComparingWriter.Scratch()) }
    comparing = Dictionary(
      uniqueKeysWithValues: other.results.map { result, dataset in
        (
          result,
          ComparingWriter(
            dataset, layout: layer.layout(of: result), isInteger: result.entry.shape == .batches,
            scratch: scratch)
        )
      })
  }

  /// Bytes that the comparison takes beside the buffers of whoever computes the layer.
  static func memory(_ layer: Layer, _ other: OtherLayer, threads: Int) -> Int {
    let layouts = other.results.keys.map(layer.layout(of:))
    return layouts.reduce(ResultScales.memory(layer)) { $0 + ComparingWriter.memory($1) }
      + threads * (layouts.map(ComparingWriter.memoryOfThread).max() ?? 0)
      + other.results.values.reduce(0) { $0 + $1.decodingMemory }
  }

  func writer(of result: LayerResult) -> (any TensorWriter)? {
    // Some results are computed only for the scale that they give to others.
    scales.learns(from: result) && layer.writes(result)
      ? ScalingWriter(result: result, scales: scales, comparing: comparing[result]) : comparing[result]
  }

  /// What was found, in the order of the results. Only after the layer was computed.
  /// - Parameter tolerance: nil for what the type of each dataset lets expect.
  func comparisons(_ tolerance: (relative: Double?, absolute: Double?)) -> [ResultComparison] {
    LayerResult.allCases.compactMap { result in
      guard let writer = comparing[result], let dataset = other.results[result] else { return nil }
      return ResultComparison(
        result, dataset, errors: writer.found, scales: scales.scale(of: result),
        shape: layer.shape(of: result), tolerance: tolerance)
    }
  }
}

/// Hands what a result is like to the scales, and the result itself to a comparison if there is one.
private struct ScalingWriter: TensorWriter {
  let result: LayerResult
  let scales: ResultScales
  let comparing: ComparingWriter?

  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
    scales.add(result, part, buffer.bindMemory(to: Double.self))
    try comparing?.write(part, from: buffer)
  }
}
