import BatchNorm
import LayerFiles
import Parallel

/// How another program's y depends on ours in some features of some batches: theirs = slope · ours + offset. Whatever mean and variance a
/// program normalizes with, its y is such a line; the line tells which.
struct LineFits: ElementFindings {
  /// Sums over a feature of a batch.
  struct Sums: Sendable {
    var count = 0.0
    var ours = 0.0
    var theirs = 0.0
    var ourSquares = 0.0
    var theirSquares = 0.0
    var products = 0.0

    /// Nil where a line cannot be told.
    var line: Line? {
      guard count >= 3 else { return nil }
      let a = ourSquares - ours * ours / count
      let b = theirSquares - theirs * theirs / count
      let ab = products - ours * theirs / count
      guard a > 0, b.isFinite, ab.isFinite else { return nil }
      let slope = ab / a
      return Line(
        slope: slope, offset: (theirs - slope * ours) / count,
        rest: b > 0 ? (max(0, b - slope * ab) / b).squareRoot() : 0)
    }
  }

  struct Line: Sendable {
    let slope: Double
    let offset: Double
    /// What the line leaves of their spread.
    let rest: Double
  }

  private let layer: Layer
  /// The batches and features that this is about.
  private let batches: Range<Int>
  private let features: Range<Int>
  /// [batches, features]
  private(set) var sums: [Sums]

  /// So many batches and features are looked at, at most.
  static let most = (batches: 32, features: 256)

  init(_ layer: Layer) {
    self.init(
      layer, batches: 0..<min(layer.batches.count, Self.most.batches),
      features: 0..<min(layer.featureCount, Self.most.features))
  }

  private init(_ layer: Layer, batches: Range<Int>, features: Range<Int>) {
    self.layer = layer
    self.batches = batches
    self.features = features
    sums = Array(repeating: Sums(), count: batches.count * features.count)
  }

  func empty(for part: TensorPart) -> LineFits {
    let first = layer.batches.index(ofSample: part.samples.lowerBound)
    let last = layer.batches.index(ofSample: part.samples.upperBound - 1)
    return LineFits(
      layer, batches: (first..<last + 1).clamped(to: batches),
      features: part.features.clamped(to: features))
  }

  mutating func add(
    _ ours: UnsafePointer<Double>, _ theirs: UnsafePointer<Double>, _ part: TensorPart
  ) {
    guard !sums.isEmpty else { return }
    let layout = layer.layout
    var element = 0
    for sample in part.samples {
      let batch = layer.batches.index(ofSample: sample)
      guard batches.contains(batch) else {
        element += layout.positionRows * part.features.count * layout.planeLength
        continue
      }
      for _ in 0..<layout.positionRows {
        for feature in part.features {
          defer { element += layout.planeLength }
          guard features.contains(feature) else { continue }
          let place = (batch - batches.lowerBound) * features.count + feature - features.lowerBound
          var found = sums[place]
          for index in element..<element + layout.planeLength {
            let (a, b) = (ours[index], theirs[index])
            found.count += 1
            found.ours += a
            found.theirs += b
            found.ourSquares += a * a
            found.theirSquares += b * b
            found.products += a * b
          }
          sums[place] = found
        }
      }
    }
  }

  mutating func merge(_ other: LineFits) {
    for batch in other.batches {
      for feature in other.features {
        let more = other.sums[
          (batch - other.batches.lowerBound) * other.features.count + feature - other.features.lowerBound]
        let place = (batch - batches.lowerBound) * features.count + feature - features.lowerBound
        sums[place].count += more.count
        sums[place].ours += more.ours
        sums[place].theirs += more.theirs
        sums[place].ourSquares += more.ourSquares
        sums[place].theirSquares += more.theirSquares
        sums[place].products += more.products
      }
    }
  }
}

/// The means and variances of the first batches and features.
final class FirstRows: TensorWriter {
  private let features: Int
  private let rows: Guarded<[Double]>

  init(_ layer: Layer) {
    features = min(layer.featureCount, LineFits.most.features)
    rows = Guarded(
      Array(repeating: .nan, count: min(layer.batches.count, LineFits.most.batches) * features))
  }

  /// [batches, features]
  var values: [Double] { rows.withLock { $0 } }

  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
    let values = buffer.bindMemory(to: Double.self)
    rows.withLock { rows in
      for (index, value) in values.enumerated() {
        let batch = part.samples.lowerBound + index / part.features.count
        let feature = part.features.lowerBound + index % part.features.count
        if feature < features, batch * features + feature < rows.count {
          rows[batch * features + feature] = value
        }
      }
    }
  }
}

/// Takes y, or x̂, and the batches' statistics.
final class FittingWriter: LayerWriter {
  private let result: LayerResult
  private let lines: ComparingWriter<LineFits>
  private let means: FirstRows
  private let variances: FirstRows

  init(_ layer: Layer, _ result: LayerResult, _ dataset: ResultDataset) {
    self.result = result
    lines = ComparingWriter(
      dataset, layout: layer.layout, isInteger: false, finding: LineFits(layer),
      scratch: ResourcePool { HandedOver(try ComparisonScratch()) })
    means = FirstRows(layer)
    variances = FirstRows(layer)
  }

  func writer(of result: LayerResult) -> (any TensorWriter)? {
    switch result {
    case self.result: lines
    case .batchMean: means
    case .batchVariance: variances
    default: nil
    }
  }

  /// What was found of each batch and feature: [batches, features].
  var found: (sums: [LineFits.Sums], means: [Double], variances: [Double]) {
    (lines.found.sums, means.values, variances.values)
  }
}
