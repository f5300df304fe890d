import BatchNorm
import Configuration
import Foundation
import HDF5
import LayerFiles
import Parallel

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

  /// Computes all layers. The output has its name when this returns, and does not exist if it throws.
  /// - Parameter path: the output file.
  /// - Throws: `StreamError`.
  public func write(to path: String) throws -> JobSummary {
    try StreamError.translating(.writing(path)) {
      let start = ContinuousClock.now
      progress.setTotal(plan.inputByteCount + plan.outputByteCount)

      // 1. The output, under a temporary name, with every dataset at its place.
      let output = try OutputFile(
        path: path, input: plan.job.input, replaces: plan.job.replacesOutput,
        byteCount: plan.leastOutputByteCount, synchronizes: plan.job.configuration.synchronizes)
      try Provenance(plan.input, plan.job.configuration).write(to: output.file.root)
      let datasets = try plan.layers.map {
        try LayerDatasets($0, plan.job.configuration.outputStorage, in: output, clock: progress.clock)
      }
      // From here on the file knows where each dataset lies.
      try output.file.flush()
      try output.positional.allocate()

      // 2. Layer by layer.
      var summaries: [LayerSummary] = []
      for (index, layer) in plan.layers.enumerated() {
        try cancellation.check()
        layerBegins(layer, plan.schedules[index])
        let ledger = plan.schedules[index].ledger
        summaries.append(
          try LayerExecution(
            layer: layer, schedule: plan.schedules[index], ledger: ledger, job: plan.job, input: plan.input,
            progress: progress, cancellation: cancellation
          ).run(into: datasets[index]))
        try datasets[index].close()
        layerEnds(layer, ledger)
      }

      // 3. The output gets its name.
      try cancellation.check()
      try plan.input.checkIsUnchanged()
      try progress.clock.measure(.write) { try output.complete() }
      return JobSummary(
        status: .done, version: programVersion, input: plan.job.input, output: path,
        configuration: plan.job.configuration, layers: summaries,
        totals: JobTotals(of: summaries, seconds: start.duration(to: .now).seconds),
        threads: plan.job.threads, memoryLimit: plan.job.memory, limits: plan.job.limits,
        peakMemoryBytes: peakMemory(), time: progress.clock.times)
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
    let loan = try ledger.borrow(schedule.needs.fold.byteCount)
    defer { withExtendedLifetime(loan) {} }
    let fold = HandedOver(
      try ResultFold(slice, file: input.path, configuration: job.configuration, writers: writers))
    let reader = try SampleReader(
      slice, from: input, workers: job.threads, memory: job.memory, clock: clock)
    let writer = SampleWriter(slice, to: writers, counts: counts, clock: clock)
    let stretches = Stretches(slice, reader, writer)
    let statistics = StatisticsPass(reader: reader, stretches: stretches, clock: clock)
    let apply = ApplyPass(
      reader: reader, writer: writer, stretches: stretches, counts: counts, clock: clock)
    let pool = WorkerPool(workerCount: schedule.workers, cancellation: cancellation)
    let consume: @Sendable (BatchResult, Int) throws -> Void = { result, batch in
      try firstError.check(batch: batch)
      try fold.value.add(result, batch: batch)
    }
    switch schedule.division {
    case .wholeBatches(let batchesPerTask):
      try WholeBatches(
        slice: slice, batchesPerTask: batchesPerTask, needs: schedule.needs, statistics: statistics,
        apply: apply
      ).run(pool, ledger, slice.rule(), consume: consume)
    case .segments(let samplesPerSegment, let retained):
      try Segments(
        slice: slice, samplesPerSegment: samplesPerSegment, retained: retained, needs: schedule.needs,
        statistics: statistics, apply: apply
      ).run(pool, ledger, slice.rule(), consume: consume)
    }
    try fold.value.finish(counts)
  }
}
