import BatchNorm
import Configuration
import Foundation
import HDF5
import LayerFiles
import Parallel
import Synchronization

/// Carries out a plan: the story of a job, from the plan to the file that has its name.
public struct Execution {
  private let plan: JobPlan
  private let progress: JobProgress
  private let cancellation: Cancellation
  private let layerBegins: (Layer, Schedule) -> Void
  /// Told after each layer's turn who lent its memory, to compare with the plan.
  package var layerEnds: (Layer, MemoryLedger) -> Void = { _, _ in }

  /// An execution of `plan` that counts in `progress` and stops when `cancellation` asks for it.
  /// - Parameter layerBegins: told of each layer before its turn.
  public init(
    _ plan: JobPlan, progress: JobProgress, cancellation: Cancellation,
    layerBegins: @escaping (Layer, Schedule) -> Void = { _, _ in }
  ) {
    self.plan = plan
    self.progress = progress
    self.cancellation = cancellation
    self.layerBegins = layerBegins
  }

  /// How often what is finished is written down.
  public var recordInterval = Duration.seconds(1)
  /// Told if an earlier run's work is continued, before it is.
  public var continues: (Continuation) -> Void = { _ in }
  /// Told of the folder with what is finished, if a later run can go on with it after an error.
  public var keeps: (_ folder: String) -> Void = { _ in }

  /// Computes all layers. The output has its name when this returns. If it throws, there is no such file, and what is finished is kept
  /// where a later run can go on with it.
  /// - Parameter path: the output file.
  /// - Throws: `StreamError`.
  public func write(to path: String) throws -> JobSummary {
    let output = try OutputFile(
      path: path, input: plan.job.input, replaces: plan.job.replacesOutput,
      byteCount: plan.leastOutputByteCount, synchronizes: plan.job.configuration.synchronizes,
      differences: JobIdentity(plan).differences)
    do {
      return try StreamError.translating(.writing(path)) { try write(to: output) }
    } catch let error as StreamError {
      if !error.isResumable { output.giveUp() }
      if error == .interrupted, let folder = output.resumableFolder {
        throw StreamError.suspended(workspace: folder)
      }
      if let folder = output.resumableFolder { keeps(folder) }
      throw error
    } catch {
      output.giveUp()
      throw error
    }
  }

  private func write(to output: OutputFile) throws -> JobSummary {
    let start = ContinuousClock.now
    progress.setTotal(plan.inputByteCount + plan.outputByteCount)

    // 1. The output, under a temporary name, with every dataset at its place.
    let (datasets, earlier) = try prepare(output)
    let journal =
      output.file == nil || plan.job.configuration.outputStorage.layout == .contiguous
      ? Journal(
        output, output.unfinished, job: { [plan] in JobIdentity(plan).json },
        beginning: Places(datasets.map(\.offsets)).bytes, interval: recordInterval,
        synchronizes: plan.job.configuration.synchronizes, clock: progress.clock) : nil

    // 2. Layer by layer.
    var summaries: [LayerSummary] = []
    for (index, layer) in plan.layers.enumerated() {
      try cancellation.check()
      layerBegins(layer, plan.schedules[index])
      let ledger = plan.schedules[index].ledger
      summaries.append(
        try LayerExecution(
          layer: layer, schedule: plan.schedules[index], ledger: ledger, job: plan.job, input: plan.input,
          progress: progress, cancellation: cancellation, index: index,
          // What diagnostics gather over the batches no record holds.
          journal: layer.diagnoses ? nil : journal, earlier: earlier
        ).run(into: datasets[index]))
      try datasets[index].close()
      layerEnds(layer, ledger)
    }

    // 3. The output gets its name.
    try cancellation.check()
    try plan.input.checkIsUnchanged()
    try progress.clock.measure(.write) { try output.complete() }
    return JobSummary(
      status: .done, version: programVersion, input: plan.job.input, output: output.path,
      configuration: plan.job.configuration, layers: summaries,
      totals: JobTotals(of: summaries, seconds: start.duration(to: .now).seconds),
      threads: plan.job.threads, memoryLimit: plan.job.memory, limits: plan.job.limits,
      peakMemoryBytes: peakMemory(), time: progress.clock.times)
  }

