import BatchNorm
import Configuration
import LayerFiles
import Parallel
import Synchronization

/// What a job counts in a layer, over all its slices; updated by all threads.
final class LayerCounts: Sendable {
  private let overflows = Atomic<Int>(0)
  private let masked = Atomic<Int>(0)
  private let nonfinite = Atomic<Int>(0)
  private let nonfiniteFeatures = Atomic<Int>(0)
  private let maskedNonfinite = Atomic<Int>(0)
  private let spoiledFeatures = Atomic<Int>(0)
  private let varianceOverflows = Atomic<Int>(0)
  private let gradientOverflows = Atomic<Int>(0)
  private let zeroVarianceFeatures = Atomic<Int>(0)
  /// By the first feature of some that are never in different slices.
  private let diagnostics = Guarded<[Int: DiagnosticTotals]>([:])
  private let diagnosedBatches = Guarded<DiagnosedBatches?>(nil)

  /// What is known of the batches of a diagnosed layer, the same in every slice.
  struct DiagnosedBatches: Sendable {
    let whole: Int
    let gaussianNoise: Double?
  }

  /// Takes what the batches of a slice show together.
  func add(_ batches: DiagnosticsOverBatches, of slice: LayerSlice) {
    let grain = LayerSlice.grain
    let totals = (0..<slice.features.count).divided(by: grain).map {
      ($0.lowerBound + slice.features.lowerBound, batches.totals($0))
    }
    diagnostics.withLock { $0.merge(totals) { $1 } }
    diagnosedBatches.withLock {
      $0 = DiagnosedBatches(whole: batches.wholeBatches, gaussianNoise: batches.gaussianNoise)
    }
  }

  /// Bytes that the totals of a layer take.
  static func memory(_ layer: Layer) -> Int {
    guard layer.diagnoses else { return 0 }
    // Half of a table's places are free at most, but for a few.
    let entries = 2 * (layer.featureCount / LayerSlice.grain + 8)
    return entries * (MemoryLayout<DiagnosticTotals>.stride + MemoryLayout<Int>.stride)
  }

  /// Counts finite numbers that did not fit the type that they are written in.
  func addOverflows(_ count: Int) {
    if count > 0 { overflows.wrappingAdd(count, ordering: .relaxed) }
  }

  /// Counts what was met in a slice.
  /// - Parameter maskedPositions: the same in every slice.
  func add(maskedPositions: Int, _ features: [FeatureEvents]) {
    masked.max(maskedPositions, ordering: .relaxed)
    func count(_ holds: (FeatureEvents) -> Bool, in number: borrowing Atomic<Int>) {
      number.wrappingAdd(features.count(where: holds), ordering: .relaxed)
    }
    nonfinite.wrappingAdd(features.reduce(0) { $0 + $1.nonfinite }, ordering: .relaxed)
    maskedNonfinite.wrappingAdd(features.reduce(0) { $0 + $1.harmless }, ordering: .relaxed)
    count({ $0.nonfinite > 0 }, in: nonfiniteFeatures)
    count({ $0.nonfinite > $0.harmless }, in: spoiledFeatures)
    count(\.hasZeroVariance, in: zeroVarianceFeatures)
    count(\.varianceOverflows, in: varianceOverflows)
    count(\.gradientOverflows, in: gradientOverflows)
  }

  /// Counts what was met in a slice that an earlier run finished.
  /// - Throws: `RecordReader.Malformed` if the state is none of the slice.
  func add(finished state: [UInt8], of slice: LayerSlice) throws {
    var reader = RecordReader(state)
    let masked = try reader.number()
    add(maskedPositions: masked, try FeatureEvents.read(slice.features.count, from: &reader))
    guard slice.layer.diagnoses else { return }
    let batches = DiagnosticsOverBatches(slice.layout, hasMask: slice.hasMask)
    guard batches.restore(try reader.block()) else { throw RecordReader.Malformed() }
    add(batches, of: slice)
  }

  /// Writes the counts into what the summary says of the layer.
  func fill(_ summary: inout LayerSummary) {
    summary.outputOverflow = overflows.load(ordering: .relaxed)
    summary.maskedPositions = masked.load(ordering: .relaxed)
    summary.nonfiniteInputs = nonfinite.load(ordering: .relaxed)
    summary.nonfiniteFeatures = nonfiniteFeatures.load(ordering: .relaxed)
    summary.nonfiniteMaskedInputs = maskedNonfinite.load(ordering: .relaxed)
    summary.spoiledFeatures = spoiledFeatures.load(ordering: .relaxed)
    summary.varianceOverflowFeatures = varianceOverflows.load(ordering: .relaxed)
    summary.gradientOverflowFeatures = gradientOverflows.load(ordering: .relaxed)
    summary.zeroVarianceFeatures = zeroVarianceFeatures.load(ordering: .relaxed)
    if let batches = diagnosedBatches.withLock({ $0 }) {
      var totals = DiagnosticTotals()
      // In the features' order, so that slices do not decide any bit.
      for (_, more) in diagnostics.withLock({ $0 }).sorted(by: { $0.key < $1.key }) { totals.add(more) }
      summary.diagnostics?.fill(totals, wholeBatches: batches.whole, gaussianNoise: batches.gaussianNoise)
    }
  }
}

/// What was met in a feature, over all batches.
struct FeatureEvents {
  /// Infinities and NaN among its x and dy.
  var nonfinite = 0
  /// Those of them that harm nothing but their own y.
  var harmless = 0
  /// In at least one batch.
  var hasZeroVariance = false
  var varianceOverflows = false
  var gradientOverflows = false

  private var flags: UInt8 {
    get { (hasZeroVariance ? 1 : 0) | (varianceOverflows ? 2 : 0) | (gradientOverflows ? 4 : 0) }
    set {
      (hasZeroVariance, varianceOverflows, gradientOverflows) = (
        newValue & 1 != 0, newValue & 2 != 0, newValue & 4 != 0
      )
    }
  }

  /// Writes what was met: a byte for each feature, none if nothing was, and the counts of those that have any.
  static func append(_ events: [FeatureEvents], to writer: inout RecordWriter) {
    let flags = events.map(\.flags)
    writer.append(flags.contains { $0 != 0 } ? flags : [])
    let counted = events.indices.filter { events[$0].nonfinite > 0 }
    writer.append(counted.count)
    for feature in counted {
      for number in [feature, events[feature].nonfinite, events[feature].harmless] { writer.append(number) }
    }
  }

  /// Reads what `append` wrote.
  static func read(
    _ featureCount: Int, from reader: inout RecordReader
  ) throws(RecordReader.Malformed) -> [FeatureEvents] {
    var events = Array(repeating: FeatureEvents(), count: featureCount)
    let flags = try reader.block()
    guard flags.isEmpty || flags.count == featureCount else { throw RecordReader.Malformed() }
    for (feature, flags) in flags.enumerated() { events[feature].flags = flags }
    let count = try reader.number()
    guard (0...featureCount).contains(count) else { throw RecordReader.Malformed() }
    for _ in 0..<count {
      let feature = try reader.number()
      guard events.indices.contains(feature) else { throw RecordReader.Malformed() }
      events[feature].nonfinite = try reader.number()
      events[feature].harmless = try reader.number()
    }
    return events
  }
}
