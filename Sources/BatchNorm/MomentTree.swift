import Arithmetic

/// Merges the moments of blocks along a fixed binary tree, keeping only one node per level.
///
/// Blocks arrive in order. Two neighbours of one level merge into a node of the next, as a binary counter carries; what
/// is left at the end merges from the last to the first. The shape of the tree follows from the number of blocks alone.
/// A node that was built elsewhere, over 2^level blocks that begin at a multiple of 2^level, can be pushed whole: that
/// lets the blocks of one batch be divided among threads, or among reads of the file.
final class MomentTree {
  typealias Node = UnsafeMutablePointer<PairMoments<Lanes>>

  /// Octets of columns in every node.
  let octetCount: Int
  private var levels: [(level: Int, count: Int, node: Node)] = []
  private var spare: [Node] = []

  init(octetCount: Int) { self.octetCount = octetCount }

  deinit {
    for node in spare { node.deallocate() }
    for entry in levels { entry.node.deallocate() }
  }

  /// How many nodes a tree with that many leaves keeps at most: one a level, and the one that is being added.
  static func nodeCount(leaves: Int) -> Int { Int.bitWidth - max(1, leaves).leadingZeroBitCount + 1 }

  /// Adds a node, of shape [octetCount], which `fill` writes.
  /// - Parameters:
  ///   - level: the node stands for 2^level blocks.
  ///   - count: values per column in it.
  func push(level: Int = 0, count: Int, fill: (Node) -> Void) {
    let node = spare.popLast() ?? Node.allocate(capacity: octetCount)
    fill(node)
    var level = level
    var count = count
    while let last = levels.last, last.level == level {
      merge(last.node, last.count, node, count, into: node)
      spare.append(last.node)
      levels.removeLast()
      count += last.count
      level += 1
    }
    levels.append((level, count, node))
  }

  /// Pushes the nodes of another tree, which stands for the blocks that follow; the other one is empty afterwards.
  func append(_ other: MomentTree) {
    for entry in other.levels {
      push(level: entry.level, count: entry.count) { node in
        node.update(from: entry.node, count: octetCount)
      }
    }
    other.removeAll()
  }

  /// Merges all that was pushed into one node and hands it to `body` with the number of values per column, or
  /// hands nothing if nothing was pushed. The tree is empty afterwards.
  func finish(_ body: (Node?, Int) -> Void) {
    guard let last = levels.last else { return body(nil, 0) }
    var count = last.count
    for entry in levels.dropLast().reversed() {
      merge(entry.node, entry.count, last.node, count, into: last.node)
      count += entry.count
    }
    body(last.node, count)
    removeAll()
  }

  private func removeAll() {
    spare.append(contentsOf: levels.map(\.node))
    levels.removeAll(keepingCapacity: true)
  }

  private func merge(_ left: Node, _ leftCount: Int, _ right: Node, _ rightCount: Int, into target: Node) {
    // A mask can leave a block without any value.
    if rightCount == 0 {
      if target != left { target.update(from: left, count: octetCount) }
      return
    }
    if leftCount == 0 {
      if target != right { target.update(from: right, count: octetCount) }
      return
    }
    let weights = MergeWeights(leftCount, rightCount)
    for octet in 0..<octetCount { target[octet] = left[octet].merged(with: right[octet], weights) }
  }
}
