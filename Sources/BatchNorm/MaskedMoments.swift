import Arithmetic

/// Collects what a batch needs under a mask, for a tile of features, leaf by leaf: the moments of the values that count, and of
/// all values the sums
///
///     Σdy·(x - center)      Σdy
///
/// in double-double, around a center that is known before: the given mean, or else 0. Whatever mean normalizes then,
/// Σdy·(x - mean) = Σdy·(x - center) - (mean - center)·Σdy, in 106 bits; see docs/numerics.md. A value that neither counts nor
/// is weighed by dy is in no sum, whatever it is, NaN included.
///
/// The values of a leaf are gathered, feature by feature; for masks are rare, and what they need is one plain path for every
/// layout.
final class MaskedMoments {
  private let decomposition: Decomposition
  private let features: Range<Int>
  private let centers: ProductCenters?
  /// Of the values that count.
  private let tree: MomentTree
  /// Σdy·(x - center) in place of the mean, Σdy in place of the mean gradient, and nothing else.
  private let weighedTree: MomentTree
  private var gathered: [Double] = []
  private var positions: [Int] = []
  private var nonfinite: [Int: NonfiniteCounts] = [:]

  /// - Parameters:
  ///   - features: the tile; it begins at a multiple of eight.
  ///   - centers: [C]; nil for zeros.
  init(_ decomposition: Decomposition, features: Range<Int>, centers: ProductCenters?) {
    self.decomposition = decomposition
    self.features = features
    self.centers = centers
    tree = MomentTree(octetCount: FeatureOctets.count(features.count))
    weighedTree = MomentTree(octetCount: FeatureOctets.count(features.count), merging: .sums)
  }

  /// Bytes that it takes for all features of a batch of `samples` samples: the trees, and what is gathered of a leaf.
  static func memory(_ decomposition: Decomposition, samples: Int) -> Int {
    let (values, places) = gathered(decomposition, samples: min(samples, decomposition.samplesPerLeaf))
    return 2
      * MomentTree.memory(
        octetCount: FeatureOctets.count(decomposition.layout.featureCount),
        leaves: samples / decomposition.samplesPerLeaf + 1) + values.byteCount + places.byteCount
  }

  /// What is gathered of samples of a leaf: values of one feature, and the places that count.
  private static func gathered(
    _ decomposition: Decomposition, samples: Int
  ) -> (values: Extent<Double>, places: Extent<Int>) {
    let count = samples * decomposition.layout.valuesPerFeatureAndSample
    return (Extent(count), Extent(count))
  }

  /// Adds samples that follow those added before.
  /// - Parameters:
  ///   - x: [samples, P, C, S]
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - mask: [samples, P, S], 0 where a value counts in no statistic.
  ///   - samples: whole leaves, but for the last samples of the batch.
  func add(x: ReadableTensor, dy: ReadableTensor?, mask: UnsafePointer<UInt8>, samples: Int) {
    let layout = decomposition.layout
    let values = layout.valuesPerFeatureAndSample
    for first in stride(from: 0, to: samples, by: decomposition.samplesPerLeaf) {
      let count = min(decomposition.samplesPerLeaf, samples - first)
      let leaf = first * values..<(first + count) * values
      positions.removeAll(keepingCapacity: true)
      let extents = Self.gathered(decomposition, samples: count)
      positions.reserveCapacity(extents.places.count)
      gathered.reserveCapacity(extents.values.count)
      for index in leaf where mask[index] != 0 {
        positions.append(place(index))
      }
      tree.push(count: positions.count) { node in
        fill(node) { moments(x, feature: $0) }
      }
      weighedTree.push(count: leaf.count) { node in
        fill(node) { feature in
          dy.map { weighed(x, $0, mask, leaf, feature: feature) } ?? .empty
        }
      }
    }
  }

  /// Writes what each feature of the tile has of its own.
  private func fill(_ node: MomentTree.Node, _ moments: (Int) -> PairMoments<Double>) {
    for feature in features {
      let index = feature - features.lowerBound
      if index % 8 == 0 { node[index / 8] = .empty }
      node[index / 8][index % 8] = moments(feature)
    }
  }

  /// Where the value of feature 0 at a position lies, counted in [R, S], among the values [R, C, S].
  private func place(_ index: Int) -> Int {
    let layout = decomposition.layout
    let (row, position) = index.quotientAndRemainder(dividingBy: layout.planeLength)
    return row * layout.featureCount * layout.planeLength + position
  }