  /// Creates the datasets, or finds those of an earlier run and what it finished.
  private func prepare(_ output: OutputFile) throws -> ([LayerDatasets], EarlierWork) {
    if let ledger = output.unfinished { return try goOn(with: ledger, output) }
    let file = output.created
    try Provenance(plan.input, plan.job.configuration).write(to: file.root)
    let storage = plan.job.configuration.outputStorage
    let datasets = try plan.layers.map {
      try LayerDatasets($0, storage, in: output, file, clock: progress.clock)
    }
    // From here on the file knows where each dataset lies; the library is needed again for chunks only.
    try file.flush()
    if storage.layout == .contiguous { try file.close() }
    try output.positional.allocate()
    return (datasets, EarlierWork())
  }

  private func goOn(with ledger: Ledger, _ output: OutputFile) throws -> ([LayerDatasets], EarlierWork) {
    var datasets: [LayerDatasets] = []
    let earlier = try EarlierWork(ledger, plan.layers) { bytes in
      let places = try Places(bytes, plan.layers)
      datasets = zip(plan.layers, places.offsets).map {
        LayerDatasets($0, at: $1, in: output, clock: progress.clock)
      }
    } checks: { layer, parts in
      try cancellation.check()
      return try areThere(parts, plan.layers[layer], datasets[layer])
    }
    guard !datasets.isEmpty || plan.layers.isEmpty else {
      throw StreamError.outputTakenOver(path: output.path)
    }
    continues(Continuation(earlier, plan, folder: output.resumableFolder ?? ""))
    return (datasets, earlier)
  }

  /// True if all parts of a layer are in the file as they were written.
  private func areThere(_ parts: [WrittenPart], _ layer: Layer, _ datasets: LayerDatasets) throws -> Bool {
    let isDamaged = Atomic<Bool>(false)
    let clock = progress.clock
    try WorkerPool(workerCount: plan.job.threads, cancellation: cancellation)
      .run(taskCount: parts.count) { index in
        guard !isDamaged.load(ordering: .relaxed) else { return }
        let part = parts[index]
        let rowByteCount =
          layer.layout(of: part.result).positionRows * layer.layout(of: part.result).planeLength
          * part.part.features.count * layer.type(of: part.result).byteCount
        let buffer = try AlignedBuffer(byteCount: part.part.samples.count * rowByteCount)
        guard let reader = datasets.reader(of: part.result) else { return }
        try reader.read(part.part, into: buffer.bytes, clock: clock)
        if Checksum(of: UnsafeRawBufferPointer(buffer.bytes)) != part.checksum {
          isDamaged.store(true, ordering: .relaxed)
        }
        if part.result.entry.shape == .samples { clock.addBytesRead(buffer.bytes.count) }
      }
    return !isDamaged.load(ordering: .relaxed)
  }
}

/// What is continued, for people.
public struct Continuation: Sendable {
  /// The folder with the unfinished output.
  public let folder: String
  /// The share of all samples of all layers whose results are finished, from 0 to 1.
  public let share: Double
  /// Layers of which something is not as it was written, and is computed again.
  public let damaged: [String]

  fileprivate init(_ earlier: EarlierWork, _ plan: JobPlan, folder: String) {
    self.folder = folder
    var (done, total) = (0.0, 0.0)
    for (index, layer) in plan.layers.enumerated() {
      let bytes = Double(max(1, layer.inputByteCount))
      total += bytes
      for record in earlier.slices[index] ?? [] {
        let samples = record.isFinished ? layer.batches.sampleCount : layer.samples(before: record.position)
        done +=
          bytes * Double(samples) / Double(max(1, layer.batches.sampleCount))
          * Double(record.features.count) / Double(layer.featureCount)
      }
    }
    share = total > 0 ? min(1, done / total) : 1
    damaged = earlier.damaged.keys.sorted().map { plan.layers[$0].path }
  }
}

extension Layer {
  /// Samples whose results are written.
  fileprivate func samples(before position: SlicePosition) -> Int {
    guard position.batch < batches.count else { return batches.sampleCount }
    if case .written(let samples, _) = position.within { return batches[position.batch].lowerBound + samples }
    return batches[position.batch].lowerBound
  }
}

/// The first record of a ledger: where the datasets of each layer begin in the file.
private struct Places {
  let offsets: [[LayerResult: Int64?]]

  private static let kind = 1

  init(_ offsets: [[LayerResult: Int64?]]) { self.offsets = offsets }

  var bytes: [UInt8] {
    var writer = RecordWriter()
    writer.append(Self.kind)
    writer.append(offsets.count)
    for offsets in offsets {
      for result in LayerResult.allCases {
        writer.append(offsets[result].map { $0.map(Int.init) ?? -1 } ?? -2)
      }
    }
    return writer.bytes
  }

