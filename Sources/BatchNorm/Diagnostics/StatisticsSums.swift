import Arithmetic

/// What the statistics pass sums for the diagnostics beside the moments, for a tile of features, leaf by leaf: Σdy², and where a
/// sample has several positions, how its samples' means spread.
///
/// Samples arrive in order, in any stretches that `MomentAccumulator` takes.
final class StatisticsSums {
  private let decomposition: Decomposition
  private let octets: Range<Int>
  private let squares: SumTree
  /// [octets.count], Σdy² of the leaf that is not complete yet.
  private let openSquares: UnsafeMutablePointer<Lanes>
  /// Of the samples' means; nil where a sample has one position, or a mask leaves some out.
  private let means: SampleMeans?
  private var leaf = 0
  private var leafSamples = 0
  /// True if dy was there.
  private var hasGradient = false

  init(_ decomposition: Decomposition, octets: Range<Int>, hasMask: Bool) {
    self.decomposition = decomposition
    self.octets = octets
    squares = SumTree(width: octets.count)
    openSquares = Self.open(octets.count).allocate()
    openSquares.initialize(repeating: .zero, count: octets.count)
    means = SampleMeans.areNeeded(decomposition, hasMask) ? SampleMeans(decomposition, octets: octets) : nil
  }

  deinit { openSquares.deallocate() }

  private static func open(_ octetCount: Int) -> Extent<Lanes> { Extent(octetCount) }

  /// Bytes that it takes for all features of a batch of so many samples.
  static func memory(_ decomposition: Decomposition, samples: Int, hasMask: Bool) -> Int {
    let leaves = samples / decomposition.samplesPerLeaf + 1
    return open(decomposition.octetCount).byteCount
      + SumTree.memory(width: decomposition.octetCount, leaves: leaves)
      + (SampleMeans.areNeeded(decomposition, hasMask)
        ? SampleMeans.memory(decomposition, leaves: leaves) : 0)
  }

  /// Says which leaf comes first, before anything is added.
  func begin(atLeaf leaf: Int) {
    self.leaf = leaf
    means?.begin(atLeaf: leaf)
  }

  /// Adds samples that follow those added before; see `MomentAccumulator.add`.
  func add(x: ReadableTensor, dy: ReadableTensor?, samples: Int) {
    var first = 0
    while first < samples {
      let count = min(decomposition.samplesPerLeaf - leafSamples, samples - first)
      if let dy {
        hasGradient = true
        decomposition.addPowers(
          of: dy, first..<first + count, octets: octets, isSquared: true, to: openSquares)
      }
      means?.add(x, first..<first + count)
      first += count
      leafSamples += count
      if leafSamples == decomposition.samplesPerLeaf { finishLeaf() }
    }
  }

  private func finishLeaf() {
    if leafSamples == 0 { return }
    if hasGradient {
      squares.push(TreePlace(level: 0, index: leaf)) {
        $0.update(from: openSquares, count: octets.count)
        openSquares.update(repeating: .zero, count: octets.count)
      }
    }
    means?.finishLeaf()
    leaf += 1
    leafSamples = 0
  }

  /// Adds what another one of the same tile has of the samples that follow; it begins anew.
  func append(_ other: StatisticsSums) {
    finishLeaf()
    other.finishLeaf()
    squares.append(other.squares)
    if let means, let more = other.means { means.append(more) }
    leaf = other.leaf
    other.beginAnew()
  }

  /// Writes the sums of the tile's features, and begins anew.
  func finish(into target: BatchDiagnostics) {
    finishLeaf()
    squares.finish { target.take([.gradientSquares], of: $0, octets, decomposition) }
    means?.finish(into: target)
    beginAnew()
  }

  private func beginAnew() {
    leaf = 0
    hasGradient = false
  }
}

/// The moments of the means of samples, whose spread about their batch's mean says how unlike the samples are.
private final class SampleMeans {
  private let decomposition: Decomposition
  private let octets: Range<Int>
  private let features: Range<Int>
  private let tree: MomentTree
  /// [feature octets of the tile], of the leaf that is not complete yet.
  private let block: UnsafeMutablePointer<BlockSums>
  /// [octets of a row of one sample], the sums of its columns.
  private let row: UnsafeMutablePointer<Lanes>
  private let rowOctets: Range<Int>
  private var count = 0

  /// True unless each sample has one value of a feature, whose spread the moments know, or a mask leaves some out.
  static func areNeeded(_ decomposition: Decomposition, _ hasMask: Bool) -> Bool {
    decomposition.layout.valuesPerFeatureAndSample > 1 && !hasMask
  }

  init(_ decomposition: Decomposition, octets: Range<Int>) {
    self.decomposition = decomposition
    self.octets = octets
    features = decomposition.features(of: octets)
    rowOctets = decomposition.octetsAreFeatures ? octets : 0..<Self.row(decomposition.layout).count
    tree = MomentTree(octetCount: FeatureOctets.of(features).count)
    block = Self.block(FeatureOctets.of(features).count).allocate()
    row = Extent<Lanes>(rowOctets.count).allocate()
  }

  deinit {
    block.deallocate()
    row.deallocate()
  }

  private static func block(_ octetCount: Int) -> Extent<BlockSums> { Extent(octetCount) }

  /// The columns of a row of [C, S], or as many as there are features where planes fill the lanes.
  private static func row(_ layout: FeatureLayout) -> Extent<Lanes> {
    Extent(FeatureOctets.count(layout.featureCount * layout.planeLength))
  }

  static func memory(_ decomposition: Decomposition, leaves: Int) -> Int {
    let featureOctets = FeatureOctets.count(decomposition.layout.featureCount)
    return block(featureOctets).byteCount
      + (decomposition.octetsAreFeatures
        ? Extent<Lanes>(featureOctets).byteCount : row(decomposition.layout).byteCount)
      + MomentTree.memory(octetCount: featureOctets, leaves: leaves)
  }

  func begin(atLeaf leaf: Int) { tree.begin(atLeaf: leaf) }

  func add(_ x: ReadableTensor, _ samples: Range<Int>) {
    let layout = decomposition.layout
    let featureOctets = FeatureOctets.of(features)
    let share = Double(layout.valuesPerFeatureAndSample)
    for sample in samples {
      row.initialize(repeating: .zero, count: rowOctets.count)
      decomposition.addSums(ofSample: sample, of: x, octets: rowOctets, to: row)
      for octet in featureOctets {
        var mean = Lanes.zero
        if decomposition.octetsAreFeatures {
          mean = row[octet - rowOctets.lowerBound]
        } else {
          for lane in 0..<min(8, layout.featureCount - 8 * octet) {
            let start = (8 * octet + lane) * layout.planeLength
            for column in start..<start + layout.planeLength { mean[lane] += row[column / 8][column % 8] }
          }
        }
        mean /= share
        let index = octet - featureOctets.lowerBound
        if count == 0 { block[index] = BlockSums(shift: mean, gradientShift: .zero) }
        block[index].add(mean, .zero, gradient: false)
      }
      count += 1
    }
  }

  func finishLeaf() {
    guard count > 0 else { return }
    tree.push(count: count) { node in
      for index in 0..<tree.octetCount { node[index] = block[index].moments(count: count) }
    }
    count = 0
  }

  func append(_ other: SampleMeans) { tree.append(other.tree) }

  func finish(into target: BatchDiagnostics) {
    tree.finish { node, _ in
      for index in 0..<tree.octetCount {
        target[.sampleSpread, octet: features.lowerBound / 8 + index] =
          node.map { $0[index].m2.value } ?? .zero
      }
    }
  }
}
