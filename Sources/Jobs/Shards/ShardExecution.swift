import BatchNorm
import Configuration
import LayerFiles
import Parallel

/// The story of a shard: its batches of each layer, written to their places in the output that all processes share; and in the
/// process that finds all shards done, everything that comes after them.
///
/// Everything but the large tensors is a fold over what the batches gave, in their order, whoever computed them: so the output has the same bytes however the
/// batches were divided.
struct ShardExecution {
  let plan: JobPlan
  let shard: Shard
  let output: OutputFile
  let datasets: [LayerDatasets]
  let progress: JobProgress
  let cancellation: Cancellation
  let recordInterval: Duration
  let layerBegins: (Layer, Schedule) -> Void
  /// Tells whether parts of a layer's results are in the file as they were written.
  let areThere: ([WrittenPart], _ layer: Int) throws -> Bool

  /// Some features of a layer.
  private struct Key: Hashable, Sendable {
    let layer: Int
    let features: Range<Int>
  }

  /// Computes the batches of the shard that are not done yet.
  func compute() throws {
    let ledger = try output.ledger(of: shard)
    var (next, isDone) = ([Key: Int](), false)
    var broken: Set<Key> = []
    let division = ShardDivision(plan.layers)
    try ledger.read { bytes in
      if ShardEnd.isEnd(bytes) { isDone = broken.isEmpty }
      guard let record = BatchesRecord(bytes, plan.layers) else { return }
      try cancellation.check()
      let key = Key(layer: record.layer, features: record.features)
      let expected = next[key] ?? division.batches(ofLayer: record.layer, shard).lowerBound
      guard record.batches.lowerBound == expected, !broken.contains(key) else { return }
      if try areThere(record.parts, record.layer) {
        next[key] = record.batches.upperBound
      } else {
        // What comes after is computed again, too.
        broken.insert(key)
      }
    }
    guard !isDone else { return }
    let journal = Journal(
      output, ledger, job: { [] }, beginning: [], interval: recordInterval,
      synchronizes: plan.job.configuration.synchronizes, clock: progress.clock)
    let work = plan.layers.indices.map { (layer: $0, batches: division.batches(ofLayer: $0, shard)) }
      .filter { !$0.batches.isEmpty }
    progress.setTotal(
      work.reduce(0) { total, part in
        let (layer, schedule) = (plan.layers[part.layer], plan.schedules[part.layer])
        let bytes = schedule.bytesToRead(layer) + layer.outputByteCount
        return total
          + Int(Double(bytes) * Double(layer.samples(in: part.batches)) / Double(layer.batches.sampleCount))
      })
    for (index, batches) in work {
      try cancellation.check()
      layerBegins(plan.layers[index], plan.schedules[index])
      let layer = execution(of: index)
      let writers = try writers(of: index)
      try layer.inSlices { [next, plan] slice, firstError in
        let loan = try layer.ledger.borrow(layer.schedule.needs.fold.byteCount)
        defer { withExtendedLifetime(loan) {} }
        let start = next[Key(layer: index, features: slice.features)] ?? batches.lowerBound
        guard start < batches.upperBound else { return }
        let fold = try ResultFold(
          slice, file: plan.input.path, configuration: plan.job.configuration, writers: [:])
        let course = ShardCourse(
          slice, layerIndex: index, fold, firstError, journal, batches: start..<batches.upperBound)
        try layer.compute(slice, writers, HandedOver(course))
      }
    }
    try journal.add(ShardEnd.bytes, isLast: true)
  }