  /// - Throws: `RecordReader.Malformed` if it is no such record.
  init(_ bytes: [UInt8], _ layers: [Layer]) throws {
    var reader = RecordReader(bytes)
    guard try reader.number() == Self.kind, try reader.number() == layers.count else {
      throw RecordReader.Malformed()
    }
    offsets = try layers.map { _ in
      var offsets: [LayerResult: Int64?] = [:]
      for result in LayerResult.allCases {
        let offset = try reader.number()
        if offset >= -1 { offsets.updateValue(offset < 0 ? nil : Int64(offset), forKey: result) }
      }
      return offsets
    }
  }
}

/// The story of one layer: its slices, each with the statistics pass and the apply pass over its batches, and the fold of
/// their results.
struct LayerExecution: Sendable {
  let layer: Layer
  let schedule: Schedule
  /// Lends what buffers take.
  let ledger: MemoryLedger
  let job: Job
  let input: InputFile
  let progress: JobProgress
  let cancellation: Cancellation
  /// The layer's number in the plan.
  var index = 0
  /// Where to say how far the work is; nil where nobody could go on.
  var journal: Journal?
  var earlier = EarlierWork()

  /// - Returns: what the summary says of the layer.
  func run(into destination: any LayerWriter) throws -> LayerSummary {
    let (bytesRead, bytesWritten) = (progress.clock.bytesRead, progress.clock.bytesWritten)
    let counts = LayerCounts()
    var writers: [LayerResult: any TensorWriter] = [:]
    for result in LayerResult.allCases { writers[result] = try destination.writer(of: result) }
    let slices = schedule.slices(of: layer)
    let firstError = FirstDataError()
    try WorkerPool(workerCount: schedule.slicesAtOnce, cancellation: cancellation)
      .run(taskCount: slices.count) { [writers] slice in
        try firstError.keeping { try run(slices[slice], writers, counts, firstError) }
      }
    try firstError.rethrow()
    try writers[.batchCount]?.writeSampleCounts(of: layer.batches)
    if let quantiles = schedule.quantiles, let writer = writers[.quantiles] {
      try QuantileExecution(
        layer, quantiles, in: input, job, clock: progress.clock, cancellation: cancellation
      ).run(ledger, into: writer)
    }

    var summary = LayerSummary(layer, job.configuration, passes: schedule.passes(layer))
    counts.fill(&summary)
    summary.bytesRead = progress.clock.bytesRead - bytesRead
    summary.bytesWritten = progress.clock.bytesWritten - bytesWritten
    return summary
  }

  /// Computes some of the features: the two passes, as the schedule orders them.
  private func run(
    _ slice: LayerSlice, _ writers: [LayerResult: any TensorWriter], _ counts: LayerCounts,
    _ firstError: FirstDataError
  ) throws {
    let clock = progress.clock
    let earlier = earlier.record(of: slice.features, ofLayer: index)
    if let earlier, earlier.isFinished {
      try counts.add(finished: earlier.fold, featureCount: slice.features.count)
      counts.addOverflows(earlier.overflows)
      return
    }
    let loan = try ledger.borrow(schedule.needs.fold.byteCount)
    defer { withExtendedLifetime(loan) {} }
    let course = HandedOver(
      try SliceCourse(
        slice, layerIndex: index,
        ResultFold(slice, file: input.path, configuration: job.configuration, writers: writers), firstError,
        journal, from: earlier))
    let reader = try SampleReader(
      slice, from: input, workers: job.threads, memory: job.memory, clock: clock)
    let writer = SampleWriter(slice, to: writers, clock: clock)
    let stretches = Stretches(slice, reader, writer)
    let statistics = StatisticsPass(reader: reader, stretches: stretches, clock: clock)
    let apply = ApplyPass(reader: reader, writer: writer, stretches: stretches, clock: clock)
    let pool = WorkerPool(workerCount: schedule.workers, cancellation: cancellation)
    switch schedule.division {
    case .wholeBatches(let batchesPerTask):
      try WholeBatches(
        slice: slice, batchesPerTask: batchesPerTask, needs: schedule.needs, statistics: statistics,
        apply: apply
      ).run(pool, ledger, slice.rule(), course)
    case .segments(let samplesPerSegment, let retained):
      try Segments(
        slice: slice, samplesPerSegment: samplesPerSegment, retained: retained, needs: schedule.needs,
        statistics: statistics, apply: apply
      ).run(pool, ledger, slice.rule(), course)
    }
    try course.value.finish(counts)
  }
}
