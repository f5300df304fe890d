import Arithmetic

/// The place of a node in the tree over a batch: it stands for 2^level leaves, from leaf index · 2^level on.
struct TreePlace: Hashable, Sendable {
  /// 0 for a leaf.
  var level: Int
  /// Among the nodes of its level.
  var index: Int

  /// The leaves that the node stands for.
  var leaves: Range<Int> { index << level..<(index + 1) << level }

  /// True if `right` is the other half of the same node, the later one. Only then do two nodes merge: a node's moments are
  /// always those of its two halves, whoever computed them.
  func isLeftSibling(of right: TreePlace) -> Bool {
    level == right.level && index.isMultiple(of: 2) && right.index == index + 1
  }

  /// The node that this one is half of.
  var parent: TreePlace { TreePlace(level: level + 1, index: index >> 1) }

  /// The nodes that are left of some leaves when all siblings among them have merged, in order: at most two a level.
  static func covering(_ leaves: Range<Int>) -> [TreePlace] {
    var places: [TreePlace] = []
    var first = leaves.lowerBound
    while first < leaves.upperBound {
      let longest = Int.bitWidth - 1 - (leaves.upperBound - first).leadingZeroBitCount
      let level = min(first.trailingZeroBitCount, longest)
      places.append(TreePlace(level: level, index: first >> level))
      first += 1 << level
    }
    return places
  }
}

/// Merges the moments of leaves along a fixed binary tree, keeping only nodes whose sibling is still missing.
///
/// Leaves arrive in order. Siblings merge into their parent as soon as both are there; what is left at the end merges from the
/// last to the first. So the shape of the tree follows from the leaves' numbers alone. A node that was built elsewhere can be
/// pushed whole: that lets the leaves of one batch be divided anywhere, among threads, reads of the file, or machines.
final class MomentTree {
  typealias Node = UnsafeMutablePointer<PairMoments<Lanes>>

  /// What the moments of two nodes are together.
  enum Merging: Sendable {
    /// Moments of all their values.
    case moments
    /// The same, but products with dy are around a center that all nodes have in common.
    case momentsAroundCenter
    /// Sums of each number.
    case sums
  }

  /// Octets of columns in every node.
  let octetCount: Int
  private let merging: Merging
  private var nodes: [(place: TreePlace, count: Int, node: Node)] = []
  private var spare: [Node] = []
  /// The leaf that follows all that were pushed.
  private var nextLeaf = 0

  init(octetCount: Int, merging: Merging = .moments) {
    self.octetCount = octetCount
    self.merging = merging
  }

  deinit {
    for node in spare { node.deallocate() }
    for entry in nodes { entry.node.deallocate() }
  }

  private static func node(_ octetCount: Int) -> Extent<PairMoments<Lanes>> { Extent(octetCount) }

  /// Bytes that a tree with that many leaves, the first of which is 0, takes at most: one node a level, and the one that is being
  /// added.
  static func memory(octetCount: Int, leaves: Int) -> Int {
    (Int.bitWidth - max(1, leaves).leadingZeroBitCount + 1) * node(octetCount).byteCount
  }

  /// Says which leaf comes first, before anything is pushed.
  func begin(atLeaf leaf: Int) {
    precondition(nodes.isEmpty)
    nextLeaf = leaf
  }

  /// Adds the next leaf, of shape [octetCount], which `fill` writes.
  /// - Parameter count: values per column in it.
  func push(count: Int, fill: (Node) -> Void) {
    push(TreePlace(level: 0, index: nextLeaf), count: count, fill: fill)
  }

  /// Adds a node, of shape [octetCount], which `fill` writes.
  /// - Parameters:
  ///   - place: after everything that was pushed before.
  ///   - count: values per column in it.
  func push(_ place: TreePlace, count: Int, fill: (Node) -> Void) {
    precondition(place.leaves.lowerBound >= nextLeaf)
    nextLeaf = place.leaves.upperBound
    let node = spare.popLast() ?? Self.node(octetCount).allocate()
    fill(node)
    var (place, count) = (place, count)
    while let last = nodes.last, last.place.isLeftSibling(of: place) {
      merge(last.node, last.count, node, count, into: node)
      spare.append(last.node)
      nodes.removeLast()
      count += last.count
      place = place.parent
    }
    nodes.append((place, count, node))
  }

  /// Pushes the nodes of another tree, which stands for the leaves that follow; the other one is empty afterwards.
  func append(_ other: MomentTree) {
    for entry in other.nodes {
      push(entry.place, count: entry.count) { $0.update(from: entry.node, count: octetCount) }
    }
    other.removeAll()
  }

  /// Hands every node that is left to `body`, in order. The tree is empty afterwards.
  func take(_ body: (TreePlace, Int, Node) -> Void) {
    for entry in nodes { body(entry.place, entry.count, entry.node) }
    removeAll()
  }

  /// Merges all that was pushed into one node and hands it to `body` with the number of values per column, or
  /// hands nothing if nothing was pushed. The tree is empty afterwards.
  func finish(_ body: (Node?, Int) -> Void) {
    guard let last = nodes.last else { return body(nil, 0) }
    var count = last.count
    for entry in nodes.dropLast().reversed() {
      merge(entry.node, entry.count, last.node, count, into: last.node)
      count += entry.count
    }
    body(last.node, count)
    removeAll()
  }

  private func removeAll() {
    spare.append(contentsOf: nodes.map(\.node))
    nodes.removeAll(keepingCapacity: true)
    nextLeaf = 0
  }

  private func merge(_ left: Node, _ leftCount: Int, _ right: Node, _ rightCount: Int, into target: Node) {
    // A mask can leave a leaf without any value.
    if rightCount == 0 {
      if target != left { target.update(from: left, count: octetCount) }
      return
    }
    if leftCount == 0 {
      if target != right { target.update(from: right, count: octetCount) }
      return
    }
    let weights = MergeWeights(leftCount, rightCount)
    switch merging {
    case .moments:
      for octet in 0..<octetCount { target[octet] = left[octet].merged(with: right[octet], weights) }
    case .momentsAroundCenter:
      for octet in 0..<octetCount {
        target[octet] = left[octet].mergedAroundCenter(with: right[octet], weights)
      }
    case .sums:
      for octet in 0..<octetCount { target[octet] = left[octet].added(to: right[octet]) }
    }
  }
}
