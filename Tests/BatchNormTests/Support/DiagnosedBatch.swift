import BatchNorm

/// A batch taken through both passes with diagnostics, divided in some way.
struct DiagnosedBatch {
  /// What the numbers in memory are.
  var type = KernelType.double
  var set = KernelSet.best
  /// Leaves in a stretch; nil for all samples at once.
  var leavesPerStretch: Int?
  /// Samples in a stretch, where they need not be whole leaves; comes before `leavesPerStretch`.
  var samplesPerStretch: Int?
  /// Leaves for each of the collectors that are joined in the end; nil for one collector.
  var leavesPerCollector: Int?
  /// Octets of columns in a tile, where tiles can be cut.
  var octetsPerTile = Int.max

  func run(_ batch: Batch) -> BatchResult {
    let x = TensorMemory(batch.x, type)
    let dy = batch.dy.map { TensorMemory($0, type) }
    let decomposition = Decomposition(batch.layout, kernels: set)
    let result = BatchResult(decomposition, batch.rule, hasMask: batch.mask != nil, diagnoses: true)
    let leaf = decomposition.samplesPerLeaf
    let all = 0..<batch.samples
    let stretch = samplesPerStretch ?? leavesPerStretch.map { $0 * leaf } ?? max(1, batch.samples)
    let parts = all.cut(by: leavesPerCollector.map { $0 * leaf } ?? max(1, batch.samples))
    func run(_ mask: UnsafePointer<UInt8>?) {
      func tensors(_ samples: Range<Int>) -> SampleTensors {
        let offset = samples.lowerBound * batch.layout.valuesPerSample
        return SampleTensors(
          x: x.readable(from: offset), dy: dy?.readable(from: offset), y: nil, xHat: nil, dx: nil,
          mask: mask.map { $0 + samples.lowerBound * batch.layout.valuesPerFeatureAndSample },
          centersGradient: batch.normalization == .batch, samples: samples.count)
      }
      for octets in decomposition.tiles(of: octetsPerTile) {
        func collector() -> MomentCollector {
          MomentCollector(
            decomposition, octets: octets, hasMask: mask != nil, centers: batch.rule.centers, diagnoses: true)
        }
        let total = collector()
        for part in parts {
          let own = collector()
          own.begin(atLeaf: part.lowerBound / leaf)
          for samples in part.cut(by: stretch) {
            let tensors = tensors(samples)
            own.add(x: tensors.x, dy: tensors.dy, mask: tensors.mask, samples: samples.count)
          }
          total.append(own)
        }
        result.take(total)
        let gradients = InputGradientCollector(decomposition, octets: octets)
        for part in parts {
          let own = InputGradientCollector(decomposition, octets: octets)
          for samples in part.cut(by: stretch).reversed() {
            own.add(tensors(samples), result.coefficients, at: samples.lowerBound)
          }
          gradients.append(own)
        }
        result.take(gradients)
      }
    }
    if let mask = batch.mask {
      mask.withUnsafeBufferPointer { run($0.baseAddress) }
    } else {
      run(nil)
    }
    return result
  }
}

extension BatchResult {
  /// A diagnostic of every feature.
  func values(_ diagnostic: BatchDiagnostic) -> [Double] {
    var row: [Double] = []
    append(diagnostic, to: &row)
    return row
  }
}

extension Range<Int> {
  /// Successive ranges of so many, the last of which may hold fewer.
  fileprivate func cut(by length: Int) -> [Range<Int>] {
    stride(from: lowerBound, to: upperBound, by: length).map { $0..<Swift.min($0 + length, upperBound) }
  }
}
