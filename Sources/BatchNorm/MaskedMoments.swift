import Arithmetic

/// Collects the moments of the values that a mask lets count, for a tile of features, leaf by leaf.
///
/// The values of a leaf that count are gathered, feature by feature, and summed as one plane; for masks are rare, and
/// what they need is one plain path for every layout.
final class MaskedMoments {
  private let decomposition: Decomposition
  private let features: Range<Int>
  private let tree: MomentTree
  private var gathered: [Double] = []
  private var positions: [Int] = []
  private var nonfinite: [Int: NonfiniteCounts] = [:]

  /// - Parameter features: the tile; it begins at a multiple of eight.
  init(_ decomposition: Decomposition, features: Range<Int>) {
    self.decomposition = decomposition
    self.features = features
    tree = MomentTree(octetCount: FeatureOctets.count(features.count))
  }

  /// Bytes that it takes for all features of a batch of `samples` samples: the tree, and what is gathered of a leaf.
  static func memory(_ decomposition: Decomposition, samples: Int) -> Int {
    let (values, places) = gathered(decomposition, samples: min(samples, decomposition.samplesPerLeaf))
    return MomentTree.memory(
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
  ///   - mask: [samples, P, S], 0 where a value counts in no statistic.
  ///   - samples: whole leaves, but for the last samples of the batch.
  func add(x: ReadableTensor, mask: UnsafePointer<UInt8>, samples: Int) {
    let layout = decomposition.layout
    let values = layout.valuesPerFeatureAndSample
    for first in stride(from: 0, to: samples, by: decomposition.samplesPerLeaf) {
      let count = min(decomposition.samplesPerLeaf, samples - first)
      positions.removeAll(keepingCapacity: true)
      let extents = Self.gathered(decomposition, samples: count)
      positions.reserveCapacity(extents.places.count)
      gathered.reserveCapacity(extents.values.count)
      for index in first * values..<(first + count) * values where mask[index] != 0 {
        // Index (row, s) of feature 0 in [R, C, S].
        positions.append(
          index / layout.planeLength * layout.featureCount * layout.planeLength + index % layout.planeLength)
      }
      tree.push(count: positions.count) { node in
        for feature in features {
          let index = feature - features.lowerBound
          if index % 8 == 0 { node[index / 8] = .empty }
          node[index / 8][index % 8] = moments(x, feature: feature)
        }
      }
    }
  }

  /// Says which leaf comes first, before anything is added.
  func begin(atLeaf leaf: Int) { tree.begin(atLeaf: leaf) }

  /// Adds what another collector of the same tile collected from the samples that follow, which begins anew.
  func append(_ other: MaskedMoments) {
    tree.append(other.tree)
    nonfinite.add(other.nonfinite)
    other.nonfinite.removeAll()
  }

  /// Adds what is known of the samples that follow.
  func append(_ part: TreePart) {
    tree.append(part)
    nonfinite.add(part.nonfiniteValues)
  }

  /// What was collected, as a value; begins anew.
  func takePart() -> TreePart {
    defer { nonfinite.removeAll() }
    return TreePart(nodes: tree.takeNodes(columnCount: features.count), nonfiniteValues: nonfinite)
  }

  /// Writes the moments of every feature of the tile to `target` and begins anew.
  func finish(into target: BatchMoments) {
    tree.finish { node, count in
      target.count = count
      for index in 0..<tree.octetCount {
        target.octets[features.lowerBound / 8 + index] = node.map { $0[index] } ?? .empty
      }
    }
    target.setNonfinite(features, values: nonfinite, gradients: [:])
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
}
