import BatchNorm

/// Collects the moments that a batch needs, for a tile of its features: those of all values, and with a mask also those of
/// the values that count.
final class MomentCollector {
  private let all: MomentAccumulator
  private let counted: MaskedMoments?

  /// - Parameter octets: the tile, octets of columns.
  init(_ decomposition: Decomposition, octets: Range<Int>, hasMask: Bool) {
    all = MomentAccumulator(decomposition, octets: octets)
    counted = hasMask ? MaskedMoments(decomposition, features: all.features) : nil
  }

  /// Bytes that a collector for all features takes for a batch of `samples` samples.
  static func byteCount(_ decomposition: Decomposition, samples: Int, hasMask: Bool) -> Int {
    let leaf = min(samples, decomposition.samplesPerLeaf) * decomposition.layout.valuesPerFeatureAndSample
    return MomentAccumulator.memory(decomposition, samples: samples) * (hasMask ? 2 : 1)
      + (hasMask ? leaf * (MemoryLayout<Double>.stride + MemoryLayout<Int>.stride) : 0)
  }

  /// The features of the tile.
  var features: Range<Int> { all.features }

  /// Adds samples that follow those added before.
  func add(_ tensors: SampleTensors) {
    all.add(x: tensors.x, dy: tensors.dy, samples: tensors.samples)
    if let counted, let mask = tensors.mask {
      counted.add(x: tensors.x, mask: mask, samples: tensors.samples)
    }
  }

  /// Adds what another collector of the same tile collected from the samples that follow.
  func append(_ other: MomentCollector) {
    all.append(other.all)
    if let counted, let more = other.counted { counted.append(more) }
  }

  /// Writes the moments of the tile's features and begins anew.
  func finish(into result: BatchResult) {
    all.finish(into: result.all)
    counted?.finish(into: result.counted)
  }
}
