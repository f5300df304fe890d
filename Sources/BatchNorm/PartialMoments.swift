import Arithmetic

/// What is known of the leaves `firstLeaf..<endLeaf` of a batch: a value that can be sent, written down and read back.
///
///     let part = collector.takePart()
///     let bytes = part.record()
///     let same = try PartialMoments(record: bytes, of: decomposition)      // same == part
///     let batch = try PartialMoments.joined([same, other, …])
///     try collector.append(batch); collector.finish(into: result)
///
/// It holds the nodes of the tree whose siblings lie in another part, the last rows of the batch if they are too few for a wide
/// row, and what is not finite. Parts join by the nodes' places, so that any cut at leaves gives the very bits of one run.
public struct PartialMoments: Sendable {
  /// How the batch is cut.
  public let decomposition: Decomposition
  /// The first leaf; it begins at sample firstLeaf · `Decomposition.samplesPerLeaf` of the batch.
  public let firstLeaf: Int
  /// How many samples; a multiple of `Decomposition.samplesPerLeaf`, but for the part that ends the batch.
  public let samples: Int
  /// True if products with dy are around given means.
  public let isCentered: Bool
  /// Of all values.
  let all: TreePart
  /// What there is besides under a mask.
  let masked: MaskedPart?

  /// The leaf that comes next.
  public var endLeaf: Int { firstLeaf + decomposition.leafCount(samples: samples) }

  /// True if a mask left some values out of the statistics.
  public var hasMask: Bool { masked != nil }

  /// The part that several make together, whatever their order.
  /// - Parameter parts: at least one; of one layout, all with or all without a mask, and around the same means.
  /// - Throws: `PartialMomentsError` unless they follow each other without gap or overlap.
  public static func joined(_ parts: [PartialMoments]) throws(PartialMomentsError) -> PartialMoments {
    let inOrder = parts.sorted { ($0.firstLeaf, $0.samples) < ($1.firstLeaf, $1.samples) }
    guard let first = inOrder.first else { throw .none }
    // The centers are in the sums already.
    let centers =
      first.isCentered
      ? ProductCenters(Array(repeating: 0, count: first.decomposition.layout.featureCount)) : nil
    let collector = MomentCollector(first.decomposition, hasMask: first.hasMask, centers: centers)
    collector.begin(atLeaf: first.firstLeaf)
    for part in inOrder { try collector.append(part) }
    return collector.takePart()
  }
}

extension PartialMoments: Equatable {
  /// Equal to the last bit, whatever machine code computed them; all NaNs are equal.
  public static func == (left: PartialMoments, right: PartialMoments) -> Bool {
    left.decomposition.fingerprint == right.decomposition.fingerprint && left.firstLeaf == right.firstLeaf
      && left.samples == right.samples && left.isCentered == right.isCentered && left.all == right.all
      && left.masked == right.masked
  }
}

/// Why parts of a batch do not join.
public enum PartialMomentsError: Error, Hashable, Sendable {
  /// There is no part at all.
  case none
  /// These leaves are missing.
  case gap(Range<Int>)
  /// These leaves are there twice.
  case overlap(Range<Int>)
  /// More samples follow this leaf, which is not complete.
  case insideLeaf(Int)
  /// A part belongs to data that is cut in another way.
  case anotherDecomposition(found: FeatureLayout, expected: FeatureLayout)
  /// A part has a mask and the others have none, or the other way round.
  case anotherMask(found: Bool)
  /// A part has products around given means and the others around their own, or the other way round.
  case anotherCenter(found: Bool)
}

extension Decomposition {
  /// The leaves that samples make, of which the last one may hold fewer.
  public func leafCount(samples: Int) -> Int {
    samples / samplesPerLeaf + (samples.isMultiple(of: samplesPerLeaf) ? 0 : 1)
  }

  /// Values of each column in some samples, without the rest that makes no whole wide row.
  func columnValues(inSamples samples: Int) -> Int {
    lanesAreColumns ? rows(inSamples: samples).wide : samples * layout.valuesPerFeatureAndSample
  }

