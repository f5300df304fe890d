import BatchNorm
import Configuration
import LayerFiles
import Parallel

/// A batch that several shards share.
struct SharedBatch: Hashable, Sendable {
  /// The number of the layer in the plan.
  let layer: Int
  let batch: Int
}

/// What shared batches gave, as far as it is joined.
struct JoinedResults {
  private let ledger: Ledger?
  private let layers: [Layer]
  private let places: [ShardPlace.Key: [Int: Int64]]

  init(_ output: OutputFile, _ layers: [Layer]) throws { try self.init(output.existingJoined(), layers) }

  init(_ ledger: Ledger?, _ layers: [Layer]) throws {
    self.ledger = ledger
    var places: [ShardPlace.Key: [Int: Int64]] = [:]
    try ledger?.readPlaced { bytes, place in
      guard let record = JoinedRecord(bytes, layers) else { return }
      places[ShardPlace.Key(layer: record.layer, features: record.features), default: [:]][record.batch] =
        place
    }
    self.places = places
    self.layers = layers
  }

  func has(_ batch: Int, at place: ShardPlace.Key) -> Bool { places[place]?[batch] != nil }

  /// `BatchResult.record` of some features of a batch; nil if it is not joined.
  func result(of batch: Int, at place: ShardPlace.Key) throws -> [UInt8]? {
    guard let ledger, let position = places[place]?[batch], let bytes = try ledger.record(at: position) else {
      return nil
    }
    return JoinedRecord(bytes, layers)?.result
  }
}

/// Joins what shards know of the batches that they share: one process does for all, so that nobody else has to read it.
struct ShardJoining {
  private let context: ShardContext
  private var plan: JobPlan { context.plan }

  init(_ context: ShardContext) { self.context = context }

  /// Joins those of some batches that are complete and were not joined before.
  /// - Parameter holdsFinish: true if `OutputFile.beginFinish` holds already.
  /// - Returns: the shards of which something is missing.
  func join(_ batches: [SharedBatch], holdsFinish: Bool = false) throws -> [Int] {
    func left() throws -> [SharedBatch] {
      let joined = try JoinedResults(context.output, plan.layers)
      return batches.filter { shared in
        slices(of: shared).contains { !joined.has(shared.batch, at: $0.key) }
      }
    }
    let unjoined = try left()
    let summed = context.output.shards(of: context.shard.count, areDone: false)
    var missing: Set<Int> = []
    for shared in unjoined { missing.formUnion(sharers(of: shared).map(\.shard.index)) }
    missing.subtract(summed)
    guard !unjoined.isEmpty, missing.isEmpty else { return missing.sorted() }
    if !holdsFinish {
      guard try context.output.beginFinish() else {
        throw StreamError.outputTakenOver(path: context.output.path)
      }
    }
    defer { if !holdsFinish { context.output.endFinish() } }
    let ledger = try context.output.joined()
    // Another process may have been faster; and records go behind those that are there.
    let joined = try JoinedResults(ledger, plan.layers)
    for shared in unjoined {
      let layer = context.execution(of: shared.layer)
      for place in slices(of: shared) where !joined.has(shared.batch, at: place.key) {
        try context.cancellation.check()
        let result = try result(shared, place, layer)
        let record = JoinedRecord(
          layer: place.layer, features: place.slice.features, batch: shared.batch, result: result)
        try ledger.append([record.bytes], synchronizes: plan.job.configuration.synchronizes)
      }
    }
    return []
  }

  private func slices(of shared: SharedBatch) -> [ShardPlace] {
    plan.schedules[shared.layer].slices(of: plan.layers[shared.layer]).map {
      ShardPlace(layer: shared.layer, slice: $0)
    }
  }

  private func sharers(of shared: SharedBatch) -> [(shard: Shard, part: BatchPart)] {
    context.division.sharers(ofBatch: shared.batch, layer: shared.layer).map {
      (Shard(index: $0.shard, count: context.shard.count)!, $0.part)
    }
  }

  /// Reads what a ledger has of a batch.
  /// - Parameter take: returns true if nothing more is wanted.
  private func forEachMoments(
    of shared: SharedBatch, in ledger: Ledger, _ take: (ShardPlace.Key, PartialMoments) throws -> Bool
  ) throws {
    try ledger.search { bytes, stops in
      guard let record = ShardRecord(bytes, plan.layers), record.layer == shared.layer,
        case .moments(shared.batch, let moments) = record.work
      else { return }
      stops = try take(ShardPlace.Key(layer: record.layer, features: record.features), moments)
    }
  }

  /// What some features of a batch gave, as `BatchResult.record`.
  private func result(_ shared: SharedBatch, _ place: ShardPlace, _ layer: LayerExecution) throws -> [UInt8] {
    let (slice, needs) = (place.slice, layer.schedule.needs)
    let loan = try layer.ledger.borrow(needs.collectors.byteCount + needs.results.byteCount)
    defer { withExtendedLifetime(loan) {} }
    let rule = try slice.rule()
    let total = MomentCollector(slice.decomposition, hasMask: slice.hasMask, centers: rule.centers)
    for (shard, part) in sharers(of: shared) {
      guard let ledger = try context.output.existingLedger(of: shard) else {
        throw context.output.damage(of: shard)
      }
      var next = part.samples.lowerBound
      try forEachMoments(of: shared, in: ledger) { key, moments in
        guard key == place.key, moments.firstSample == next else { return false }
        try total.append(moments)
        next = moments.firstSample + moments.samples
        return next == part.samples.upperBound
      }
      guard next == part.samples.upperBound else { throw context.output.damage(of: shard) }
    }
    let result = BatchResult(
      slice.decomposition, rule, hasMask: slice.hasMask, diagnoses: slice.layer.diagnoses)
    result.take(total)
    let fold = try ResultFold(
      slice, file: plan.input.path, configuration: plan.job.configuration, writers: [:])
    try fold.check(result, batch: shared.batch)
    return result.record()
  }
}
