import BatchNorm
import BatchNormReference
import Testing

/// The same bits however a batch is divided among visits, threads and tiles.
@Suite(.timeLimit(.minutes(30))) struct DeterminismTests {
  static let shapes = [
    LayoutBatchTests.Shape(1500, 1, 100, 1), .init(19_777, 1, 3, 1), .init(1100, 3, 5, 2),
    .init(900, 1, 5, 49),
    .init(601, 1, 70, 32), .init(40_001, 1, 1, 1), .init(5000, 1, 16, 1),
  ]

  private static func batch(_ shape: LayoutBatchTests.Shape, masked: Bool) -> Batch {
    var generator = SplitMix64(seed: 41)
    var batch = generator.batch(shape.layout, samples: shape.samples, type: .float, mean: 1000)
    // Some that are not finite, in several features and so in several tiles; their counts have to be joined, too.
    for index in stride(from: 1, to: batch.x.count, by: batch.x.count / 5 + 9) { batch.x[index] = .nan }
    for index in stride(from: 2, to: batch.x.count, by: batch.x.count / 4 + 17) {
      batch.dy?[index] = .infinity
    }
    if masked {
      batch.mask = (0..<shape.samples * shape.layout.valuesPerFeatureAndSample).map { _ in
        UInt8.random(in: 0...1, using: &generator)
      }
    }
    return batch
  }

  /// A batch as tensors, and the moments that some of its samples add to a collector.
  private final class Source {
    let batch: Batch
    let tensors: BatchTensors
    var decomposition: Decomposition { tensors.decomposition }

    init(_ batch: Batch) {
      self.batch = batch
      tensors = BatchTensors(batch, .float)
    }

    func add(_ samples: Range<Int>, to collector: MomentCollector) { tensors.add(samples, to: collector) }

    /// Parts of `leaves` leaves each, but for the last one.
    func parts(leaves: Int) -> [Range<Int>] {
      let length = leaves * decomposition.samplesPerLeaf
      return stride(from: 0, to: batch.samples, by: length).map { $0..<min($0 + length, batch.samples) }
    }

    func moments(_ fill: (MomentCollector) -> Void) -> (all: [[UInt64]], counted: [[UInt64]]) {
      let collector = tensors.collector()
      fill(collector)
      let result = tensors.result()
      collector.finish(into: result)
      return (result.all.features.map(\.bits), result.counted.features.map(\.bits))
    }
  }

  @Test(arguments: shapes) func stretchesOfWholeLeavesGiveTheSameBits(shape: LayoutBatchTests.Shape) {
    let source = Source(Self.batch(shape, masked: true))
    let whole = source.moments { source.add(0..<shape.samples, to: $0) }
    #expect(source.parts(leaves: 1).count > 1, "the shape has only one leaf")
    for leaves in [1, 2, 3, 5] {
      let parts = source.parts(leaves: leaves)
      let stretches = source.moments { for part in parts { source.add(part, to: $0) } }
      #expect(stretches.all == whole.all, "\(leaves) leaves")
      #expect(stretches.counted == whole.counted, "\(leaves) leaves under a mask")
    }
  }

  /// As reading divides it: stretches of any length, which share leaves and blocks.
  @Test(arguments: shapes) func stretchesGiveTheSameBits(shape: LayoutBatchTests.Shape) {
    let source = Source(Self.batch(shape, masked: false))
    let least = source.decomposition.samplesPerStretch
    let whole = source.moments { source.add(0..<shape.samples, to: $0) }.all
    for length in [1, 3, 100, 257, 300] {
      let parts = stride(from: 0, to: shape.samples, by: length * least).map {
        $0..<min($0 + length * least, shape.samples)
      }
      #expect(
        source.moments { for part in parts { source.add(part, to: $0) } }.all == whole, "\(length) samples")
    }
  }

  /// As threads divide it: a collector for each part, joined in order.
  @Test(arguments: shapes) func joinedCollectorsGiveTheSameBits(shape: LayoutBatchTests.Shape) {
    let source = Source(Self.batch(shape, masked: true))
    let whole = source.moments { source.add(0..<shape.samples, to: $0) }
    for leaves in [1, 2, 3, 4, 5, 8] {
      let parts = source.parts(leaves: leaves)
      let joined = source.moments { total in
        // One collector for all parts: `append` leaves it empty.
        let collector = source.tensors.collector()
        for (index, part) in parts.enumerated() {
          collector.begin(atLeaf: index * leaves)
          source.add(part, to: collector)
          total.append(collector)
        }
      }
      #expect(joined.all == whole.all, "\(leaves) leaves")
      #expect(joined.counted == whole.counted, "\(leaves) leaves under a mask")
    }
  }

  /// Tiles of every width; also the large tensors, of which a worker writes its own features only.
  @Test(arguments: shapes, [false, true])
  func tilesGiveTheSameBits(shape: LayoutBatchTests.Shape, masked: Bool) {
    let batch = Self.batch(shape, masked: masked)
    let whole = Kernels(input: .float, output: .float).run(batch)
    for octetsPerTile in [1, 2, 5] {
      let tiled = Kernels(input: .float, output: .float, octetsPerTile: octetsPerTile).run(batch)
      #expect(tiled.all.map(\.bits) == whole.all.map(\.bits))
      #expect(tiled.statistics.map(\.bits) == whole.statistics.map(\.bits))
      for (a, b) in [(tiled.y, whole.y), (tiled.xHat, whole.xHat), (tiled.dx, whole.dx)] {
        #expect(a!.isSame(as: b!))
      }
    }
  }

  /// The kernels for AVX-512 and those for every processor; every type, with what is not the usual job, too.
  @Test(
    .enabled(if: KernelSet.best == .wide, "this processor has no AVX-512"), arguments: shapes, [false, true])
  func kernelSetsGiveTheSameBits(shape: LayoutBatchTests.Shape, masked: Bool) {
    let batch = Self.batch(shape, masked: masked)
    for input in [KernelType.float, .double] {
      for output in [KernelType.float, .double] {
        for isUsual in [true, false] {
          var kernels = Kernels(input: input, output: output, wantsNormalized: !isUsual, set: .baseline)
          let baseline = kernels.run(batch)
          kernels.set = .wide
          let wide = kernels.run(batch)
          #expect(baseline.all.map(\.bits) == wide.all.map(\.bits))
          #expect(baseline.statistics.map(\.bits) == wide.statistics.map(\.bits))
          #expect(baseline.isFinite == wide.isFinite)
          for (a, b) in [(baseline.y, wide.y), (baseline.xHat, wide.xHat), (baseline.dx, wide.dx)] {
            #expect((a ?? []).isSame(as: b ?? []))
          }
          #expect(baseline.keptToItsMemory && wide.keptToItsMemory)
        }
      }
    }
  }

  /// A collector that has finished begins anew.
  @Test func collectorsCanBeUsedAgain() {
    let source = Source(Self.batch(.init(300, 1, 3, 1), masked: true))
    let first = source.moments { source.add(0..<300, to: $0) }
    let again = source.moments {
      source.add(0..<300, to: $0)
      $0.finish(into: source.tensors.result())
      source.add(0..<300, to: $0)
    }
    #expect(again.all == first.all)
    #expect(again.counted == first.counted)
  }
}

extension FeatureMoments {
  /// All that it holds, to compare bit for bit; a NaN is a NaN.
  var bits: [UInt64] {
    let numbers = [
      moments.mean.high, moments.mean.low, moments.m2.high, moments.m2.low, moments.gradientMean.high,
      moments.gradientMean.low, moments.comoment,
    ]
    let counts = [
      count, nonfiniteValues.nan, nonfiniteValues.positive, nonfiniteValues.negative, nonfiniteGradients.nan,
      nonfiniteGradients.positive, nonfiniteGradients.negative,
    ]
    return numbers.map { $0.isNaN ? 0 : $0.bitPattern } + counts.map { UInt64($0) }
  }
}