  /// Finishes the output, if all shards are done and no other process has.
  /// - Returns: the shards that are not done, and if none is missing what the summary says of the layers; nothing of them
  ///   if another process finished it.
  func finish() throws -> (missing: [Int], layers: [LayerSummary]) {
    guard try output.beginFinish() else { return ([], []) }
    defer { output.endFinish() }
    var ledgers: [Ledger] = []
    var places: [Key: [(batches: Range<Int>, ledger: Int, place: Int64)]] = [:]
    var missing: [Int] = []
    for index in 0..<shard.count {
      try cancellation.check()
      var isDone = false
      if let ledger = try output.existingLedger(of: Shard(index: index, count: shard.count)!) {
        let number = ledgers.count
        ledgers.append(ledger)
        try ledger.readPlaced { bytes, place in
          if ShardEnd.isEnd(bytes) { isDone = true }
          guard let record = BatchesRecord(bytes, plan.layers) else { return }
          let key = Key(layer: record.layer, features: record.features)
          places[key, default: []].append((record.batches, number, place))
        }
      }
      if !isDone { missing.append(index) }
    }
    guard missing.isEmpty else { return (missing, []) }
    var summaries: [LayerSummary] = []
    for index in plan.layers.indices {
      try cancellation.check()
      let start = (progress.clock.bytesRead, progress.clock.bytesWritten)
      let (layer, counts) = (execution(of: index), LayerCounts())
      let writers = try writers(of: index)
      try layer.inSlices { [places, ledgers, layers = plan.layers, path = output.path] slice, _ in
        let records = places[Key(layer: index, features: slice.features)] ?? []
        try layer.fold(slice, records, ledgers, layers, writers, counts, for: path)
      }
      try layer.finish(writers)
      summaries.append(layer.summary(counts, since: start))
    }
    try progress.clock.measure(.write) { try output.complete() }
    return ([], summaries)
  }

  private func execution(of index: Int) -> LayerExecution {
    LayerExecution(
      layer: plan.layers[index], schedule: plan.schedules[index], ledger: plan.schedules[index].ledger,
      job: plan.job, input: plan.input, progress: progress, cancellation: cancellation, index: index)
  }

  private func writers(of index: Int) throws -> [LayerResult: any TensorWriter] {
    var writers: [LayerResult: any TensorWriter] = [:]
    for result in LayerResult.allCases { writers[result] = try datasets[index].writer(of: result) }
    return writers
  }
}

extension Layer {
  /// Samples of some batches.
  func samples(in range: Range<Int>) -> Int {
    range.isEmpty ? 0 : batches[range.upperBound - 1].upperBound - batches[range.lowerBound].lowerBound
  }
}

extension LayerExecution {
  /// Folds what the batches of a slice gave, in their order.
  /// - Parameter records: where it stands, for each batch at least once.
  fileprivate func fold(
    _ slice: LayerSlice, _ records: [(batches: Range<Int>, ledger: Int, place: Int64)], _ ledgers: [Ledger],
    _ layers: [Layer], _ writers: [LayerResult: any TensorWriter], _ counts: LayerCounts, for output: String
  ) throws {
    let fold = try ResultFold(
      slice, file: input.path, configuration: job.configuration, writers: writers)
    let result = BatchResult(
      slice.decomposition, try slice.rule(), hasMask: slice.hasMask, diagnoses: slice.layer.diagnoses)
    var notes = WorkNotes(.nothing)
    var next = 0
    // What was computed again comes later in a ledger, and is the same.
    for (batches, ledger, place) in records.sorted(by: { $0.batches.lowerBound < $1.batches.lowerBound })
    where batches.upperBound > next {
      try cancellation.check()
      guard let bytes = try ledgers[ledger].record(at: place),
        let record = BatchesRecord(bytes, layers), batches.lowerBound <= next
      else { throw StreamError.outputTakenOver(path: output) }
      for (batch, bytes) in zip(batches, record.results) where batch >= next {
        try result.restore(from: bytes)
        try fold.add(result, batch: batch, &notes)
      }
      counts.addOverflows(record.overflows)
      next = batches.upperBound
    }
    guard next == slice.layer.batches.count else { throw StreamError.outputTakenOver(path: output) }
    try fold.finish(counts, &notes)
  }
}
