import BatchNorm
import Configuration
import Foundation
import LayerFiles
import Parallel

/// What everything that a shard does needs.
struct ShardContext: Sendable {
  let plan: JobPlan
  let shard: Shard
  let output: OutputFile
  let datasets: [LayerDatasets]
  let progress: JobProgress
  let cancellation: Cancellation
  let division: ShardDivision

  init(
    plan: JobPlan, shard: Shard, output: OutputFile, datasets: [LayerDatasets], progress: JobProgress,
    cancellation: Cancellation
  ) {
    self.plan = plan
    self.shard = shard
    self.output = output
    self.datasets = datasets
    self.progress = progress
    self.cancellation = cancellation
    division = ShardDivision(plan.layers, count: shard.count)
  }

  func execution(of index: Int) -> LayerExecution {
    LayerExecution(
      layer: plan.layers[index], schedule: plan.schedules[index], ledger: plan.schedules[index].ledger,
      job: plan.job, progress: progress, cancellation: cancellation, index: index)
  }
}

/// The story of a shard, in two turns where it shares batches with other shards.
///
/// First what it has of such a batch passes by for the moments, which are written down for all; then its whole batches, through both
/// passes. When the moments of a shared batch are all there, some process joins them, and each shard writes the results of its part: the second turn.
///
/// Everything but the large tensors is a fold over what the batches gave, in their order, whoever computed them: so the output has the
/// same bytes however the samples were divided.
struct ShardExecution: Sendable {
  private let context: ShardContext
  private let pieces: [ShardPiece]
  private let recordInterval: Duration
  private var plan: JobPlan { context.plan }

  init(_ context: ShardContext, recordInterval: Duration) {
    self.context = context
    self.recordInterval = recordInterval
    pieces = context.plan.layers.indices.map {
      context.division.piece(ofLayer: $0, shard: context.shard.index)
    }
  }

  /// Computes what the shard has and has not done yet.
  /// - Parameters:
  ///   - layerBegins: told of each layer before its turn.
  ///   - isThere: tells whether all that a record says was written is there as it was written.
  ///   - isDamaged: told if something is not, and all of these layers is computed again.
  /// - Throws: `waitsForShards` if something has to wait for others.
  func run(
    layerBegins: (Layer, Schedule) -> Void, isThere: (ShardRecord) throws -> Bool,
    isDamaged: (_ layers: [String]) -> Void
  ) throws {
    var ledger = try context.output.ledger(of: context.shard)
    let found = try ShardProgress(ledger, plan.layers, pieces, isThere: isThere)
    if found.isDamaged {
      isDamaged(pieces.indices.filter { !pieces[$0].isEmpty }.map { plan.layers[$0].path })
      ledger = try context.output.newLedger(of: context.shard)
    }
    let earlier = found.isDamaged ? ShardProgress() : found
    if earlier.isDone { return try context.output.mark(context.shard, isDone: true) }
    let journal = Journal(
      context.output, ledger, job: { [] }, beginning: [], interval: recordInterval,
      synchronizes: plan.job.configuration.synchronizes, clock: context.progress.clock)
    context.progress.setTotal(pieces.indices.reduce(0) { $0 + byteCount(left: earlier, ofLayer: $1) })

    try forEachPart(layerBegins) { place, part, layer in
      try collect(earlier.left(toCollect: part, at: place), place, layer, journal)
    }
    try journal.flush()
    if pieces.contains(where: { !$0.parts.isEmpty }) { try context.output.mark(context.shard, isDone: false) }
    for (index, piece) in pieces.enumerated() where !piece.batches.isEmpty {
      try context.cancellation.check()
      layerBegins(plan.layers[index], plan.schedules[index])
      let layer = context.execution(of: index)
      try layer.inSlices { slice, firstError in
        let place = ShardPlace(layer: index, slice: slice)
        try compute(piece, earlier, place, layer, firstError, journal)
      }
    }
    try journal.flush()
    try waitForOthers(journal)
    let joined = try JoinedResults(context.output, plan.layers)
    try forEachPart(layerBegins) { place, part, layer in
      guard place.slice.layer.writesLargeResults else { return }
      try write(part, earlier, place, layer, joined, journal)
    }
    try journal.add(ShardMark.end.bytes, isLast: true)
    try context.output.mark(context.shard, isDone: true)
  }

