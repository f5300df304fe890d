import Arithmetic

/// Collects what the apply pass of a batch sums for the diagnostics, for a tile of its features:
///
///     Σ|dy|   Σ|dy·x̂|   Σdx   Σdx²   Σdx·x̂
///
/// Samples arrive from the last to the first, as the apply pass takes them, in any stretches that it takes; what collectors of parts
/// of a batch collected joins, in any order, to the very bits of one collector for all of it, where the cuts are between leaves.
///
///     collector.add(tensors, result.coefficients, at: 0)       // before the apply pass, which writes where it reads
///     result.take(collector)
///
/// Used by one thread at a time.
public final class InputGradientCollector {
  private let decomposition: Decomposition
  private let octets: Range<Int>
  private let tree: SumTree
  /// [octets.count], of the leaf that is not complete yet.
  private let open: UnsafeMutablePointer<InputGradientSums>

  /// In the order in which `InputGradientSums` has them.
  private static let sums: [BatchDiagnostics.Sum] = [
    .absoluteGradient, .absoluteProduct, .inputGradient, .inputGradientSquares, .inputGradientProduct,
    .countedGradient, .countedProduct,
  ]

  /// A collector of no samples.
  /// - Parameters:
  ///   - decomposition: how the layer is cut.
  ///   - octets: the tile, octets of columns; all of them unless `Decomposition.octetsAreFeatures`. nil for all.
  public init(_ decomposition: Decomposition, octets: Range<Int>? = nil) {
    precondition(MemoryLayout<InputGradientSums>.stride == Self.sums.count * MemoryLayout<Lanes>.stride)
    self.decomposition = decomposition
    self.octets = octets ?? 0..<decomposition.octetCount
    tree = SumTree(width: self.octets.count * Self.sums.count)
    open = Self.open(self.octets.count).allocate()
    open.initialize(repeating: InputGradientSums(), count: self.octets.count)
  }

  deinit { open.deallocate() }

  private static func open(_ octetCount: Int) -> Extent<InputGradientSums> { Extent(octetCount) }

  /// Bytes that a collector for all features takes.
  /// - Parameters:
  ///   - decomposition: how the layer is cut.
  ///   - samples: of the largest batch.
  public static func memory(_ decomposition: Decomposition, samples: Int) -> Int {
    open(decomposition.octetCount).byteCount
      + SumTree.memory(
        width: decomposition.octetCount * sums.count, leaves: samples / decomposition.samplesPerLeaf + 1)
  }

  /// Adds samples.
  /// - Parameters:
  ///   - tensors: x and dy; nothing is added without dy.
  ///   - coefficients: of the batch.
  ///   - first: the place of their first one in the batch. They come right before those that were added last, unless these began
  ///     at a leaf's first sample.
  public func add(_ tensors: SampleTensors, _ coefficients: BatchCoefficients, at first: Int) {
    guard let dy = tensors.dy else { return }
    var end = first + tensors.samples
    while end > first {
      let leaf = (end - 1) / decomposition.samplesPerLeaf
      let start = max(first, leaf * decomposition.samplesPerLeaf)
      tensors.addInputGradient(
        dy, coefficients, samples: start - first..<end - first, octets: octets, to: open)
      if start == leaf * decomposition.samplesPerLeaf { finishLeaf(leaf) }
      end = start
    }
  }

  private func finishLeaf(_ leaf: Int) {
    let count = octets.count
    tree.push(TreePlace(level: 0, index: leaf)) { node in
      open.withMemoryRebound(to: Lanes.self, capacity: count * Self.sums.count) {
        node.update(from: $0, count: count * Self.sums.count)
      }
    }
    open.update(repeating: InputGradientSums(), count: count)
  }

  /// Adds what another collector of the same tile collected from whole leaves of the same batch; the other one begins anew.
  public func append(_ other: InputGradientCollector) { tree.append(other.tree) }

  /// Writes the sums of the tile's features and begins anew.
  func finish(into target: BatchDiagnostics) {
    tree.finish { target.take(Self.sums, of: $0, octets, decomposition) }
  }
}
