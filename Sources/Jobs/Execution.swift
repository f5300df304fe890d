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

  /// - Parameters:
  ///   - plan: what is to be done.
  ///   - progress: counts what is done.
  ///   - cancellation: stops it when asked.
  ///   - layerBegins: told of each layer before its turn.
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
      path: path, inputs: plan.job.inputs, replaces: plan.job.replacesOutput,
      byteCount: plan.leastOutputByteCount,
      spools: plan.job.configuration.outputStorage.layout == .chunked, shard: plan.job.shard,
      waits: plan.job.waits ? { () throws(StreamError) in try wait() } : nil,
      synchronizes: plan.job.configuration.synchronizes,
      differences: { [plan] in JobIdentity(plan).differences(from: $0) })
    do {
      return try StreamError.translating(.writing(path)) { try write(to: output) }
    } catch let error as StreamError {
      if !error.isResumable { output.giveUp() }
      if error == .interrupted, let folder = output.resumableFolder {
        throw StreamError.suspended(workspace: folder)
      }
      // Of a shard the error says what to run.
      if let folder = output.resumableFolder, plan.job.shard == nil || error.isResumable { keeps(folder) }
      throw error
    } catch {
      output.giveUp()
      throw error
    }
  }

  /// Waits for what another process does.
  private func wait() throws(StreamError) {
    if cancellation.isRequested { throw .interrupted }
    Thread.sleep(forTimeInterval: 0.2)
  }

  private func write(to output: OutputFile) throws -> JobSummary {
    let start = RunStart()
    if plan.job.shard != nil { return try writeShard(to: output, start) }
    progress.setTotal(plan.inputByteCount + plan.outputByteCount)

    // 1. The output, under a temporary name, with every dataset at its place.
    let (datasets, earlier) = try prepare(output)
    let journal = Journal(
      output, output.unfinished, job: { [plan] in JobIdentity(plan).json },
      beginning: DatasetPlaces(datasets.map(\.offsets)).bytes, interval: recordInterval,
      synchronizes: plan.job.configuration.synchronizes, clock: progress.clock)

    // 2. Layer by layer.
    var summaries: [LayerSummary] = []
    for (index, layer) in plan.layers.enumerated() {
      try cancellation.check()
      layerBegins(layer, plan.schedules[index])
      let ledger = plan.schedules[index].ledger
      if let chunks = earlier.chunks[index] { try datasets[index].write(chunks) }
      summaries.append(
        try LayerExecution(
          layer: layer, schedule: plan.schedules[index], ledger: ledger, job: plan.job,
          progress: progress, cancellation: cancellation, index: index,
          journal: journal, earlier: earlier
        ).run(into: datasets[index]))
      try datasets[index].close()
      layerEnds(layer, ledger)
    }

    // 3. The output gets its name.
    try cancellation.check()
    try plan.input.checkIsUnchanged()
    try progress.clock.measure(.write) { try output.complete() }
    return summary(.done, output, summaries, start)
  }

  private func summary(
    _ status: JobSummary.Status, _ output: OutputFile, _ layers: [LayerSummary],
    _ start: RunStart
  ) -> JobSummary {
    let elapsed = start.elapsed
    var summary = JobSummary(
      status: status, version: programVersion, input: plan.job.input, output: output.path,
      configuration: plan.job.configuration, layers: layers,
      totals: JobTotals(of: layers, seconds: elapsed.seconds, processorSeconds: elapsed.processorSeconds),
      threads: plan.job.threads, memoryLimit: plan.job.memory, limits: plan.job.limits,
      peakMemoryBytes: peakMemory(), time: progress.clock.times)
    summary.inputs = plan.job.severalInputs
    return summary
  }

  /// The same for a shard: what it has of each layer, and if all others are done, everything that comes after them.
  private func writeShard(to output: OutputFile, _ start: RunStart) throws -> JobSummary {
    let storage = plan.job.configuration.outputStorage
    let datasets: [LayerDatasets]
    if let ledger = output.unfinished {
      datasets = try self.datasets(of: ledger, output)
    } else {
      // Chunks are laid out by who finishes the file.
      datasets =
        storage.layout == .contiguous
        ? try create(output)
        : plan.layers.map { LayerDatasets($0, storage, at: [:], in: output, clock: progress.clock) }
      // From here on others can join.
      _ = try output.begin(
        job: JobIdentity(plan).json, [DatasetPlaces(datasets.map(\.offsets)).bytes])
    }
    let context = ShardContext(
      plan: plan, shard: plan.job.shard!, output: output, datasets: datasets, progress: progress,
      cancellation: cancellation)
    try ShardExecution(context, recordInterval: recordInterval).run(
      layerBegins: layerBegins, isThere: { try isThere($0, datasets[$0.layer], output) },
      isDamaged: { continues(Continuation(folder: output.resumableFolder ?? "", damaged: $0)) })
    try plan.input.checkIsUnchanged()
    let end = try ShardFinish(context).run { storage.layout == .contiguous ? datasets : try create(output) }
    var summary = summary(end.missing.isEmpty ? .done : .part, output, end.layers, start)
    summary.shard = ShardSummary(plan.job.shard!, missing: end.missing)
    return summary
  }

  /// True if all that a shard recorded is as it was written.
  private func isThere(_ record: ShardRecord, _ datasets: LayerDatasets, _ output: OutputFile) throws -> Bool
  {
    try cancellation.check()
    let places = record.parts.compactMap(\.copy) + record.chunks.map(\.chunk.place)
    return try areAll(places.count) { try output.spool?.bytes(at: places[$0]) != nil }
      && areThere(record.parts.filter { $0.copy == nil }, plan.layers[record.layer], datasets)
  }

  /// The datasets of a file that an earlier run, or another process, created.
  private func datasets(of ledger: Ledger, _ output: OutputFile) throws -> [LayerDatasets] {
    guard let bytes = try ledger.record(at: 0) else { throw StreamError.outputTakenOver(path: output.path) }
    return zip(plan.layers, try DatasetPlaces(bytes, plan.layers).offsets).map {
      LayerDatasets(
        $0, plan.job.configuration.outputStorage, at: $1, in: output, clock: progress.clock)
    }
  }

  /// Creates the datasets, or finds those of an earlier run and what it finished.
  private func prepare(
    _ output: OutputFile
  ) throws -> (datasets: [LayerDatasets], earlier: EarlierWork) {
    if let ledger = output.unfinished, output.spool == nil { return try goOn(with: ledger, output) }
    let datasets = try create(output)
    guard let ledger = output.unfinished, let spool = output.spool else { return (datasets, EarlierWork()) }
    return (datasets, try writeAgain(from: spool, ledger, datasets, output))
  }

  /// Creates the datasets.
  private func create(_ output: OutputFile) throws -> [LayerDatasets] {
    try output.createLater()
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
    return datasets
  }

  /// Writes the small results of which an earlier run kept copies. Chunks are written at their layer's turn.
  private func writeAgain(
    from spool: Spool, _ ledger: Ledger, _ datasets: [LayerDatasets], _ output: OutputFile
  ) throws -> EarlierWork {
    let earlier = try EarlierWork(ledger, plan.layers) { _ in
    } checks: { record in
      try cancellation.check()
      let places = record.parts.compactMap(\.copy) + record.chunks.map(\.chunk.place)
      return try areAll(places.count) { try spool.bytes(at: places[$0]) != nil }
    }
    continues(Continuation(earlier, plan, folder: output.resumableFolder ?? ""))
    for (index, parts) in earlier.parts {
      try cancellation.check()
      for part in parts {
        guard let copy = part.copy, let bytes = try spool.bytes(at: copy) else { continue }
        try datasets[index].writer(of: part.result)?.write(
          part.part, from: UnsafeRawBufferPointer(bytes.bytes))
      }
    }
    return earlier
  }

  /// Asks for each of some numbers, on all threads, until one answer is false.
  private func areAll(_ count: Int, _ test: @escaping @Sendable (Int) throws -> Bool) throws -> Bool {
    let isNone = Atomic<Bool>(false)
    try WorkerPool(workerCount: plan.job.threads, cancellation: cancellation).run(taskCount: count) { index in
      guard !isNone.load(ordering: .relaxed), try !test(index) else { return }
      isNone.store(true, ordering: .relaxed)
    }
    return !isNone.load(ordering: .relaxed)
  }

  private func goOn(with ledger: Ledger, _ output: OutputFile) throws -> ([LayerDatasets], EarlierWork) {
    let datasets = try datasets(of: ledger, output)
    let earlier = try EarlierWork(ledger, plan.layers) { _ in
    } checks: { record in
      try cancellation.check()
      return try areThere(record.parts, plan.layers[record.layer], datasets[record.layer])
    }
    continues(Continuation(earlier, plan, folder: output.resumableFolder ?? ""))
    return (datasets, earlier)
  }

  /// True if all parts of a layer are in the file as they were written.
  private func areThere(_ parts: [WrittenPart], _ layer: Layer, _ datasets: LayerDatasets) throws -> Bool {
    let clock = progress.clock
    return try areAll(parts.count) { index in
      let part = parts[index]
      let buffer = try AlignedBuffer(byteCount: layer.byteCount(of: part.result, part.part))
      guard let reader = datasets.reader(of: part.result) else { return true }
      try reader.read(part.part, into: buffer.bytes, clock: clock)
      if part.result.entry.shape == .samples { clock.addBytesRead(buffer.bytes.count) }
      return Checksum(of: UnsafeRawBufferPointer(buffer.bytes)) == part.checksum
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
  let progress: JobProgress
  let cancellation: Cancellation
  /// The layer's number in the plan.
  var index = 0
  /// Where to say how far the work is; nil where nobody could go on.
  var journal: Journal?
  var earlier = EarlierWork()

  /// - Returns: what the summary says of the layer.
  func run(into destination: any LayerWriter) throws -> LayerSummary {
    let start = ContinuousClock.now
    let (bytesRead, bytesWritten) = (progress.clock.bytesRead, progress.clock.bytesWritten)
    let counts = LayerCounts()
    var writers: [LayerResult: any TensorWriter] = [:]
    for result in LayerResult.allCases { writers[result] = try destination.writer(of: result) }
    let keptSamples = destination.keptSamples
    try inSlices { [writers] slice, firstError in
      try run(slice, writers, keptSamples: keptSamples, counts, firstError)
    }
    try finish(writers)
    var summary = summary(counts, since: (bytesRead, bytesWritten))
    summary.seconds = start.duration(to: .now).seconds
    return summary
  }

  /// What the summary says of the layer.
  func summary(_ counts: LayerCounts, since start: (bytesRead: Int, bytesWritten: Int)) -> LayerSummary {
    var summary = LayerSummary(layer, job.configuration, passes: schedule.passes(layer))
    counts.fill(&summary)
    summary.bytesRead = progress.clock.bytesRead - start.bytesRead
    summary.bytesWritten = progress.clock.bytesWritten - start.bytesWritten
    return summary
  }

  /// Does something for each slice of the features.
  func inSlices(_ body: @Sendable @escaping (LayerSlice, FirstDataError) throws -> Void) throws {
    let slices = schedule.slices(of: layer)
    let firstError = FirstDataError()
    try WorkerPool(workerCount: schedule.slicesAtOnce, cancellation: cancellation)
      .run(taskCount: slices.count) { index in
        try firstError.keeping { try body(slices[index], firstError) }
      }
    try firstError.rethrow()
  }

  /// Writes what no batch gives.
  func finish(_ writers: [LayerResult: any TensorWriter]) throws {
    try writers[.batchCount]?.writeSampleCounts(of: layer.batches)
    if let quantiles = schedule.quantiles, let writer = writers[.quantiles] {
      try QuantileExecution(
        layer, quantiles, job, clock: progress.clock, cancellation: cancellation
      ).run(ledger, into: writer)
    }
    try HistogramExecution(
      layer, job, progress: progress, cancellation: cancellation
    )?.run(into: writers)
  }

  /// Computes some of the features.
  private func run(
    _ slice: LayerSlice, _ writers: [LayerResult: any TensorWriter], keptSamples: Int,
    _ counts: LayerCounts, _ firstError: FirstDataError
  ) throws {
    var earlier = earlier.record(of: slice.features, ofLayer: index)
    if earlier?.isFinished == true, keptSamples < layer.batches.sampleCount { earlier = nil }
    if let earlier, earlier.isFinished {
      try counts.add(finished: earlier.fold, of: slice)
      counts.addOverflows(earlier.overflows)
      return
    }
    let loan = try ledger.borrow(schedule.needs.fold.byteCount)
    defer { withExtendedLifetime(loan) {} }
    let course = try SliceCourse(
      slice, layerIndex: index,
      ResultFold(slice, file: job.input, configuration: job.configuration, writers: writers), firstError,
      writers: writers, keptSamples: keptSamples, journal, from: earlier)
    try compute(slice, writers, HandedOver(course))
    try course.finish(counts)
  }

  /// Takes the batches of a slice through the two passes, as the schedule orders them.
  func compute(
    _ slice: LayerSlice, _ writers: [LayerResult: any TensorWriter], _ course: HandedOver<any BatchCourse>
  ) throws {
    let (statistics, apply) = try passes(slice, writers)
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
  }

  /// The workers of a slice.
  var pool: WorkerPool { WorkerPool(workerCount: schedule.workers, cancellation: cancellation) }

  /// The two passes over samples of a slice.
  func passes(
    _ slice: LayerSlice, _ writers: [LayerResult: any TensorWriter]
  ) throws -> (StatisticsPass, ApplyPass) {
    let clock = progress.clock
    let reader = try SampleReader(
      slice, workers: job.threads, memory: job.memory, clock: clock)
    let writer = SampleWriter(slice, to: writers, clock: clock)
    let stretches = Stretches(slice, reader, writer)
    return (
      StatisticsPass(reader: reader, stretches: stretches, clock: clock),
      ApplyPass(reader: reader, writer: writer, stretches: stretches, clock: clock)
    )
  }
}
