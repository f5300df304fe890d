import BatchNorm
import LayerFiles

/// Collects the moments that a batch of one layer needs, for a tile of its features: those of all values, and with a mask
/// also those of the values that count.
final class MomentCollector {
  private let all: MomentAccumulator
  private let counted: MaskedMoments?

  /// - Parameter octets: the tile, octets of eight columns.
  init(_ layer: Layer, _ decomposition: Decomposition, octets: Range<Int>) {
    all = MomentAccumulator(decomposition, octets: octets)
    counted = layer.mask == nil ? nil : MaskedMoments(decomposition, features: all.features)
  }

  /// Bytes that a collector for all features takes.
  static func memory(_ layer: Layer) -> Int {
    let decomposition = Decomposition(layer.layout)
    return MomentAccumulator.memory(decomposition, samples: layer.batches.largest)
      * (layer.mask == nil ? 1 : 2)
  }

  /// The features of the tile.
  var features: Range<Int> { all.features }

  /// Adds `samples` samples of a set, from `first` on, that follow those added before.
  func add(_ set: BufferSet, from first: Int, samples: Int) {
    let x = set.input(set.x, from: first)
    all.add(x: x, dy: set.dy.map { set.input($0, from: first) }, samples: samples)
    if let counted, let mask = set.maskPointer(from: first) {
      counted.add(x: x, mask: mask, samples: samples)
    }
  }

  /// Adds what another collector of the same tile collected from the samples that follow.
  func append(_ other: MomentCollector) {
    all.append(other.all)
    if let counted, let more = other.counted { counted.append(more) }
  }

  /// Writes the moments of the tile's features and begins anew.
  func finish(into statistics: BatchStatistics) {
    all.finish(into: statistics.all)
    counted?.finish(into: statistics.counted)
  }
}
