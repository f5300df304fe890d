import BatchNorm
import Configuration
import FileNames

/// How Σdx² grows from layer to layer, from the output back.
public struct GradientGrowth: Codable, Sendable, Equatable {
  /// What the layers' order in depth was taken from.
  public enum Order: String, Codable, Sendable {
    /// Their attributes `depth`.
    case depth
    /// Their names, numbers in these by their value.
    case names
  }

  /// From one layer to the one before it.
  public struct Step: Codable, Sendable, Equatable {
    /// The layer nearer to the output.
    public var from: String
    /// The one before it.
    public var to: String
    /// Σdx² of `to` / Σdx² of `from`.
    public var growth: Double
    /// What is expected of wide networks at initialization with ReLU, and without an activation; absent for layers that are not fully
    /// connected, or have batches of another size.
    public var relu: Double?
    public var linear: Double?
  }

  /// What the order was taken from.
  public var order: Order
  /// The steps, from the output back.
  public var steps: [Step]

  /// The growth among diagnosed layers; nil if fewer than two have a Σdx² that is not 0.
  init?(_ layers: [LayerSummary]) {
    let known = layers.filter { ($0.diagnostics?.gradInputSquareSum ?? 0) > 0 }
    guard known.count > 1 else { return nil }
    let depths = known.compactMap { $0.diagnostics?.depth }
    order = depths.count == known.count ? .depth : .names
    let inOrder = known.sorted { [order] first, second in
      if order == .depth, let one = first.diagnostics?.depth, let other = second.diagnostics?.depth,
        one != other
      {
        return one < other
      }
      return first.path.comesNaturally(before: second.path)
    }
    steps = zip(inOrder, inOrder.dropFirst()).reversed().map { before, after in
      let size = before.batchSamples == after.batchSamples ? after.batchSamples : nil
      return Step(
        from: after.path, to: before.path,
        growth: (before.diagnostics?.gradInputSquareSum ?? .nan)
          / (after.diagnostics?.gradInputSquareSum ?? .nan),
        relu: size.flatMap(GradientExplosion.relu), linear: size.flatMap(GradientExplosion.linear))
    }
  }
}

extension LayerSummary {
  /// Samples in a batch of a fully connected layer whose batches normalize; nil for others.
  fileprivate var batchSamples: Int? {
    guard shape.count == 2, statistics == .batch, gradient == .full else { return nil }
    return switch batchSize {
    case .samples(let size): min(size, samples)
    case .all: samples
    case .offsets: nil
    }
  }
}
