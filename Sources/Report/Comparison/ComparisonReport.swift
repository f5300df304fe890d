import FileNames
import LayerFiles
import StrictJSON

/// How the results of two files differ: layers of the same path, one by one.
public struct ComparisonReport: Encodable, Sendable {
  /// The files as the user gave them.
  public let first: String
  public let second: String
  /// What the order of the layers was taken from.
  public let order: LayerOrder
  /// Layers of both, in that order.
  public let layers: [LayerComparison]
  /// Layers of one of them.
  public let onlyInFirst: [String]
  public let onlyInSecond: [String]
  /// Layers of another number of features.
  public let ofOtherShape: [String]
  /// Layers of which neither file has finite statistics, so that nothing is known of how they differ.
  public let withoutStatistics: [String]
  /// The limit that was given, and whether it holds everywhere; without one it does.
  public let failAbove: Double?
  public let isWithin: Bool

  /// Reads and compares layer by layer.
  /// - Parameters:
  ///   - first: the file that differences are relative to.
  ///   - second: the other.
  ///   - failAbove: how far a layer may differ, in standard deviations; nil for any distance.
  ///   - progress: is called before each layer, and may throw to stop.
  /// - Throws: `ReportError`, `StreamError`, and what `progress` throws.
  public init(
    _ first: ResultFile, _ second: ResultFile, failAbove: Double?,
    progress: (_ layer: String) throws -> Void = { _ in }
  ) throws {
    // Names are bytes.
    let (firstNames, secondNames) = (
      Set(first.layerPaths.map { Array($0.utf8) }), Set(second.layerPaths.map { Array($0.utf8) })
    )
    let common = first.layerPaths.filter { secondNames.contains(Array($0.utf8)) }
    guard !common.isEmpty else {
      throw ReportError.nothingInCommon(first: first.path, second: second.path)
    }
    var found: [(depth: Int?, layer: LayerComparison)] = []
    var ofOtherShape: [String] = []
    for path in common {
      try progress(path)
      let (one, other) = (try first.results(of: path), try second.results(of: path))
      guard one.featureCount == other.featureCount else {
        ofOtherShape.append(path)
        continue
      }
      found.append(
        (one.depth, LayerComparison(path, try FeatureMeasures(of: one), try FeatureMeasures(of: other))))
    }
    try first.input.checkIsUnchanged()
    try second.input.checkIsUnchanged()
    order = !found.isEmpty && found.allSatisfy { $0.depth != nil } ? .depth : .names
    if order == .depth {
      found.sort { one, other in
        one.depth == other.depth
          ? one.layer.path.comesNaturally(before: other.layer.path) : one.depth ?? 0 < other.depth ?? 0
      }
    }
    (self.first, self.second, self.failAbove) = (first.path, second.path, failAbove)
    layers = found.map(\.layer)
    onlyInFirst = first.layerPaths.filter { !secondNames.contains(Array($0.utf8)) }
    onlyInSecond = second.layerPaths.filter { !firstNames.contains(Array($0.utf8)) }
    self.ofOtherShape = ofOtherShape
    withoutStatistics = layers.filter { !$0.hasStatistics }.map(\.path)
    let areAllThere =
      onlyInFirst.isEmpty && onlyInSecond.isEmpty && ofOtherShape.isEmpty && withoutStatistics.isEmpty
    let worst = found.map(\.layer.difference).max() ?? 0
    isWithin = failAbove.map { areAllThere && worst <= $0 } ?? true
  }

  /// Up to here statistics are those of the same numbers, summed up in another order.
  public static let rounding = 1e-12

  /// The report as one object.
  public var json: String { canonicalJSON(self, isPretty: true) }

  /// How a layer is shown: beyond the limit or not; without a limit, from a tenth of a standard deviation on, and from one.
  public func verdict(of layer: LayerComparison) -> Verdict {
    guard layer.hasStatistics else { return .unknown }
    if let failAbove { return layer.difference > failAbove ? .fail : .pass }
    return layer.difference > 1 ? .fail : layer.difference > 0.1 ? .warn : .pass
  }

  private enum CodingKeys: String, CodingKey {
    case first, second, order, layers
    case onlyInFirst = "only_in_first"
    case onlyInSecond = "only_in_second"
    case ofOtherShape = "of_other_shape"
    case withoutStatistics = "without_statistics"
    case failAbove = "fail_above"
    case isWithin = "within"
  }
}

extension FeatureMeasures {
  /// What a file tells of a layer; its batches are read only where it does not hold statistics of all samples.
  init(of results: LayerResults) throws {
    var sums = FeatureSums(featureCount: results.featureCount, epsilon: results.epsilon)
    if try !results.holds(.populationMean) || !results.holds(.populationVariance) {
      try results.forEachBatch([.batchMean, .batchVariance]) { batch, rows in
        sums.add(
          batch: batch, count: results.counts?[batch] ?? 1, isWhole: results.isWhole(batch: batch), rows)
      }
    }
    try self.init(results, sums)
  }
}
