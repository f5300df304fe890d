import Arithmetic

/// Adds up the sums of leaves along the fixed tree of `MomentTree`, in whatever order the leaves arrive.
///
/// Siblings merge as soon as both are there; what is left at the end merges from the last to the first. So the result has the same
/// bits whether leaves came from the first to the last, as in the statistics pass, or from the last to the first, as in the apply
/// pass, and however they were divided.
final class SumTree {
  typealias Node = UnsafeMutablePointer<Lanes>

  /// Numbers in a node, eight side by side.
  let width: Int
  private var nodes: [(place: TreePlace, node: Node)] = []
  private var spare: [Node] = []

  init(width: Int) { self.width = width }

  deinit {
    for node in spare { node.deallocate() }
    for entry in nodes { entry.node.deallocate() }
  }

  private static func node(_ width: Int) -> Extent<Lanes> { Extent(width) }

  /// Bytes that a tree over so many leaves takes at most: two nodes a level, as are left of leaves that follow each other, and the
  /// one that is being added.
  static func memory(width: Int, leaves: Int) -> Int {
    (2 * (Int.bitWidth - max(1, leaves).leadingZeroBitCount) + 1) * node(width).byteCount
  }

  /// Adds a node, which `fill` writes.
  func push(_ place: TreePlace, fill: (Node) -> Void) {
    let node = spare.popLast() ?? Self.node(width).allocate()
    fill(node)
    var place = place
    while let index = nodes.firstIndex(where: { $0.place == place.sibling }) {
      // A sum is the same for either order of its two terms.
      let other = nodes.remove(at: index).node
      add(other, to: node)
      spare.append(other)
      place = place.parent
    }
    nodes.append((place, node))
  }

  /// Adds the nodes of another tree over the same leaves, which is empty afterwards.
  func append(_ other: SumTree) {
    for entry in other.nodes { push(entry.place) { $0.update(from: entry.node, count: width) } }
    other.removeAll()
  }

  /// Adds all up and hands the sums to `body`, or nothing if nothing was pushed. The tree is empty afterwards.
  func finish(_ body: (Node?) -> Void) {
    let inOrder = nodes.sorted { $0.place.leaves.lowerBound < $1.place.leaves.lowerBound }
    if let last = inOrder.last {
      for entry in inOrder.dropLast().reversed() { add(entry.node, to: last.node) }
    }
    body(inOrder.last?.node)
    removeAll()
  }

  private func add(_ other: Node, to node: Node) {
    for index in 0..<width { node[index] += other[index] }
  }

  private func removeAll() {
    spare.append(contentsOf: nodes.map(\.node))
    nodes.removeAll(keepingCapacity: true)
  }
}

extension TreePlace {
  /// The other half of the same node.
  fileprivate var sibling: TreePlace { TreePlace(level: level, index: index ^ 1) }
}
