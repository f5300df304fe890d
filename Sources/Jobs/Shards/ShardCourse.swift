import BatchNorm
import LayerFiles
import Parallel

/// Takes the batches of a shard: writes down what each gave, for whoever finishes the job to fold in the batches' order.
final class ShardCourse: BatchCourse {
  private let layer: Int
  private let features: Range<Int>
  /// Applies the policies for what should not be.
  private let fold: ResultFold
  private let firstError: FirstDataError
  private let journal: Journal
  private var notes: WorkNotes
  /// Those that were taken and not written down.
  private var results: [[UInt8]] = []
  private var nextBatch: Int
  let start: SlicePosition
  let endBatch: Int
  let firstSample: Int

  init(
    _ slice: LayerSlice, layerIndex: Int, _ fold: ResultFold, _ firstError: FirstDataError,
    _ journal: Journal, batches: Range<Int>
  ) {
    layer = layerIndex
    features = slice.features
    self.fold = fold
    self.firstError = firstError
    self.journal = journal
    notes = WorkNotes(journal.keeping)
    start = SlicePosition(batch: batches.lowerBound)
    nextBatch = batches.lowerBound
    endBatch = batches.upperBound
    firstSample = slice.layer.samples(before: start)
  }

  var firstBatch: Int { start.batch }
  var emptyNotes: WorkNotes { WorkNotes(journal.keeping) }
  // A batch is written down whole.
  var isDueWithinBatch: Bool { false }

  func take(_ result: BatchResult, batch: Int) throws {
    try firstError.check(batch: batch)
    try fold.check(result, batch: batch)
    results.append(result.record())
  }

  func reach(batch: Int, _ task: WorkNotes) throws {
    notes.add(task)
    try journal.add(
      BatchesRecord(
        layer: layer, features: features, batches: nextBatch..<batch, results: results,
        overflows: notes.overflows, parts: notes.parts
      ).bytes)
    nextBatch = batch
    results = []
    notes = emptyNotes
  }

  func reach(within position: @autoclosure () -> SlicePosition, _ task: WorkNotes) throws { notes.add(task) }
}

/// What a shard's ledger says of some batches: what each gave, and what was written.
struct BatchesRecord: Sendable {
  /// The number of the layer in the plan.
  var layer: Int
  var features: Range<Int>
  var batches: Range<Int>
  /// `BatchResult.record` of each.
  var results: [[UInt8]]
  /// Of all of them.
  var overflows: Int
  var parts: [WrittenPart]

  /// First byte of the contents, so that other records can come.
  private static let kind = 4

  var bytes: [UInt8] {
    var writer = RecordWriter()
    writer.append(Self.kind)
    writer.append(layer)
    writer.append(features)
    writer.append(batches)
    for result in results { writer.append(result) }
    writer.append(overflows)
    WrittenPart.append(parts, to: &writer)
    return writer.bytes
  }

  /// - Returns: nil if it is no record of batches of these layers.
  init?(_ bytes: [UInt8], _ layers: [Layer]) {
    var reader = RecordReader(bytes)
    do {
      guard try reader.number() == Self.kind else { return nil }
      layer = try reader.number()
      guard layers.indices.contains(layer) else { return nil }
      features = try reader.range(in: 0..<layers[layer].featureCount)
      batches = try reader.range(in: 0..<layers[layer].batches.count)
      results = []
      for _ in batches { results.append(try reader.block()) }
      overflows = try reader.number()
      guard let parts = try WrittenPart.read(from: &reader, of: layers[layer]), reader.isAtEnd else {
        return nil
      }
      self.parts = parts
    } catch {
      return nil
    }
  }

  init(
    layer: Int, features: Range<Int>, batches: Range<Int>, results: [[UInt8]], overflows: Int,
    parts: [WrittenPart]
  ) {
    self.layer = layer
    self.features = features
    self.batches = batches
    self.results = results
    self.overflows = overflows
    self.parts = parts
  }
}

/// The last record of a shard: all its batches are done.
enum ShardEnd {
  private static let kind = 5

  static var bytes: [UInt8] {
    var writer = RecordWriter()
    writer.append(kind)
    return writer.bytes
  }

  static func isEnd(_ bytes: [UInt8]) -> Bool { bytes == Self.bytes }
}
