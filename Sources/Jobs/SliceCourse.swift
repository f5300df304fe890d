import BatchNorm
import LayerFiles
import Parallel

/// The course of a slice: takes what its batches give, in order, and says in the journal how far it is.
///
/// Used by one thread at a time.
final class SliceCourse: BatchCourse {
  private let slice: LayerSlice
  private let layerIndex: Int
  private let fold: ResultFold
  private let firstError: FirstDataError
  private let writers: [LayerResult: any TensorWriter]
  /// nil where nobody could go on.
  private let journal: Journal?
  private var notes: WorkNotes
  /// All batches so far.
  private var overflows = 0
  let start: SlicePosition
  let firstSample: Int
  var endBatch: Int { slice.layer.batches.count }

  /// - Parameters:
  ///   - keptSamples: the large results of so many samples are there.
  ///   - earlier: what is known of an earlier run; nil if the slice begins.
  init(
    _ slice: LayerSlice, layerIndex: Int, _ fold: ResultFold, _ firstError: FirstDataError,
    writers: [LayerResult: any TensorWriter], keptSamples: Int, _ journal: Journal?,
    from earlier: SliceRecord?
  ) throws {
    self.slice = slice
    self.layerIndex = layerIndex
    self.fold = fold
    self.firstError = firstError
    self.writers = writers
    self.journal = journal
    notes = WorkNotes(journal?.keeping ?? .nothing)
    start = earlier?.position ?? SlicePosition(batch: 0)
    firstSample = min(keptSamples, slice.layer.samples(before: start))
    if let earlier {
      try fold.restore(earlier.fold, nextBatch: start.batch)
      overflows = earlier.overflows
    }
  }

  var emptyNotes: WorkNotes { WorkNotes(journal?.keeping ?? .nothing) }

  var firstBatch: Int {
    let batches = slice.layer.batches
    guard firstSample < slice.layer.samples(before: SlicePosition(batch: start.batch)) else {
      return start.batch
    }
    return batches.index(ofSample: firstSample)
  }

  /// True if it is time to say how far the work is.
  private var isDue: Bool { journal?.isDue == true }

  /// What is gathered of a batch for diagnostics no record holds.
  func isDue(within batch: Int) -> Bool { batch >= start.batch && isDue && !slice.layer.diagnoses }

  func take(_ result: BatchResult, batch: Int) throws {
    guard batch >= start.batch else { return }
    try firstError.check(batch: batch)
    try fold.add(result, batch: batch, &notes)
  }

  func reach(batch: Int, _ task: WorkNotes) throws {
    notes.add(task)
    guard isDue else { return }
    try fold.flush(&notes)
    try record(SlicePosition(batch: batch), isFinished: false)
  }

  func reach(
    within batch: Int, _ position: @autoclosure () -> SlicePosition.Within, _ task: WorkNotes
  ) throws {
    notes.add(task)
    guard isDue(within: batch) else { return }
    try fold.flush(&notes)
    try record(SlicePosition(batch: batch, within: position()), isFinished: false)
  }

  /// Writes what is known after the last batch.
  func finish(_ counts: LayerCounts) throws {
    try fold.finish(counts, &notes)
    overflows += notes.overflows
    notes.overflows = 0
    counts.addOverflows(overflows)
    try record(SlicePosition(batch: slice.layer.batches.count), isFinished: true)
  }

  private func record(_ position: SlicePosition, isFinished: Bool) throws {
    overflows += notes.overflows
    defer { notes = emptyNotes }
    guard let journal else { return }
    try journal.add(
      SliceRecord(
        layer: layerIndex, features: slice.features, position: position, isFinished: isFinished,
        overflows: overflows, fold: fold.state(isFinished: isFinished), parts: notes.parts,
        chunks: WrittenChunk.taken(from: writers)
      ).bytes)
  }
}

extension Layer {
  /// Samples before a position.
  func samples(before position: SlicePosition) -> Int {
    guard position.batch < batches.count else { return batches.sampleCount }
    if case .written(let samples, _) = position.within { return batches[position.batch].lowerBound + samples }
    return batches[position.batch].lowerBound
  }
}
