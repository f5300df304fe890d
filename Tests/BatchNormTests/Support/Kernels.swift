import BatchNorm

/// How the kernels are to run over a batch.
struct Kernels: Hashable {
  var input = KernelType.double
  var output = KernelType.double
  /// y where x lies, dx where dy lies; only where input and output are of one type.
  var inPlace = false
  var wantsOutput = true
  var wantsNormalized = true
  var wantsGradient = true
  /// Octets of columns in a tile, where tiles can be cut.
  var octetsPerTile = Int.max

  /// Which machine code.
  var set = KernelSet.best

  /// What came out.
  struct Output {
    var y: [Double]?
    var xHat: [Double]?
    var dx: [Double]?
    /// [C], of all values.
    var all: [FeatureMoments]
    /// The same, as they are handed on.
    var moments: BatchMoments
    /// The same for `statistics`.
    var counted: BatchMoments
    /// [C], of the values that count in the statistics.
    var statistics: [FeatureMoments]
    /// [C]
    var coefficients: [FeatureCoefficients<Double>]
    /// The same, as they are handed on.
    var batchCoefficients: BatchCoefficients
    /// What the pass said of the numbers that it wrote.
    var isFinite: Bool
    /// Infinite numbers in what the pass wrote, over all features.
    var infiniteOutputs: Int
    /// Those of them that everything they come from is finite for.
    var overflows: Int
    /// [C], values that are not finite and harm nothing but their own y.
    var harmless: [Int]
    /// True if nothing was written beside a tensor, and nothing in the inputs but in place.
    var keptToItsMemory: Bool
  }

  /// Computes the batch tile by tile, as a worker of the pipeline does.
  func run(_ batch: Batch) -> Output {
    let x = TensorMemory(batch.x, input)
    let dy = batch.dy.map { TensorMemory($0, input) }
    let y = wantsOutput ? (inPlace ? x : TensorMemory(count: batch.x.count, output)) : nil
    let dx =
      wantsGradient && dy != nil ? (inPlace ? dy : TensorMemory(count: batch.x.count, output)) : nil
    let xHat = wantsNormalized ? TensorMemory(count: batch.x.count, output) : nil

    let decomposition = Decomposition(batch.layout, kernels: set)
    let result = BatchResult(decomposition, batch.rule, hasMask: batch.mask != nil)
    var isFinite = true
    var (infiniteOutputs, overflows) = (0, 0)
    func visitAll(_ mask: UnsafePointer<UInt8>?) {
      var visit = SampleTensors(
        x: x.readable, dy: dy?.readable, y: y?.writable, xHat: xHat?.writable, dx: dx?.writable,
        mask: mask, centersGradient: batch.normalization == .batch, samples: batch.samples)
      for octets in decomposition.tiles(of: octetsPerTile) {
        let collector = MomentCollector(
          decomposition, octets: octets, hasMask: mask != nil, centers: batch.rule.centers)
        collector.add(x: visit.x, dy: visit.dy, mask: mask, samples: batch.samples)
        collector.finish(into: result)
        result.updateCoefficients(collector.features)
        isFinite = visit.apply(result.coefficients, octets: octets) && isFinite
      }
      for octets in decomposition.tiles(of: octetsPerTile) {
        overflows += result.overflowCount(visit, octets: octets)
      }
      visit.mask = nil
      infiniteOutputs = visit.infiniteOutputs(batch.layout) { _ in true }
    }
    if let mask = batch.mask {
      mask.withUnsafeBufferPointer { visitAll($0.baseAddress) }
    } else {
      visitAll(nil)
    }

    let memories = [x, dy, y, dx, xHat].compactMap { $0 }
    let inputsKept =
      inPlace || (x.values.isSame(as: batch.x) && dy.map { $0.values.isSame(as: batch.dy ?? []) } ?? true)
    return Output(
      y: y?.values, xHat: xHat?.values, dx: dx?.values, all: result.all.features, moments: result.all,
      counted: result.counted, statistics: result.counted.features,
      coefficients: (0..<batch.layout.featureCount).map { result.coefficients[$0] },
      batchCoefficients: result.coefficients, isFinite: isFinite,
      infiniteOutputs: infiniteOutputs, overflows: overflows,
      harmless: (0..<batch.layout.featureCount).map(result.harmlessValues),
      keptToItsMemory: inputsKept && memories.allSatisfy(\.guardsAreIntact))
  }
}

extension BatchMoments {
  /// [C]
  var features: [FeatureMoments] { (0..<featureCount).map { self[$0] } }
}

extension Decomposition {
  /// All octets of columns, cut into tiles where that is possible.
  func tiles(of octetsPerTile: Int) -> [Range<Int>] {
    guard octetsAreFeatures, octetsPerTile < octetCount else { return [0..<octetCount] }
    return stride(from: 0, to: octetCount, by: octetsPerTile).map {
      $0..<min($0 + octetsPerTile, octetCount)
    }
  }
}

extension [Double] {
  /// Equal bit for bit, but for the bits of NaNs.
  func isSame(as other: [Double]) -> Bool {
    count == other.count
      && zip(self, other).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) }
  }
}
