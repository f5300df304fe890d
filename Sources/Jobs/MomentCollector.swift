import BatchNorm
import LayerFiles

extension MomentCollector {
  /// - Parameter octets: the tile, octets of columns.
  convenience init(_ layer: Layer, _ decomposition: Decomposition, octets: Range<Int>) {
    self.init(decomposition, octets: octets, hasMask: layer.mask != nil)
  }

  /// Bytes that a collector for all features takes.
  static func memory(_ layer: Layer) -> Int {
    memory(Decomposition(layer.layout), samples: layer.batches.largest, hasMask: layer.mask != nil)
  }

  /// Adds `samples` samples of a set, from `first` on, that follow those added before.
  func add(_ set: BufferSet, from first: Int, samples: Int) {
    add(
      x: set.input(set.x, from: first), dy: set.dy.map { set.input($0, from: first) },
      mask: set.maskPointer(from: first), samples: samples)
  }
}