  /// Bytes that are yet to be read and written of a layer, about.
  private func byteCount(left earlier: ShardProgress, ofLayer index: Int) -> Int {
    let (layer, schedule, piece) = (plan.layers[index], plan.schedules[index], pieces[index])
    // Shares of the layer.
    var (whole, toCollect, toWrite) = (0.0, 0.0, 0.0)
    for slice in schedule.slices(of: layer) {
      let place = ShardPlace(layer: index, slice: slice)
      let share =
        Double(slice.features.count) / Double(layer.featureCount * max(1, layer.batches.sampleCount))
      whole += share * Double(layer.samples(in: earlier.batchesLeft(piece, at: place)))
      for part in piece.parts {
        toCollect += share * Double(earlier.left(toCollect: part, at: place).samples.count)
        guard layer.writesLargeResults else { continue }
        toWrite += share * Double(earlier.left(toWrite: part, at: place).samples.count)
      }
    }
    return Int(
      (Double(schedule.bytesToRead(layer) + layer.outputByteCount) * whole
        + Double(layer.inputByteCount) * toCollect
        + Double(layer.inputByteCount + layer.outputByteCount) * toWrite).rounded())
  }

  /// Does something for each slice of each part of a batch.
  private func forEachPart(
    _ layerBegins: (Layer, Schedule) -> Void,
    _ body: @escaping @Sendable (ShardPlace, BatchPart, LayerExecution) throws -> Void
  ) throws {
    for (index, piece) in pieces.enumerated() where !piece.parts.isEmpty {
      try context.cancellation.check()
      layerBegins(plan.layers[index], plan.schedules[index])
      let layer = context.execution(of: index)
      for part in piece.parts {
        try layer.inSlices { slice, _ in try body(ShardPlace(layer: index, slice: slice), part, layer) }
      }
    }
  }

  /// The first turn of a part of a batch.
  private func collect(
    _ part: BatchPart, _ place: ShardPlace, _ layer: LayerExecution, _ journal: Journal
  ) throws {
    guard !part.samples.isEmpty else { return }
    let segments = try layer.segments(place.slice, [:])
    let work = try segments.work(layer.pool, layer.ledger, place.slice.rule())
    let total = work.total
    total.value.begin(atLeaf: part.samples.lowerBound / place.slice.decomposition.samplesPerLeaf)
    try segments.collect(part, work) { end in
      guard end == part.samples.upperBound || journal.isDue else { return }
      let moments = total.value.takePart()
      let record = ShardRecord(place.layer, place.slice.features, .moments(batch: part.batch, moments))
      try journal.add(record.bytes)
      total.value.begin(atLeaf: end / place.slice.decomposition.samplesPerLeaf)
    }
  }

  /// The whole batches of a piece.
  private func compute(
    _ piece: ShardPiece, _ earlier: ShardProgress, _ place: ShardPlace, _ layer: LayerExecution,
    _ firstError: FirstDataError, _ journal: Journal
  ) throws {
    let batches = earlier.batchesLeft(piece, at: place)
    guard !batches.isEmpty else { return }
    let loan = try layer.ledger.borrow(layer.schedule.needs.fold.byteCount)
    defer { withExtendedLifetime(loan) {} }
    let all = place.slice.layer.batches
    let samples = all[piece.batches.lowerBound].lowerBound..<all[piece.batches.upperBound - 1].upperBound
    let (writers, keeping, first) = destination(
      of: samples, from: all[batches.lowerBound].lowerBound, earlier, place)
    let fold = try ResultFold(
      place.slice, file: plan.input.path, configuration: plan.job.configuration, writers: [:])
    let course = ShardCourse(
      place, fold, firstError, journal, keeping, writers, batches: batches, firstSample: first)
    try layer.compute(place.slice, writers, HandedOver(course))
  }

