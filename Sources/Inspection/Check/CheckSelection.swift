import Jobs
import LayerFiles

/// What a check of a layer looks at, chosen so that memory and time are bounded whatever the layer's size.
///
/// The choice follows from the layer alone: the same file is checked in the same places each time.
struct CheckSelection {
  /// The first, the last and two between.
  private static let mostBatches = 4
  /// Values of each feature in a batch; of a larger one the first samples are taken, as a batch of their own.
  private static let mostRows = 1 << 18
  /// Values in a batch that the graph is computed for; if a layer has more, some of its features.
  private static let mostValues = 1 << 24
  /// Values in one evaluation of the graph, whose nodes take about 30 times as much memory.
  private static let valuesAtOnce = 1 << 18
  /// Values that finite differences visit in a batch, unless the user says how many coordinates to take.
  private static let differenceValues = 1 << 23
  /// Bytes that a value takes beside the graph: x, dy and the results, in the kernels' type and as Doubles.
  private static let bytesPerValue = 72

  /// Batches by number, with the samples to look at.
  let batches: [(number: Int, samples: Range<Int>)]
  let features: [Int]
  /// Whether the samples of some batch are not all of them.
  let isShortened: Bool
  private let layer: Layer

  /// - Parameter memory: bytes that may be used.
  init(_ layer: Layer, memory: Int) {
    self.layer = layer
    let perSample = layer.layout.valuesPerFeatureAndSample
    let fitting = memory / 2 / (layer.layout.valuesPerSample * Self.bytesPerValue)
    let samples = max(1, min(Self.mostRows / perSample, fitting))
    let numbers = Self.evenlySpaced(Self.mostBatches, over: layer.batches.count)
    let chosen = numbers.filter { !layer.batches[$0].isEmpty }
    batches = chosen.map { ($0, layer.batches[$0].prefix(samples)) }
    isShortened = chosen.contains { layer.batches[$0].count > samples }
    let rows = max(1, batches.map(\.samples.count).max() ?? 0) * perSample
    features = Self.evenlySpaced(max(1, Self.mostValues / rows), over: layer.featureCount)
  }

  /// Features in groups that the graph is evaluated for together.
  /// - Parameter rows: values of each feature.
  func groups(rows: Int) -> [ArraySlice<Int>] {
    let count = max(1, Self.valuesAtOnce / max(1, rows))
    return stride(from: 0, to: features.count, by: count).map {
      features[$0..<min($0 + count, features.count)]
    }
  }

  /// Coordinates to compare with finite differences in each batch.
  /// - Parameter wanted: for the layer; nil for as many as time allows.
  func coordinates(_ wanted: Int?, rows: Int) -> Int {
    let each = ((wanted ?? 64) + batches.count - 1) / max(1, batches.count)
    return wanted != nil ? each : min(each, max(4, Self.differenceValues / max(1, rows)))
  }

  /// At most `count` of the numbers below `total`, evenly spaced, the first and the last among them.
  static func evenlySpaced(_ count: Int, over total: Int) -> [Int] {
    guard total > count else { return Array(0..<total) }
    guard count > 1 else { return [0] }
    return (0..<count).map { $0 * (total - 1) / (count - 1) }
  }
}

extension Range<Int> {
  /// The first `count` numbers.
  fileprivate func prefix(_ count: Int) -> Range<Int> {
    lowerBound..<Swift.min(upperBound, lowerBound + count)
  }
}
