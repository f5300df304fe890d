import BatchNorm
import Configuration
import LayerFiles

/// Takes the results of a slice's batches in order: updates running and population statistics, adds up the gradients, writes
/// the rows of `batches/`, and applies the policies for what should not be.
///
/// Everything in an output but the large tensors is such a fold over the batches. Used by one thread at a time.
final class ResultFold {
  private let slice: LayerSlice
  private let file: String
  private let writers: [LayerResult: any TensorWriter]
  private let rows: BatchRows
  private let running: RunningStatistics
  private let gradientSums: GradientSums
  /// Nil unless the layer is diagnosed.
  private let diagnostics: DiagnosticsOverBatches?
  private var events: [FeatureEvents]
  private var maskedPositions = 0

  // Asked for every batch, of which there can be as many as samples.
  /// False if given statistics normalize.
  private let usesBatchStatistics: Bool
  private let addsStatistics: Bool
  private let addsGradients: Bool
  private let judgesVariance: Bool
  private let refusesNonfinite: Bool
  private let refusesSingleValues: Bool
  /// True if what is not finite is judged even where it harms nothing but its own y.
  private let writesOutputs: Bool

  init(
    _ slice: LayerSlice, file: String, configuration: JobConfiguration,
    writers: [LayerResult: any TensorWriter]
  ) throws {
    self.slice = slice
    self.file = file
    self.writers = writers
    rows = BatchRows(slice, writers)
    let layer = slice.layer
    usesBatchStatistics = layer.normalization != .running
    addsStatistics = !layer.outputs.isDisjoint(with: [.running, .population, .moments])
    addsGradients = layer.gradOutput != nil
    judgesVariance = usesBatchStatistics || layer.writes(.populationVariance)
    refusesNonfinite = configuration.nonfinite == .error
    refusesSingleValues = usesBatchStatistics && configuration.singleValueBatch == .error
    writesOutputs = layer.writes(.output) || layer.writes(.normalized)
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
    if addsStatistics { running.add(result.counted, updatesAverage: usesBatchStatistics) }
    if addsGradients { gradientSums.add(result.coefficients) }
    diagnostics?.add(
      result, samples: layer.batches[batch].count, isWhole: layer.isWhole(batch: batch))
    try rows.add(result, &notes)
  }

  /// Applies the policies for what should not be.
  func check(_ result: BatchResult, batch: Int) throws {
    let (all, counted) = (result.all, result.counted)
    let first = slice.features.lowerBound
    if refusesSingleValues, counted.count <= 1, all.count > 0 {
      throw counted.count == 0
        ? StreamError.nothingCounts(file: file, layer: layer.path, batch: batch)
        : .singleValueBatch(file: file, layer: layer.path, batch: batch, features: layer.featureCount)
    }
    for (feature, count) in all.nonfiniteFeatures {
      let harmless = result.harmlessValues(feature)
      events[feature].nonfinite += count
      events[feature].harmless += harmless
      // What nobody needs is not judged.
      let judged = writesOutputs ? count : count - harmless
      if refusesNonfinite, judged > 0 {
        throw StreamError.nonfinite(
          file: file, layer: layer.path, batch: batch, feature: first + feature, count: judged)
      }
    }
    func overflow(_ features: [Int], _ what: StreamError.Overflow) throws {
      if refusesNonfinite, let feature = features.first {
        throw StreamError.overflow(
          file: file, layer: layer.path, batch: batch, feature: first + feature, what: what)
      }
    }
    if judgesVariance {
      let overflows = counted.overflows
      try overflow(overflows, .variance)
      for feature in overflows { events[feature].varianceOverflows = true }
    }
    let overflows = result.gradientOverflows
    try overflow(overflows, .gradient)
    for feature in overflows { events[feature].gradientOverflows = true }
    if usesBatchStatistics {
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

extension LayerResult {
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
