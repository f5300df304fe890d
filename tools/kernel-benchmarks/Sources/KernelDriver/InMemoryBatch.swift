import BatchNorm

/// One batch of float32 numbers in memory, forward and backward, divided among threads as `Pipeline` divides it: its kernels
/// without its files.
///
/// Moments, coefficients, then y and dx. Not in place, so that every run finds the same input; `Pipeline` works in place, which
/// touches less memory.
public final class InMemoryBatch {
  private let decomposition: Decomposition
  private let samples: Int
  private let x: FloatBuffer
  private let dy: FloatBuffer
  private let y: FloatBuffer
  private let dx: FloatBuffer
  private let parts: [Part]
  /// [C]
  private let moments: UnsafeMutablePointer<FeatureMoments>
  /// [C]
  private let coefficients: UnsafeMutablePointer<FeatureCoefficients>
  private let divisionIsByFeatures: Bool

  /// What one thread does.
  private struct Part {
    /// The samples whose moments it collects.
    let samples: Range<Int>
    /// The tiles whose moments it collects, one after the other.
    let tiles: [(groups: Range<Int>, accumulator: MomentAccumulator)]
  }

  /// x, dy, y and dx, once each.
  public let byteCount: Int

  /// - Parameters:
  ///   - shape: [N, C] or [N, C, …].
  ///   - threads: at least 1.
  public init(shape: [Int], threads: Int) {
    guard let layout = FeatureLayout(shape: shape, featureAxis: 1) else { fatalError("no feature axis") }
    let count = shape.reduce(1, *)
    decomposition = Decomposition(layout)
    samples = shape[0]
    x = FloatBuffer(count: count, seed: 1)
    dy = FloatBuffer(count: count, seed: 2)
    y = FloatBuffer(count: count, seed: 3)
    dx = FloatBuffer(count: count, seed: 4)
    byteCount = 16 * count
    moments = .allocate(capacity: layout.featureCount)
    moments.initialize(repeating: FeatureMoments(), count: layout.featureCount)
    coefficients = .allocate(capacity: layout.featureCount)
    // Planes of a feature are long enough to be visited alone; rows are best visited whole, which is by samples.
    divisionIsByFeatures = threads == 1 ? decomposition.groupsAreFeatures : !decomposition.lanesAreColumns
    parts =
      divisionIsByFeatures
      ? Self.partsByFeatures(decomposition, samples: samples, threads: threads)
      : Self.partsBySamples(decomposition, samples: samples, threads: threads)
  }

  deinit {
    moments.deallocate()
    coefficients.deallocate()
  }

  private static func partsByFeatures(_ decomposition: Decomposition, samples: Int, threads: Int) -> [Part] {
    let groups = decomposition.groupCount
    let bytes = samples * decomposition.layout.valuesPerFeatureAndSample * 8 * 8
    // As in WholeBatchRun, but that a tile of planes may have as few as eight features.
    let tile = max(decomposition.lanesAreColumns ? 64 : 1, (1 << 19) / max(1, bytes))
    return (0..<threads).compactMap { thread in
      let own = groups * thread / threads..<groups * (thread + 1) / threads
      let tiles = stride(from: own.lowerBound, to: own.upperBound, by: tile).map {
        let groups = $0..<min($0 + tile, own.upperBound)
        return (groups, MomentAccumulator(decomposition, groups: groups))
      }
      return own.isEmpty ? nil : Part(samples: 0..<samples, tiles: tiles)
    }
  }

  /// Parts of a power of two of units, so that their moments join in the order of the tree.
  private static func partsBySamples(_ decomposition: Decomposition, samples: Int, threads: Int) -> [Part] {
    var size = decomposition.samplesPerUnit
    while size * threads < samples { size *= 2 }
    return stride(from: 0, to: samples, by: size).map {
      let groups = 0..<decomposition.groupCount
      return Part(
        samples: $0..<min($0 + size, samples),
        tiles: [(groups, MomentAccumulator(decomposition, groups: groups))])
    }
  }

  /// y and dx from x and dy.
  public func run() {
    let this = Shared(self)
    if divisionIsByFeatures {
      inParallel(parts.count) { part in
        let batch = this.value
        for (groups, accumulator) in batch.parts[part].tiles {
          batch.collect(batch.parts[part].samples, accumulator)
          batch.finish(accumulator)
          batch.visit(0..<batch.samples, groups)
        }
      }
    } else {
      inParallel(parts.count) { part in
        let batch = this.value
        batch.collect(batch.parts[part].samples, batch.parts[part].tiles[0].accumulator)
      }
      let first = parts[0].tiles[0].accumulator
      for part in parts.dropFirst() { first.append(part.tiles[0].accumulator) }
      finish(first)
      inParallel(parts.count) { part in
        let batch = this.value
        batch.visit(batch.parts[part].samples, 0..<batch.decomposition.groupCount)
      }
    }
  }

  private func collect(_ range: Range<Int>, _ accumulator: MomentAccumulator) {
    let offset = range.lowerBound * decomposition.layout.valuesPerSample
    accumulator.add(
      x: ReadableTensor(x.numbers + offset, .float), dy: ReadableTensor(dy.numbers + offset, .float),
      samples: range.count)
  }

  private func finish(_ accumulator: MomentAccumulator) {
    accumulator.finish(into: moments)
    for feature in accumulator.features {
      coefficients[feature] = FeatureCoefficients(
        all: moments[feature], statistics: moments[feature], normalization: .batch,
        given: GivenStatistics(), parameters: FeatureParameters(), epsilon: 1e-5)
    }
  }

  private func visit(_ range: Range<Int>, _ groups: Range<Int>) {
    let offset = range.lowerBound * decomposition.layout.valuesPerSample
    let visit = Visit(
      x: ReadableTensor(x.numbers + offset, .float), dy: ReadableTensor(dy.numbers + offset, .float),
      y: WritableTensor(y.numbers + offset, .float), xHat: nil,
      dx: WritableTensor(dx.numbers + offset, .float), mask: nil, centersGradient: true,
      samples: range.count)
    _ = visit.run(decomposition, coefficients: coefficients, groups: groups)
  }
}