  /// The nodes that are left of a part of a batch, with the number of values of each column in them.
  func nodes(firstLeaf: Int, samples: Int) -> [(place: TreePlace, count: Int)] {
    let lastSamples = samples % samplesPerLeaf
    // A last leaf with less than a wide row has no node, and neither have tensors without values.
    let wholeLeaves = columnValues(inSamples: samplesPerLeaf) == 0 ? 0 : samples / samplesPerLeaf
    let lastLeaves = columnValues(inSamples: lastSamples) == 0 ? 0 : 1
    return TreePlace.covering(firstLeaf..<firstLeaf + wholeLeaves + lastLeaves).map { place in
      let first = (place.leaves.lowerBound - firstLeaf) * samplesPerLeaf
      let end = min((place.leaves.upperBound - firstLeaf) * samplesPerLeaf, samples)
      return (place, columnValues(inSamples: end - first))
    }
  }
}

/// What is left of a `MomentTree`, and what is known beside it.
struct TreePart: Equatable, Sendable {
  /// A node of the tree.
  struct Node: Sendable {
    let place: TreePlace
    /// Values of each column.
    let count: Int
    /// [⌈columns/8⌉], `canonical`.
    let octets: [PairMoments<Lanes>]
  }

  /// In order of their places.
  var nodes: [Node]
  /// [C], the rows that are too few for a wide row, `canonical`; empty if there are none.
  var rest: [FeatureMoments] = []
  /// What is not finite among x.
  var nonfiniteValues: [Int: NonfiniteCounts] = [:]
  /// What is not finite among dy.
  var nonfiniteGradients: [Int: NonfiniteCounts] = [:]

  static func == (left: TreePart, right: TreePart) -> Bool {
    left.nodes == right.nodes && left.nonfiniteValues == right.nonfiniteValues
      && left.nonfiniteGradients == right.nonfiniteGradients
      && left.rest.map(\.count) == right.rest.map(\.count)
      && left.rest.map(\.moments).hasSameBytes(as: right.rest.map(\.moments))
  }
}

extension TreePart.Node: Equatable {
  static func == (left: Self, right: Self) -> Bool {
    left.place == right.place && left.count == right.count && left.octets.hasSameBytes(as: right.octets)
  }
}

extension MomentTree {
  /// Every node that is left, in order. The tree is empty afterwards.
  /// - Parameter columnCount: columns that mean something.
  func takeNodes(columnCount: Int) -> [TreePart.Node] {
    var nodes: [TreePart.Node] = []
    take { place, count, node in
      let octets = (0..<octetCount).map { node[$0].canonical(lanes: min(8, columnCount - 8 * $0)) }
      nodes.append(TreePart.Node(place: place, count: count, octets: octets))
    }
    return nodes
  }

  /// Pushes the nodes of a part that follows.
  func append(_ part: TreePart) {
    for entry in part.nodes {
      push(entry.place, count: entry.count) { node in
        for octet in 0..<octetCount { node[octet] = entry.octets[octet] }
      }
    }
  }
}

// MARK: - One form for equal numbers

extension PairMoments {
  /// Each of the numbers changed in the same way.
  fileprivate func map(_ change: (Vector) -> Vector) -> PairMoments {
    PairMoments(
      mean: DoubleDouble(change(mean.high), change(mean.low)),
      m2: DoubleDouble(change(m2.high), change(m2.low)),
      gradientMean: DoubleDouble(change(gradientMean.high), change(gradientMean.low)),
      comoment: change(comoment))
  }
}

extension PairMoments where Vector == Lanes {
  /// The same moments with one kind of NaN, on whose bits processors do not agree, and zeros in the lanes that mean nothing.
  func canonical(lanes: Int) -> PairMoments {
    map { numbers in
      var numbers = numbers.replacing(with: .nan, where: numbers .!= numbers)
      for lane in lanes..<8 { numbers[lane] = 0 }
      return numbers
    }
  }
}

extension FeatureMoments {
  /// The same moments with one kind of NaN.
  var canonical: FeatureMoments {
    var result = self
    result.moments = moments.map { $0.isNaN ? .nan : $0 }
    return result
  }
}

extension Array {
  /// For elements that are nothing but numbers.
  fileprivate func hasSameBytes(as other: [Element]) -> Bool {
    withUnsafeBytes { left in other.withUnsafeBytes { left.elementsEqual($0) } }
  }
}
