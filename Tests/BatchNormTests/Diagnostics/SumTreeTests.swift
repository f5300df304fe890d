import Arithmetic
import BatchNormReference
import Testing

@testable import BatchNorm

/// Sums have the same bits in whatever order leaves come, and however trees are joined: those of the binary tree over the leaves.
@Suite(.timeLimit(.minutes(30))) struct SumTreeTests {
  /// Of each of some leaves, a number; roundings differ with every other order of their additions.
  private static func numbers(_ count: Int, seed: UInt64) -> [Double] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      Double.random(in: 1..<2, using: &generator) * [1e-3, 1, 1e3].randomElement(using: &generator)!
    }
  }

  /// The sum by the definition: halves of a node of 2ᵏ leaves are added; of the nodes that are left, the last two first.
  private static func expected(_ numbers: [Double], _ leaves: Range<Int>) -> Double {
    func node(_ first: Int, _ count: Int) -> Double {
      count == 1 ? numbers[first] : node(first, count / 2) + node(first + count / 2, count / 2)
    }
    var nodes: [Double] = []
    var first = leaves.lowerBound
    while first < leaves.upperBound {
      var count = 1
      while first.isMultiple(of: 2 * count), first + 2 * count <= leaves.upperBound { count *= 2 }
      nodes.append(node(first, count))
      first += count
    }
    return nodes.dropLast().reversed().reduce(nodes[nodes.count - 1]) { $0 + $1 }
  }

  private static func tree(_ numbers: [Double], _ leaves: some Collection<Int>) -> SumTree {
    let tree = SumTree(width: 1)
    for leaf in leaves {
      tree.push(TreePlace(level: 0, index: leaf)) { $0.pointee = Lanes(repeating: numbers[leaf]) }
    }
    return tree
  }

  private static func sum(_ tree: SumTree) -> Double? {
    var sum: Double?
    tree.finish { sum = $0?.pointee[3] }
    return sum
  }

  @Test(arguments: [0..<1, 0..<3, 0..<7, 0..<16, 0..<29, 1..<14, 5..<28]) func anyOrder(leaves: Range<Int>) {
    let numbers = Self.numbers(leaves.upperBound, seed: UInt64(leaves.count))
    let expected = Self.expected(numbers, leaves)
    var generator = SplitMix64(seed: 7)
    let orders =
      [Array(leaves), leaves.reversed()] + (0..<20).map { _ in leaves.shuffled(using: &generator) }
    for order in orders {
      #expect(Self.sum(Self.tree(numbers, order)) == expected, "\(order)")
      // Of two threads, whichever comes first.
      let (first, second) = (order.prefix(order.count / 3), order.dropFirst(order.count / 3))
      for (one, other) in [(first, second), (second, first)] {
        let tree = Self.tree(numbers, one)
        let more = Self.tree(numbers, other)
        tree.append(more)
        #expect(Self.sum(tree) == expected, "\(order)")
        #expect(Self.sum(tree) == nil && Self.sum(more) == nil)
      }
    }
  }
}
