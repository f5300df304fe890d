import BatchNorm

/// One batch of float32 numbers in memory, forward and backward, divided among threads as `Jobs` divides it: its kernels
/// without its files.
///
/// Moments, coefficients, then y and dx; in place, as `Jobs` computes them, or to other memory, as PyTorch does. In place every
/// run finds what the last one wrote, which is as good: numbers of mean 0 and variance 1, and a gradient that stays one.
public final class InMemoryBatch {
  private let decomposition: Decomposition
  private let samples: Int
  private let x: FloatBuffer
  private let dy: FloatBuffer
  private let y: FloatBuffer
  private let dx: FloatBuffer
  private let parts: [Part]
  private let divisionIsByFeatures: Bool

  /// What one thread does.
  private struct Part {
    /// The samples whose moments it collects.
    let samples: Range<Int>
    /// The tiles whose moments it collects, one after the other.
    let tiles: [(octets: Range<Int>, collector: MomentCollector)]
    let result: BatchResult

    init(
      _ decomposition: Decomposition, samples: Range<Int>,
      tiles: [(octets: Range<Int>, collector: MomentCollector)]
    ) {
      self.samples = samples
      self.tiles = tiles
      let featureCount = decomposition.layout.featureCount
      result = BatchResult(
        decomposition,
        NormalizationRule(
          .batch, given: Array(repeating: GivenStatistics(), count: featureCount),
          parameters: Array(repeating: FeatureParameters(), count: featureCount), epsilon: 1e-5),
        hasMask: false)
    }

    /// What the moments that were collected last give.
    func finish(_ collector: MomentCollector) {
      collector.finish(into: result)
      result.updateCoefficients(collector.features)
    }
  }

  /// x, dy, y and dx, once each.
  public let byteCount: Int

  /// - Parameters:
  ///   - shape: [N, C] or [N, C, …].
  ///   - threads: at least 1.
  ///   - inPlace: y takes the place of x, dx that of dy.
  public init(shape: [Int], threads: Int, inPlace: Bool) {
    guard let layout = FeatureLayout(shape: shape, featureAxis: 1) else { fatalError("no feature axis") }
    let count = shape.reduce(1, *)
    decomposition = Decomposition(layout)
    samples = shape[0]
    x = FloatBuffer(count: count, seed: 1)
    dy = FloatBuffer(count: count, seed: 2)
    y = inPlace ? x : FloatBuffer(count: count, seed: 3)
    dx = inPlace ? dy : FloatBuffer(count: count, seed: 4)
    byteCount = 16 * count
    // Planes of a feature are long enough to be visited alone; rows are best visited whole, which is by samples.
    let hasUnits = samples > decomposition.samplesPerLeaf * (threads - 1)
    divisionIsByFeatures =
      decomposition.octetsAreFeatures && (threads == 1 || !decomposition.lanesAreColumns || !hasUnits)
    parts =
      divisionIsByFeatures
      ? Self.partsByFeatures(decomposition, samples: samples, threads: threads)
      : Self.partsBySamples(decomposition, samples: samples, threads: threads)
  }

  private static func partsByFeatures(_ decomposition: Decomposition, samples: Int, threads: Int) -> [Part] {
    let tiles = decomposition.tiles(samples: samples, bytesPerValue: 8).map {
      ($0, MomentCollector(decomposition, octets: $0, hasMask: false))
    }
    return (0..<threads).compactMap { thread in
      let own = tiles[tiles.count * thread / threads..<tiles.count * (thread + 1) / threads]
      return own.isEmpty ? nil : Part(decomposition, samples: 0..<samples, tiles: Array(own))
    }
  }

  /// Parts of a power of two of leaves.
  private static func partsBySamples(_ decomposition: Decomposition, samples: Int, threads: Int) -> [Part] {
    var size = decomposition.samplesPerLeaf
    while size * threads < samples { size *= 2 }
    return stride(from: 0, to: samples, by: size).map {
      let octets = 0..<decomposition.octetCount
      return Part(
        decomposition, samples: $0..<min($0 + size, samples),
        tiles: [(octets, MomentCollector(decomposition, octets: octets, hasMask: false))])
    }
  }

  /// y and dx from x and dy.
  public func run() {
    let this = Shared(self)
    if divisionIsByFeatures {
      inParallel(parts.count) { index in
        let (batch, part) = (this.value, this.value.parts[index])
        for (octets, collector) in part.tiles {
          batch.collect(part.samples, collector)
          part.finish(collector)
          batch.apply(part.samples, octets, part.result.coefficients)
        }
      }
    } else {
      inParallel(parts.count) { index in
        let part = this.value.parts[index]
        let collector = part.tiles[0].collector
        collector.begin(atLeaf: part.samples.lowerBound / this.value.decomposition.samplesPerLeaf)
        this.value.collect(part.samples, collector)
      }
      let first = parts[0]
      for part in parts.dropFirst() { first.tiles[0].collector.append(part.tiles[0].collector) }
      first.finish(first.tiles[0].collector)
      inParallel(parts.count) { index in
        let (batch, part) = (this.value, this.value.parts[index])
        batch.apply(part.samples, part.tiles[0].octets, batch.parts[0].result.coefficients)
      }
    }
  }

  private func collect(_ range: Range<Int>, _ collector: MomentCollector) {
    let offset = range.lowerBound * decomposition.layout.valuesPerSample
    collector.add(
      x: ReadableTensor(x.numbers + offset, .float), dy: ReadableTensor(dy.numbers + offset, .float),
      mask: nil, samples: range.count)
  }

  private func apply(_ range: Range<Int>, _ octets: Range<Int>, _ coefficients: BatchCoefficients) {
    let offset = range.lowerBound * decomposition.layout.valuesPerSample
    let tensors = SampleTensors(
      x: ReadableTensor(x.numbers + offset, .float), dy: ReadableTensor(dy.numbers + offset, .float),
      y: WritableTensor(y.numbers + offset, .float), xHat: nil,
      dx: WritableTensor(dx.numbers + offset, .float), mask: nil, centersGradient: true,
      samples: range.count)
    _ = tensors.apply(coefficients, octets: octets)
  }
}
