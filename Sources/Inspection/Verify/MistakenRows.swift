import BatchNorm
import LayerFiles
import Parallel

/// What rows of a batch hold where another program keeps something else than their names say, or sums with a wrong count: made of the
/// right rows as they come.
final class MistakenRows: Sendable {
  private struct Key: Hashable {
    let batches: Range<Int>
    let features: Range<Int>
  }

  private let layer: Layer
  private let departure: LayerDeparture
  /// Means and variances that wait for each other.
  private let waiting = Guarded<[Key: [LayerResult: [Double]]]>([:])

  /// Nil if the departure leaves rows as they are.
  init?(_ layer: Layer, _ departure: LayerDeparture) {
    let changing = departure.mistakes.first { mistake in
      switch mistake {
      case .divisor, .squareMean, .unbiasedVariance: true
      default: false
      }
    }
    if case .kept = departure {
      self.departure = departure
    } else if let changing {
      self.departure = .mistake(changing)
    } else {
      return nil
    }
    self.layer = layer
  }

  /// True if rows of the result are changed, or needed to change others.
  func concerns(_ result: LayerResult) -> Bool {
    switch departure {
    case .kept(let kept): result == kept.result
    default: result == .batchMean || result == .batchVariance
    }
  }

  /// The rows that are known with these, changed.
  func take(_ result: LayerResult, _ part: TensorPart, _ values: [Double]) -> [(LayerResult, [Double])] {
    switch departure {
    case .kept(let kept):
      return [
        (result, changed(part, values.indices) { kept.value(values[$0], count: $1, epsilon: layer.epsilon) })
      ]
    case .mistake(let mistake):
      let key = Key(batches: part.samples, features: part.features)
      let both = waiting.withLock { waiting -> [LayerResult: [Double]]? in
        waiting[key, default: [:]][result] = values
        return waiting[key]?.count == 2 ? waiting.removeValue(forKey: key) : nil
      }
      guard let mean = both?[.batchMean], let variance = both?[.batchVariance] else { return [] }
      func moments(_ index: Int, _ count: Int) -> (mean: Double, variance: Double) {
        mistake.moments(mean: mean[index], variance: variance[index], count: count)
      }
      return [
        (.batchMean, changed(part, mean.indices) { moments($0, $1).mean }),
        (.batchVariance, changed(part, mean.indices) { moments($0, $1).variance }),
      ]
    default: return [(result, values)]
    }
  }

  /// - Parameter value: of an index, and of how many values its batch has.
  private func changed(_ part: TensorPart, _ indices: Range<Int>, _ value: (Int, Int) -> Double) -> [Double] {
    indices.map { index in
      let batch = layer.batches[part.samples.lowerBound + index / part.features.count]
      return value(index, batch.count * layer.layout.valuesPerFeatureAndSample)
    }
  }
}

/// Hands rows on as a mistake makes them.
struct MistakingWriter: TensorWriter {
  let result: LayerResult
  let rows: MistakenRows
  /// Where each result goes that is compared.
  let destinations: [LayerResult: any TensorWriter]

  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
    for (result, values) in rows.take(result, part, Array(buffer.bindMemory(to: Double.self))) {
      try values.withUnsafeBytes { try destinations[result]?.write(part, from: $0) }
    }
  }
}