  /// Says which leaf comes first, before anything is added.
  func begin(atLeaf leaf: Int) {
    tree.begin(atLeaf: leaf)
    weighedTree.begin(atLeaf: leaf)
  }

  /// Adds what another collector of the same tile collected from the samples that follow, which begins anew.
  func append(_ other: MaskedMoments) {
    tree.append(other.tree)
    weighedTree.append(other.weighedTree)
    nonfinite.add(other.nonfinite)
    other.nonfinite.removeAll()
  }

  /// Adds what is known of the samples that follow.
  func append(_ part: MaskedPart) {
    tree.append(part.counted)
    weighedTree.append(part.weighed)
    nonfinite.add(part.counted.nonfiniteValues)
  }

  /// What was collected, as a value; begins anew.
  func takePart() -> MaskedPart {
    defer { nonfinite.removeAll() }
    return MaskedPart(
      counted: TreePart(nodes: tree.takeNodes(columnCount: features.count), nonfiniteValues: nonfinite),
      weighed: TreePart(nodes: weighedTree.takeNodes(columnCount: features.count)))
  }

  /// Writes what every feature of the tile has, and begins anew.
  /// - Parameters:
  ///   - counted: takes the moments of the values that count.
  ///   - weighed: takes the sums of all values, in place of means.
  func finish(into counted: BatchMoments, _ weighed: BatchMoments) {
    for (tree, target) in [(tree, counted), (weighedTree, weighed)] {
      tree.finish { node, count in
        target.count = count
        for index in 0..<tree.octetCount {
          target.octets[features.lowerBound / 8 + index] = node.map { $0[index] } ?? .empty
        }
      }
    }
    counted.setNonfinite(features, values: nonfinite, gradients: [:])
    nonfinite.removeAll()
  }

  /// The moments of the gathered positions of one feature.
  private func moments(_ x: ReadableTensor, feature: Int) -> PairMoments<Double> {
    gathered.removeAll(keepingCapacity: true)
    for position in positions {
      gathered.append(x[position + feature * decomposition.layout.planeLength])
    }
    var result = FeatureMoments()
    gathered.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      for start in stride(from: 0, to: gathered.count, by: Decomposition.valuesPerBlock) {
        let count = min(Decomposition.valuesPerBlock, gathered.count - start)
        let block = PlaneMoments.block(
          x: ReadableTensor(base, .double), dy: nil, offset: start, stride: 0, planes: 1, length: count,
          kernels: decomposition.kernels)
        result.add(block.moments, count: count)
        if !block.isFinite {
          for value in gathered[start..<start + count] where !value.isFinite {
            nonfinite[feature, default: NonfiniteCounts()].count(value)
          }
        }
      }
    }
    return result.moments
  }

  /// Σdy·(x - center) and Σdy of one feature over some positions, eight side by side.
  private func weighed(
    _ x: ReadableTensor, _ dy: ReadableTensor, _ mask: UnsafePointer<UInt8>, _ positions: Range<Int>,
    feature: Int
  ) -> PairMoments<Double> {
    let center = Lanes(repeating: centers?[feature] ?? 0)
    let offset = feature * decomposition.layout.planeLength
    var products = DoubleDouble(Lanes.zero)
    var gradients = DoubleDouble(Lanes.zero)
    for first in stride(from: positions.lowerBound, to: positions.upperBound, by: 8) {
      var (values, weights) = (center, Lanes.zero)
      for lane in 0..<min(8, positions.upperBound - first) {
        let place = place(first + lane) + offset
        let weight = dy[place]
        if weight == 0 && mask[first + lane] == 0 { continue }
        weights[lane] = weight
        values[lane] = x[place]
      }
      products = products + .product(values - center, weights)
      gradients = gradients + DoubleDouble(weights)
    }
    var sums = PairMoments<Double>.empty
    for lane in 0..<8 {
      sums.mean = sums.mean + products[lane]
      sums.gradientMean = sums.gradientMean + gradients[lane]
    }
    return sums
  }
}

/// What is left of `MaskedMoments`.
struct MaskedPart: Equatable, Sendable {
  /// Of the values that count.
  var counted: TreePart
  /// The sums of all values.
  var weighed: TreePart
}
