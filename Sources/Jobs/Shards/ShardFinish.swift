import BatchNorm
import Configuration
import LayerFiles
import Parallel

/// The end of a job in shards, in the process that finds all of them done: the fold over what the batches gave, what shards have
/// kept because several have a part of the same page or chunk, and the output's name.
struct ShardFinish: Sendable {
  private let context: ShardContext
  private var plan: JobPlan { context.plan }

  init(_ context: ShardContext) { self.context = context }

  /// Finishes the output, if all shards are done and no other process has.
  /// - Parameter create: gives the datasets; creates them if chunks are laid out now.
  /// - Returns: the shards that are not done, and if none is missing what the summary says of the layers; nothing of them
  ///   if another process finished it.
  func run(create: () throws -> [LayerDatasets]) throws -> (missing: [Int], layers: [LayerSummary]) {
    let output = context.output
    let done = output.shards(of: context.shard.count, areDone: true)
    var missing = (0..<context.shard.count).filter { !done.contains($0) }
    // Of those that come at the same time the last one to say that it is done sees all.
    guard missing.isEmpty else { return output.isGone ? ([], []) : (missing, []) }
    guard try output.beginFinish() else { return ([], []) }
    defer { output.endFinish() }
    var found = FoundRecords()
    for index in 0..<context.shard.count {
      try context.cancellation.check()
      let shard = Shard(index: index, count: context.shard.count)!
      guard let ledger = try output.existingLedger(of: shard),
        try found.read(ledger, of: shard, plan.layers)
      else {
        missing.append(index)
        continue
      }
    }
    guard missing.isEmpty else { return (missing, []) }
    let datasets = try create()
    let shared = found.shared.flatMap { layer, batches in
      batches.map { SharedBatch(layer: layer, batch: $0) }
    }
    guard try ShardJoining(context).join(shared, holdsFinish: true).isEmpty else {
      throw StreamError.outputTakenOver(path: output.path)
    }
    let joined = try JoinedResults(output, plan.layers)
    var summaries: [LayerSummary] = []
    for index in plan.layers.indices {
      try context.cancellation.check()
      let clock = context.progress.clock
      let start = (clock.bytesRead, clock.bytesWritten)
      try writeCopies(of: index, found, to: datasets[index])
      let (layer, counts) = (context.execution(of: index), LayerCounts())
      var writers: [LayerResult: any TensorWriter] = [:]
      for result in LayerResult.allCases { writers[result] = try datasets[index].writer(of: result) }
      try layer.inSlices { [writers, found] slice, _ in
        try fold(ShardPlace(layer: index, slice: slice), layer, found, joined, writers, counts)
      }
      try layer.finish(writers)
      try datasets[index].close()
      summaries.append(layer.summary(counts, since: start))
    }
    try context.progress.clock.measure(.write) { try output.complete() }
    return ([], summaries)
  }

  /// Writes what shards have kept of a layer.
  private func writeCopies(of index: Int, _ found: FoundRecords, to datasets: LayerDatasets) throws {
    // One at a time: there are more shards than a process may have files open.
    var open: (shard: Int, spool: Spool?)?
    func bytes(_ place: Spool.Place, of shard: Int) throws -> AlignedBuffer {
      let owner = Shard(index: shard, count: context.shard.count)!
      if open?.shard != shard { open = (shard, try context.output.existingSpool(of: owner)) }
      guard let bytes = try open?.spool?.bytes(at: place) else { throw context.output.damage(of: owner) }
      return bytes
    }
    for (shard, part) in found.copies[index] ?? [] {
      try context.cancellation.check()
      guard let copy = part.copy else { continue }
      let bytes = try bytes(copy, of: shard)
      try datasets.writer(of: part.result)?.write(part.part, from: UnsafeRawBufferPointer(bytes.bytes))
    }
    let chunks = found.chunks[index] ?? [:]
    try datasets.writeChunks { result, firstSample in
      try context.cancellation.check()
      guard let (shard, chunk) = chunks[result]?[firstSample] else { return nil }
      return (chunk, try bytes(chunk.place, of: shard))
    }
  }

