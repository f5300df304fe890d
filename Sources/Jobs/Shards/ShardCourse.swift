import BatchNorm
import LayerFiles
import Parallel

/// Takes the whole batches of a shard: writes down what each gave, for whoever finishes the job to fold in the batches' order.
final class ShardCourse: BatchCourse {
  private let place: ShardPlace
  /// Applies the policies for what should not be.
  private let fold: ResultFold
  private let firstError: FirstDataError
  private let journal: Journal
  private let keeping: Keeping
  private let writers: [LayerResult: any TensorWriter]
  private var notes: WorkNotes
  /// Those that were taken and not written down.
  private var results: [ArraySlice<UInt8>] = []
  private var nextBatch: Int
  let start: SlicePosition
  let endBatch: Int
  let firstBatch: Int
  let firstSample: Int

  /// - Parameters:
  ///   - batches: those that are not done.
  ///   - firstSample: from where on samples are written.
  init(
    _ place: ShardPlace, _ fold: ResultFold, _ firstError: FirstDataError, _ journal: Journal,
    _ keeping: Keeping, _ writers: [LayerResult: any TensorWriter], batches: Range<Int>, firstSample: Int
  ) {
    self.place = place
    self.fold = fold
    self.firstError = firstError
    self.journal = journal
    self.keeping = keeping
    self.writers = writers
    self.firstSample = firstSample
    notes = WorkNotes(keeping)
    start = SlicePosition(batch: batches.lowerBound)
    nextBatch = batches.lowerBound
    endBatch = batches.upperBound
    let all = place.slice.layer.batches
    firstBatch =
      firstSample < place.slice.layer.samples(before: start)
      ? all.index(ofSample: firstSample) : batches.lowerBound
  }

  var emptyNotes: WorkNotes { WorkNotes(keeping) }
  // A batch is written down whole.
  func isDue(within batch: Int) -> Bool { false }

  func take(_ result: BatchResult, batch: Int) throws {
    guard batch >= start.batch else { return }
    try firstError.check(batch: batch)
    try fold.check(result, batch: batch)
    results.append(result.record()[...])
  }

  func reach(batch: Int, _ task: WorkNotes) throws {
    notes.add(task)
    var record = ShardRecord(
      place.layer, place.slice.features, .batches(nextBatch..<batch, results: results))
    (record.overflows, record.parts) = (notes.overflows, notes.parts)
    record.chunks = WrittenChunk.taken(from: writers)
    try journal.add(record.bytes)
    nextBatch = batch
    results = []
    notes = emptyNotes
  }

  func reach(
    within batch: Int, _ position: @autoclosure () -> SlicePosition.Within, _ task: WorkNotes
  ) throws { notes.add(task) }
}

/// Some features of a layer, and the layer's number in the plan.
struct ShardPlace: Sendable {
  let layer: Int
  let slice: LayerSlice

  var key: Key { Key(layer: layer, features: slice.features) }

  struct Key: Hashable, Sendable {
    let layer: Int
    let features: Range<Int>
  }
}

/// What a shard has done, as its ledger says.
struct ShardProgress {
  /// All of it is done.
  var isDone = false
  /// Something is not there any more as it was written.
  var isDamaged = false
  private var nextBatch: [ShardPlace.Key: Int] = [:]
  private var collected: [SharedBatch: Int] = [:]
  private var written: [SharedBatch: Int] = [:]
  /// The first samples of the chunks that are kept.
  private var kept: [ShardPlace.Key: [LayerResult: Set<Int>]] = [:]

  /// Some features of a batch that several shards share.
  struct SharedBatch: Hashable, Sendable {
    let place: ShardPlace.Key
    let batch: Int
  }

  init() {}

  /// Reads what is recorded.
  /// - Parameters:
  ///   - pieces: what the shard has of each layer.
  ///   - isThere: tells whether all that a record says was written is there as it was written.
  init(
    _ ledger: Ledger, _ layers: [Layer], _ pieces: [ShardPiece], isThere: (ShardRecord) throws -> Bool
  ) throws {
    try ledger.read { bytes in
      if ShardMark(bytes) == .end { isDone = true }
      guard !isDamaged, let record = ShardRecord(bytes, layers) else { return }
      guard follows(record, pieces[record.layer]), try isThere(record) else {
        isDamaged = true
        return
      }
      for written in record.chunks {
        let place = ShardPlace.Key(layer: record.layer, features: record.features)
        kept[place, default: [:]][written.result, default: []].insert(written.chunk.samples.lowerBound)
      }
    }
    if isDamaged { isDone = false }
  }

  /// Takes a record's word.
  /// - Returns: false unless it goes on where the last one of its kind ended.
  private mutating func follows(_ record: ShardRecord, _ piece: ShardPiece) -> Bool {
    let place = ShardPlace.Key(layer: record.layer, features: record.features)
    func part(_ batch: Int) -> BatchPart? { piece.parts.first { $0.batch == batch } }
    switch record.work {
    case .batches(let batches, _):
      guard batches.lowerBound == nextBatch[place] ?? piece.batches.lowerBound else { return false }
      nextBatch[place] = batches.upperBound
    case .moments(let batch, let moments):
      let key = SharedBatch(place: place, batch: batch)
      guard let part = part(batch), moments.firstSample == collected[key] ?? part.samples.lowerBound else {
        return false
      }
      collected[key] = moments.firstSample + moments.samples
    case .written(let some):
      let key = SharedBatch(place: place, batch: some.batch)
      guard let part = part(some.batch), some.samples.lowerBound == written[key] ?? part.samples.lowerBound
      else { return false }
      written[key] = some.samples.upperBound
    }
    return true
  }

  /// The whole batches that are not done.
  func batchesLeft(_ piece: ShardPiece, at place: ShardPlace) -> Range<Int> {
    let first = nextBatch[place.key] ?? piece.batches.lowerBound
    return first..<max(first, piece.batches.upperBound)
  }

  /// What is not collected of a part.
  func left(toCollect part: BatchPart, at place: ShardPlace) -> BatchPart {
    left(of: part, collected[SharedBatch(place: place.key, batch: part.batch)])
  }

  /// What is not written of a part.
  func left(toWrite part: BatchPart, at place: ShardPlace) -> BatchPart {
    left(of: part, written[SharedBatch(place: place.key, batch: part.batch)])
  }

  private func left(of part: BatchPart, _ done: Int?) -> BatchPart {
    let first = min(part.samples.upperBound, done ?? part.samples.lowerBound)
    return BatchPart(batch: part.batch, samples: first..<part.samples.upperBound)
  }

  /// The first samples of the chunks of which there are copies.
  func keptChunks(at place: ShardPlace) -> [LayerResult: Set<Int>] { kept[place.key] ?? [:] }
}