  /// The second turn of a part of a batch.
  private func write(
    _ part: BatchPart, _ earlier: ShardProgress, _ place: ShardPlace, _ layer: LayerExecution,
    _ joined: JoinedResults, _ journal: Journal
  ) throws {
    let left = earlier.left(toWrite: part, at: place)
    guard !left.samples.isEmpty else { return }
    let start = place.slice.layer.batches[part.batch].lowerBound
    let samples = start + part.samples.lowerBound..<start + part.samples.upperBound
    let (writers, keeping, first) = destination(
      of: samples, from: start + left.samples.lowerBound, earlier, place)
    let segments = try layer.segments(place.slice, writers)
    let work = try segments.work(layer.pool, layer.ledger, place.slice.rule())
    guard let result = try joined.result(of: part.batch, at: place.key) else {
      throw StreamError.outputTakenOver(path: context.output.path)
    }
    try work.result.value.restore(from: result)
    // What was counted when an earlier run wrote it is written again where its chunks were not full.
    let again = BatchPart(
      batch: part.batch, samples: min(first - start, left.samples.lowerBound)..<left.samples.lowerBound)
    try segments.write(again, work, WorkNotes(keeping)) { _, _ in }
    let notes = HandedOver(PartNotes(keeping, from: left.samples.lowerBound))
    try segments.write(left, work, WorkNotes(keeping)) { end, more in
      notes.value.notes.add(more)
      guard end == left.samples.upperBound || journal.isDue else { return }
      let written = BatchPart(batch: part.batch, samples: notes.value.start..<end)
      var record = ShardRecord(place.layer, place.slice.features, .written(written))
      (record.overflows, record.parts) = (notes.value.notes.overflows, notes.value.notes.parts)
      record.chunks = WrittenChunk.taken(from: writers)
      try journal.add(record.bytes)
      notes.value.begin(at: end)
    }
  }

  /// What was written of a part since the last record.
  private final class PartNotes {
    var notes: WorkNotes
    var start: Int

    init(_ keeping: Keeping, from start: Int) {
      notes = WorkNotes(keeping)
      self.start = start
    }

    func begin(at start: Int) {
      self.start = start
      notes = WorkNotes(notes.keeping)
    }
  }

  /// Where samples of the layer go.
  /// - Parameter next: all before it are recorded.
  private func destination(
    of samples: Range<Int>, from next: Int, _ earlier: ShardProgress, _ place: ShardPlace
  ) -> (writers: [LayerResult: any TensorWriter], Keeping, firstSample: Int) {
    let datasets = context.datasets[place.layer]
    let kept = datasets.keptSamples(of: samples, earlier.keptChunks(at: place))
    var inner: [LayerResult: Range<Int>] = [:]
    for result in place.slice.layer.largeResults {
      inner[result] = datasets.innerSamples(of: result, samples)
    }
    let keepsChunks = plan.job.configuration.outputStorage.layout == .chunked
    let spool = context.output.spool!
    return (
      datasets.writers(of: ShardSamples(samples, keptSamples: keepsChunks ? kept : samples.lowerBound)),
      keepsChunks ? .copies(spool) : .outerCopies(spool, inner: inner), min(kept, next)
    )
  }

  /// Waits until what the batches gave is known that others have parts of.
  /// - Throws: `waitsForShards` unless the job waits.
  private func waitForOthers(_ journal: Journal) throws {
    let joining = ShardJoining(context)
    let shared = pieces.enumerated().filter { plan.layers[$0.offset].writesLargeResults }.flatMap {
      index, piece in
      piece.parts.map { SharedBatch(layer: index, batch: $0.batch) }
    }
    var pause = 0.1
    while true {
      let missing = try joining.join(shared)
      if missing.isEmpty { return }
      guard plan.job.waits else {
        try journal.add(ShardMark.waiting.bytes, isLast: true)
        throw StreamError.waitsForShards(
          path: context.output.path, workspace: context.output.workspaceFolder, shard: context.shard,
          missing: missing)
      }
      try context.cancellation.check()
      Thread.sleep(forTimeInterval: pause)
      pause = min(2, 1.2 * pause)
    }
  }
}

extension LayerExecution {
  /// The schedule for a part of a batch: nothing stays in memory between the turns.
  func segments(_ slice: LayerSlice, _ writers: [LayerResult: any TensorWriter]) throws -> Segments {
    guard case .segments(let samples, _) = schedule.division else {
      preconditionFailure("\(layer.path) has batches that are cut, and is planned otherwise")
    }
    let (statistics, apply) = try passes(slice, writers)
    return Segments(
      slice: slice, samplesPerSegment: samples, retained: 0, needs: schedule.needs, statistics: statistics,
      apply: apply)
  }
}

extension Layer {
  /// Samples of some batches.
  func samples(in range: Range<Int>) -> Int {
    range.isEmpty ? 0 : batches[range.upperBound - 1].upperBound - batches[range.lowerBound].lowerBound
  }
}