  /// Folds what the batches of a slice gave, in their order.
  private func fold(
    _ place: ShardPlace, _ layer: LayerExecution, _ found: FoundRecords, _ joined: JoinedResults,
    _ writers: [LayerResult: any TensorWriter], _ counts: LayerCounts
  ) throws {
    let slice = place.slice
    let loan = try layer.ledger.borrow(layer.schedule.needs.fold.byteCount)
    defer { withExtendedLifetime(loan) {} }
    let fold = try ResultFold(
      slice, file: plan.input.path, configuration: plan.job.configuration, writers: writers)
    let result = BatchResult(
      slice.decomposition, try slice.rule(), hasMask: slice.hasMask, diagnoses: slice.layer.diagnoses)
    var notes = WorkNotes(.nothing)
    var next = 0
    var open: (shard: Int, records: LedgerRecords?)?
    let taken = StreamError.outputTakenOver(path: context.output.path)
    for (shard, range, position) in found.batches(at: place.key) {
      try context.cancellation.check()
      guard range.lowerBound <= next else { throw taken }
      guard range.upperBound > next else { continue }
      guard let position else {
        guard let bytes = try joined.result(of: next, at: place.key) else { throw taken }
        try result.restore(from: bytes)
        try fold.add(result, batch: next, &notes)
        next += 1
        continue
      }
      if open?.shard != shard {
        let owner = Shard(index: shard, count: context.shard.count)!
        open = (shard, try context.output.existingLedger(of: owner).map { LedgerRecords($0) })
      }
      open?.records?.move(to: position)
      guard let bytes = try open?.records?.next()?.contents,
        let record = ShardRecord(bytes, plan.layers), case .batches(let batches, let results) = record.work
      else { throw taken }
      for (batch, bytes) in zip(batches, results) where batch >= next {
        try result.restore(from: Array(bytes))
        try fold.add(result, batch: batch, &notes)
      }
      next = batches.upperBound
    }
    guard next == slice.layer.batches.count else { throw taken }
    counts.addOverflows(found.overflows[place.key] ?? 0)
    try fold.finish(counts, &notes)
  }
}

/// Where the ledgers of all shards say what.
private struct FoundRecords: Sendable {
  /// Of each slice, the batches that shards have alone, and where their results stand.
  private var alone: [ShardPlace.Key: [(shard: Int, batches: Range<Int>, position: Int64)]] = [:]
  /// The batches of each layer that several have.
  var shared: [Int: Set<Int>] = [:]
  var overflows: [ShardPlace.Key: Int] = [:]
  /// Of each layer, what is written now.
  var copies: [Int: [(shard: Int, part: WrittenPart)]] = [:]
  /// Of each layer, the chunks of each result by their first sample.
  var chunks: [Int: [LayerResult: [Int: (shard: Int, chunk: SpooledChunk)]]] = [:]

  /// - Returns: true if the shard is done.
  mutating func read(_ ledger: Ledger, of shard: Shard, _ layers: [Layer]) throws -> Bool {
    var isDone = false
    try ledger.readPlaced { bytes, position in
      if ShardMark(bytes) == .end { isDone = true }
      guard let record = ShardRecord(bytes, layers) else { return }
      let key = ShardPlace.Key(layer: record.layer, features: record.features)
      switch record.work {
      case .batches(let batches, _): alone[key, default: []].append((shard.index, batches, position))
      case .moments(let batch, _): shared[record.layer, default: []].insert(batch)
      case .written: break
      }
      overflows[key, default: 0] += record.overflows
      for part in record.parts where part.copy != nil {
        copies[record.layer, default: []].append((shard.index, part))
      }
      for written in record.chunks {
        chunks[record.layer, default: [:]][written.result, default: [:]][written.chunk.samples.lowerBound] =
          (shard.index, written.chunk)
      }
    }
    return isDone
  }

  /// The batches of a slice in their order, and where what they gave stands: nil for one that is joined.
  func batches(at place: ShardPlace.Key) -> [(shard: Int, batches: Range<Int>, position: Int64?)] {
    let all =
      (alone[place] ?? []).map { (shard: $0.shard, batches: $0.batches, position: Int64?($0.position)) }
      + (shared[place.layer] ?? []).map { (shard: 0, batches: $0..<$0 + 1, position: nil) }
    return all.sorted {
      ($0.batches.lowerBound, $0.batches.upperBound) < ($1.batches.lowerBound, $1.batches.upperBound)
    }
  }
}
