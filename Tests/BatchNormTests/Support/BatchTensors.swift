import BatchNorm

/// A batch as tensors in memory, from which any range of samples can be collected.
final class BatchTensors {
  let batch: Batch
  let decomposition: Decomposition
  private let x: TensorMemory
  private let dy: TensorMemory?

  init(_ batch: Batch, _ type: KernelType, kernels: KernelSet = .best) {
    self.batch = batch
    decomposition = Decomposition(batch.layout, kernels: kernels)
    x = TensorMemory(batch.x, type)
    dy = batch.dy.map { TensorMemory($0, type) }
  }

  /// A collector of nothing, for all features.
  func collector() -> MomentCollector {
    MomentCollector(decomposition, hasMask: batch.mask != nil, centers: batch.rule.centers)
  }

  /// The result of no values.
  func result() -> BatchResult { BatchResult(decomposition, batch.rule, hasMask: batch.mask != nil) }

  /// Adds samples of the batch.
  func add(_ samples: Range<Int>, to collector: MomentCollector) {
    let offset = samples.lowerBound * batch.layout.valuesPerSample
    func add(_ mask: UnsafePointer<UInt8>?) {
      collector.add(
        x: x.readable(from: offset), dy: dy?.readable(from: offset), mask: mask, samples: samples.count)
    }
    guard let mask = batch.mask else { return add(nil) }
    mask.withUnsafeBufferPointer {
      add($0.baseAddress.unsafelyUnwrapped + samples.lowerBound * batch.layout.valuesPerFeatureAndSample)
    }
  }
}
