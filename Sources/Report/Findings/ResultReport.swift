import Configuration
import FileNames
import LayerFiles
import StrictJSON

/// What is told of a result file.
public struct ResultReport: Encodable, Sendable {
  /// The file as the user gave it.
  public let file: String
  /// What the file says of where it comes from.
  public let origin: ResultOrigin
  /// What the order of the layers was taken from.
  public let order: LayerOrder
  /// The layers in that order.
  public let layers: [LayerReport]
  /// From which numbers on something is told.
  public let thresholds: [Threshold]

  /// Reads and judges the results of all layers of a file, one after the other.
  /// - Parameters:
  ///   - file: with the results.
  ///   - progress: is called before each layer, and may throw to stop.
  /// - Throws: `ReportError`, `StreamError`, and what `progress` throws.
  public init(_ file: ResultFile, progress: (_ layer: String) throws -> Void = { _ in }) throws {
    var layers: [LayerReport] = []
    for path in file.layerPaths {
      try progress(path)
      layers.append(try LayerReport(file.results(of: path)))
    }
    try file.input.checkIsUnchanged()
    let hasDepths = layers.allSatisfy { $0.depth != nil }
    order = hasDepths ? .depth : .names
    if hasDepths {
      layers.sort { first, second in
        first.depth == second.depth
          ? first.path.comesNaturally(before: second.path) : first.depth ?? 0 < second.depth ?? 0
      }
    }
    layers.judgeTogether()
    self.file = file.path
    self.layers = layers
    origin = file.origin
    thresholds = FindingKind.allCases.map(\.threshold)
  }

  /// How many layers there are of a verdict.
  public func count(of verdict: Verdict) -> Int { layers.count { $0.verdict == verdict } }

  /// The report as one object.
  public var json: String { canonicalJSON(self, isPretty: true) }
}

/// What layers are ordered by.
public enum LayerOrder: String, Codable, Sendable {
  /// Their attributes `depth`.
  case depth
  /// Their names, numbers in these by their value.
  case names
}

extension LayerReport {
  /// Reads and judges the results of a layer.
  init(_ results: LayerResults) throws {
    var sums = FeatureSums(featureCount: results.featureCount, epsilon: results.epsilon)
    var course = BatchCourse(batches: results.batchCount)
    try results.forEachBatch(FeatureSums.results) { batch, rows in
      let count = results.counts?[batch] ?? 1
      sums.add(batch: batch, count: count, isWhole: results.isWhole(batch: batch), rows)
      course.add(batch: batch, count: count, rows)
    }
    let measures = try FeatureMeasures(results, sums)
    let numbers = measures.numbers
    let telling = measures.telling(Self.mostFeatures)
    self.init(
      path: results.path, depth: results.depth, features: results.featureCount, batches: results.batchCount,
      samples: results.sampleCount, findings: measures.findings(numbers), notJudged: measures.notJudged,
      numbers: numbers, telling: telling.map { FeatureReport($0, measures) },
      distributions: try LayerDistributions(results), settings: results.settings,
      datasets: results.datasets, pictures: try LayerPictures(results, measures, telling, course),
      isKnown: numbers.rootMeanSquare != nil || numbers.nonfiniteFeatures > 0)
  }

  /// So many features are told.
  static let mostFeatures = 10
}
