import Configuration
import LayerFiles

/// Which batches of each layer a shard computes: the batches of all layers one after the other, cut so that each shard moves about as
/// many bytes as any other.
struct ShardDivision {
  private let layers: [Layer]
  /// Bytes of the layers before each one, and of all.
  private var starts: [Double] = []
  private var total = 0.0

  init(_ layers: [Layer]) {
    self.layers = layers
    for layer in layers {
      starts.append(total)
      total += Double(layer.inputByteCount + layer.outputByteCount)
    }
  }

  /// The shard of which a batch is: the one that its first byte is in.
  private func shard(ofBatch batch: Int, layer index: Int, count: Int) -> Int {
    let layer = layers[index]
    let bytes = Double(layer.inputByteCount + layer.outputByteCount)
    let place =
      starts[index] + bytes * Double(layer.batches[batch].lowerBound) / Double(layer.batches.sampleCount)
    return min(count - 1, Int(place / total * Double(count)))
  }

  /// The batches of a layer that a shard computes; there may be none.
  func batches(ofLayer index: Int, _ shard: Shard) -> Range<Int> {
    let batches = layers[index].batches
    guard batches.sampleCount > 0 else { return shard.index == 0 ? 0..<batches.count : 0..<0 }
    /// The first batch of this shard or a later one.
    func first(_ number: Int) -> Int {
      var (low, high) = (0, batches.count)
      while low < high {
        let middle = (low + high) / 2
        if self.shard(ofBatch: middle, layer: index, count: shard.count) < number {
          low = middle + 1
        } else {
          high = middle
        }
      }
      return low
    }
    return first(shard.index)..<first(shard.index + 1)
  }
}
