import BatchNorm
import Configuration
import HDF5
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
  fileprivate func add(_ batches: DiagnosticsOverBatches, of slice: LayerSlice) {
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
  fileprivate func add(maskedPositions: Int, _ features: [FeatureEvents]) {
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
private struct FeatureEvents {
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

/// Takes the results of a slice's batches in order: updates running and population statistics, adds up the gradients, writes
/// the rows of `batches/`, and applies the policies for what should not be.
///
/// Everything in an output but the large tensors is such a fold over the batches. Used by one thread at a time.
final class ResultFold {
  private let slice: LayerSlice
  private let file: String
  private let configuration: JobConfiguration
  private let writers: [LayerResult: any TensorWriter]
  private let rows: BatchRows
  private let running: RunningStatistics
  private let gradientSums: GradientSums
  /// Nil unless the layer is diagnosed.
  private let diagnostics: DiagnosticsOverBatches?
  private var events: [FeatureEvents]
  private var maskedPositions = 0

  init(
    _ slice: LayerSlice, file: String, configuration: JobConfiguration,
    writers: [LayerResult: any TensorWriter]
  ) throws {
    self.slice = slice
    self.file = file
    self.configuration = configuration
    self.writers = writers
    rows = BatchRows(slice, writers)
    let given = try slice.layer.given.statistics(slice.features)
    running = RunningStatistics(
      average: slice.layer.momentum.average, isBiased: slice.layer.runningVariance == .biased,
      mean: given.map(\.mean), variance: given.map(\.variance))
    gradientSums = GradientSums(featureCount: slice.features.count)
    diagnostics =
      slice.layer.diagnoses ? DiagnosticsOverBatches(slice.layout, hasMask: slice.hasMask) : nil
    events = Array(repeating: FeatureEvents(), count: slice.features.count)
  }

  private var layer: Layer { slice.layer }

  /// Takes the next batch.
  /// - Parameter notes: of what is written.
  func add(_ result: BatchResult, batch: Int, _ notes: inout WorkNotes) throws {
    try check(result, batch: batch)
    maskedPositions += result.maskedValues
    if !layer.outputs.isDisjoint(with: [.running, .population, .moments]) {
      running.add(result.counted, updatesAverage: layer.normalization != .running)
    }
    if layer.gradOutput != nil { gradientSums.add(result.coefficients) }
    diagnostics?.add(
      result, samples: layer.batches[batch].count, isWhole: layer.isWhole(batch: batch))
    try rows.add(result, &notes)
  }

  /// Applies the policies for what should not be.
  func check(_ result: BatchResult, batch: Int) throws {
    let (all, counted) = (result.all, result.counted)
    let first = slice.features.lowerBound
    if counted.count <= 1, all.count > 0, layer.normalization != .running,
      configuration.singleValueBatch == .error
    {
      throw counted.count == 0
        ? StreamError.nothingCounts(file: file, layer: layer.path, batch: batch)
        : .singleValueBatch(file: file, layer: layer.path, batch: batch, features: layer.featureCount)
    }
    for (feature, count) in all.nonfiniteFeatures {
      let harmless = result.harmlessValues(feature)
      events[feature].nonfinite += count
      events[feature].harmless += harmless
      // What nobody needs is not judged.
      let judged = layer.writes(.output) || layer.writes(.normalized) ? count : count - harmless
      if configuration.nonfinite == .error, judged > 0 {
        throw StreamError.nonfinite(
          file: file, layer: layer.path, batch: batch, feature: first + feature, count: judged)
      }
    }
    func overflow(_ features: [Int], _ what: StreamError.Overflow) throws {
      if configuration.nonfinite == .error, let feature = features.first {
        throw StreamError.overflow(
          file: file, layer: layer.path, batch: batch, feature: first + feature, what: what)
      }
    }
    if layer.normalization != .running || layer.writes(.populationVariance) {
      let overflows = counted.overflows
      try overflow(overflows, .variance)
      for feature in overflows { events[feature].varianceOverflows = true }
    }
    let overflows = result.gradientOverflows
    try overflow(overflows, .gradient)
    for feature in overflows { events[feature].gradientOverflows = true }
    if layer.normalization != .running {
      counted.forEachFeatureWithoutVariance { events[$0].hasZeroVariance = true }
    }
  }

  /// Writes the rows that were collected so far.
  func flush(_ notes: inout WorkNotes) throws { try rows.flush(&notes) }

  /// Writes what is known after the last batch.
  func finish(_ counts: LayerCounts, _ notes: inout WorkNotes) throws {
    try rows.flush(&notes)
    for result in LayerResult.vectors where layer.writes(result) {
      guard let writer = writers[result] else { continue }
      var values = vector(result)
      values.makeNaNsAlike(from: 0)
      try values.withUnsafeBytes {
        try writer.write(slice.part(0..<1), from: $0)
        try notes.note(result, slice.part(0..<1), $0)
      }
    }
    // All batches together may be beyond the range though each of them is in it.
    if layer.writes(.populationVariance) {
      for feature in running.population.overflows { events[feature].varianceOverflows = true }
    }
    counts.add(maskedPositions: maskedPositions, events)
    if let diagnostics { counts.add(diagnostics, of: slice) }
  }

  /// What the batches so far gave, for a later run to go on with. All rows are written.
  /// - Parameter isFinished: true if no batch follows, so that only what is counted matters.
  func state(isFinished: Bool) -> [UInt8] {
    var writer = RecordWriter()
    writer.append(maskedPositions)
    FeatureEvents.append(events, to: &writer)
    if let diagnostics { writer.append(diagnostics.state()) }
    if !isFinished {
      writer.append(running.state())
      writer.append(gradientSums.state())
    }
    return writer.bytes
  }

  /// Goes on from a state of an unfinished slice.
  /// - Throws: `RecordReader.Malformed` if it is none of this slice.
  func restore(_ state: [UInt8], nextBatch: Int) throws {
    var reader = RecordReader(state)
    maskedPositions = try reader.number()
    events = try FeatureEvents.read(slice.features.count, from: &reader)
    if let diagnostics, !diagnostics.restore(try reader.block()) { throw RecordReader.Malformed() }
    guard running.restore(try reader.block()), gradientSums.restore(try reader.block()), reader.isAtEnd else {
      throw RecordReader.Malformed()
    }
    rows.begin(at: nextBatch)
  }

  /// One number for each feature of the slice.
  private func vector(_ result: LayerResult) -> [Double] {
    switch result {
    case .gradGamma: return gradientSums.dgamma
    case .gradBeta: return gradientSums.dbeta
    case .runningMean: return running.mean
    case .runningVariance: return running.variance
    case .populationMean: return running.population.means
    case .populationVariance: return running.population.variances
    case .momentsCount:
      return Array(repeating: Double(running.population.count), count: slice.features.count)
    case .momentsMean: return running.population.written.mean
    case .momentsMeanRest: return running.population.written.meanRest
    case .momentsM2: return running.population.written.m2
    case .momentsM2Rest: return running.population.written.m2Rest
    default:
      guard let diagnostic = result.featureDiagnostic, let diagnostics else {
        preconditionFailure("\(result) is no vector")
      }
      return diagnostics.values(of: diagnostic)
    }
  }

  /// Bytes that the fold of a slice takes: the sums, and the rows that are collected.
  static func byteCount(_ slice: LayerSlice) -> Int {
    RunningStatistics.memory(featureCount: slice.features.count)
      + GradientSums.memory(featureCount: slice.features.count)
      + slice.features.count * MemoryLayout<FeatureEvents>.stride
      + (slice.layer.diagnoses ? DiagnosticsOverBatches.memory(featureCount: slice.features.count) : 0)
      + LayerCounts.memory(slice.layer)
      + BatchRows.byteCount(slice)
  }
}

/// The rows of `batches/`, collected and written many at a time: while a file is being written every other write to it
/// has to wait, and rows are small.
private final class BatchRows {
  private let slice: LayerSlice
  private let writers: [(result: LayerResult, writer: any TensorWriter)]
  private var values: [LayerResult: [Double]] = [:]
  /// The batch of the first row that is not written yet, and how many there are.
  private var firstBatch = 0
  private var count = 0

  /// About this many bytes of each dataset are collected: with a quarter of it, and batches of 256, threads that wait for
  /// the file cost 7 % of the whole time.
  private static let bytesAtOnce = 1 << 18

  private static func rowsAtOnce(_ slice: LayerSlice) -> Int {
    max(1, min(bytesAtOnce / (8 * slice.features.count), slice.layer.batches.count))
  }

  init(_ slice: LayerSlice, _ writers: [LayerResult: any TensorWriter]) {
    self.slice = slice
    self.writers = LayerResult.batchRows.compactMap { result in
      slice.layer.writes(result) ? writers[result].map { (result, $0) } : nil
    }
    for (result, _) in self.writers { values[result, default: []].reserveCapacity(Self.capacity(slice)) }
  }

  /// Goes on with a later batch than the first.
  func begin(at batch: Int) { firstBatch = batch }

  /// Adds the rows of the next batch.
  func add(_ batch: BatchResult, _ notes: inout WorkNotes) throws {
    for (result, _) in writers {
      let first = values[result]?.count ?? 0
      batch.append(result, to: &values[result, default: []])
      values[result]?.makeNaNsAlike(from: first)
    }
    count += 1
    if count == Self.rowsAtOnce(slice) { try flush(&notes) }
  }

  /// Writes the rows collected so far.
  func flush(_ notes: inout WorkNotes) throws {
    guard count > 0 else { return }
    for (result, writer) in writers {
      try values[result]?.withUnsafeBytes {
        let part = slice.part(firstBatch..<firstBatch + count)
        try writer.write(part, from: $0)
        try notes.note(result, part, $0)
      }
      values[result]?.removeAll(keepingCapacity: true)
    }
    firstBatch += count
    count = 0
  }

  /// Numbers of one dataset that are collected. The last octet of features is appended whole, then cut.
  private static func capacity(_ slice: LayerSlice) -> Int { rowsAtOnce(slice) * slice.features.count + 8 }

  /// Bytes that the collected rows take.
  static func byteCount(_ slice: LayerSlice) -> Int {
    LayerResult.batchRows.filter(slice.layer.writes).count * capacity(slice) * MemoryLayout<Double>.stride
  }
}

extension BatchResult {
  /// Appends what a batch has for each feature.
  fileprivate func append(_ result: LayerResult, to row: inout [Double]) {
    switch result {
    case .batchMean: counted.appendMeans(to: &row)
    case .batchVariance: counted.appendVariances(to: &row)
    case .batchInvStd where counted.count == 0:
      row.append(contentsOf: repeatElement(.nan, count: counted.featureCount))
    case .batchInvStd: coefficients.appendInvStds(to: &row)
    case .batchGradGamma: coefficients.appendGammaGradients(to: &row)
    case .batchGradBeta: coefficients.appendBetaGradients(to: &row)
    default:
      guard let diagnostic = result.diagnostic else {
        preconditionFailure("\(result) has no row for each batch")
      }
      append(diagnostic, to: &row)
    }
  }
}

extension LayerResult {
  /// What a result of the group `diagnostics` with a row for each batch is; nil for other results.
  fileprivate var diagnostic: BatchDiagnostic? {
    switch self {
    case .gradOutputSquareSum: .gradOutputSquareSum
    case .gradInputSquareSum: .gradInputSquareSum
    case .gradientIdentityError: .gradientIdentityError
    case .gradientScale: .gradientScale
    case .meanShare: .meanShare
    case .normalizedShare: .normalizedShare
    case .gradInputSum: .gradInputSum
    case .gradInputProductSum: .gradInputProductSum
    case .gammaCoherence: .gammaCoherence
    case .betaCoherence: .betaCoherence
    default: nil
    }
  }

  /// What a result of the group `diagnostics` with one number for each feature is; nil for other results.
  fileprivate var featureDiagnostic: FeatureDiagnostic? {
    switch self {
    case .batchNoise: .batchNoise
    case .shufflingF: .shufflingF
    case .shufflingP: .shufflingP
    case .meanStandardError: .meanStandardError
    case .varianceStandardError: .varianceStandardError
    case .meanBatches: .meanBatches
    case .varianceBatches: .varianceBatches
    default: nil
    }
  }
}

extension [Double] {
  /// Makes one kind of NaN of all: processors do not agree on its bits, nor do numbers that were written down on the way.
  fileprivate mutating func makeNaNsAlike(from first: Int) {
    for index in first..<count where self[index].isNaN { self[index] = .nan }
  }
}

extension TensorWriter {
  /// Writes the number of samples of each batch, [B], which is known without reading any.
  func writeSampleCounts(of batches: Batches) throws {
    // Some at a time: there can be as many batches as samples.
    for part in (0..<batches.count).divided(by: 1 << 16) {
      let counts = part.map { Int64(batches[$0].count) }
      try counts.withUnsafeBytes { try write(TensorPart(samples: part, features: 0..<1), from: $0) }
    }
  }
}

extension Momentum {
  fileprivate var average: RunningAverage {
    switch self {
    case .exponential(let momentum): .exponential(momentum: momentum)
    case .cumulative: .cumulative
    }
  }
}
