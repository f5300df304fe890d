import BatchNorm
import LayerFiles
import Parallel

/// Takes the results of a layer, to compare them instead of writing them.
final class LayerComparison: LayerWriter {
  private let layer: Layer
  private let other: OtherLayer
  private let comparing: [LayerResult: ComparingWriter<ElementErrors>]
  private let scales: ResultScales
  private let rows: MistakenRows?

  /// - Parameters:
  ///   - departure: in which way the layer was changed; nil if it was not.
  ///   - hopeless: with so large a difference in a feature, [C], a large result cannot agree any more; nil to go on all the same.
  init(
    _ layer: Layer, _ other: OtherLayer, departure: LayerDeparture? = nil,
    hopeless: [LayerResult: [Double]] = [:]
  ) {
    self.layer = layer
    self.other = other
    scales = ResultScales(layer)
    rows = departure.flatMap { MistakenRows(layer, $0) }
    let hopes = Hopes(other.results.keys.count { hopeless[$0] != nil })
    let scratch = ResourcePool { HandedOver(try ComparisonScratch()) }
    comparing = Dictionary(
      uniqueKeysWithValues: other.results.map { result, dataset in
        (
          result,
          ComparingWriter(
            dataset, layout: layer.layout(of: result), isInteger: result.entry.shape == .batches,
            finding: ElementErrors(layer.layout(of: result), hopeless: hopeless[result], hopes: hopes),
            scratch: scratch)
        )
      })
  }

  /// Bytes that the comparison takes beside the buffers of whoever computes the layer.
  static func memory(_ layer: Layer, _ other: OtherLayer, threads: Int) -> Int {
    let layouts = other.results.keys.map(layer.layout(of:))
    func findings(_ layout: FeatureLayout) -> Int {
      ElementErrors.memory(featureCount: layout.featureCount)
    }
    return layouts.reduce(ResultScales.memory(layer)) { $0 + findings($1) }
      + threads * (layouts.map { ComparisonScratch.memory($0) + findings($0) }.max() ?? 0)
      + other.results.values.reduce(0) { $0 + $1.decodingMemory }
  }

  func writer(of result: LayerResult) -> (any TensorWriter)? {
    if let rows, rows.concerns(result), layer.writes(result) {
      return MistakingWriter(result: result, rows: rows, destinations: comparing)
    }
    // Some results are computed only for the scale that they give to others.
    if scales.learns(from: result) && layer.writes(result) {
      return ScalingWriter(result: result, scales: scales, comparing: comparing[result])
    }
    return comparing[result]
  }

  /// What was found, in the order of the results. Only after the layer was computed.
  /// - Parameter tolerance: nil for what the type of each dataset lets expect.
  func comparisons(_ tolerance: (relative: Double?, absolute: Double?)) -> [ResultComparison] {
    LayerResult.allCases.compactMap { result in
      guard let writer = comparing[result], let dataset = other.results[result] else { return nil }
      return ResultComparison(
        result.rawValue, dataset, errors: writer.found, scales: scales.scale(of: result),
        shape: layer.shape(of: result), tolerance: tolerance)
    }
  }
}

extension LayerComparison {
  /// How far the numbers of each feature may be apart, [C], in each result that was compared. Only after the layer was computed.
  func limits(_ tolerance: (relative: Double?, absolute: Double?)) -> [LayerResult: [Double]] {
    var limits: [LayerResult: [Double]] = [:]
    for (result, writer) in comparing {
      guard let dataset = other.results[result] else { continue }
      let tolerance = Tolerance(dataset.type.kind, tolerance)
      let (found, scales) = (writer.found, scales.scale(of: result))
      limits[result] = found.features.indices.map {
        tolerance.limit(found.scale($0, atLeast: scales))
      }
    }
    return limits
  }
}

extension LayerComparison {
  /// Differences beyond which a large result cannot agree, whatever the numbers are like that it is compared with, [C]. Only after
  /// the layer was computed.
  func hopeless(_ tolerance: (relative: Double?, absolute: Double?)) -> [LayerResult: [Double]] {
    var hopeless: [LayerResult: [Double]] = [:]
    for (result, writer) in comparing where result.entry.shape == .samples {
      guard let dataset = other.results[result] else { continue }
      let tolerance = Tolerance(dataset.type.kind, tolerance)
      let (found, scales) = (writer.found, scales.scale(of: result))
      hopeless[result] = found.features.indices.map {
        16 * tolerance.limit(max(found.scale($0, atLeast: scales), found.features[$0].largestTheirs))
      }
    }
    return hopeless
  }

  /// What numbers of a result are like in each feature, if larger than the largest of them, [C] or empty. Only after the layer was
  /// computed.
  func scale(of result: LayerResult) -> [Double] { scales.scale(of: result) }

  /// How many numbers of a result are not finite here. Only after the layer was computed.
  func nonfiniteCount(_ result: LayerResult) -> Int { comparing[result]?.found.nonfiniteCount ?? 0 }
}

/// Hands what a result is like to the scales, and the result itself to a comparison if there is one.
private struct ScalingWriter: TensorWriter {
  let result: LayerResult
  let scales: ResultScales
  let comparing: ComparingWriter<ElementErrors>?

  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
    scales.add(result, part, buffer.bindMemory(to: Double.self))
    try comparing?.write(part, from: buffer)
  }
}
