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

/// What an earlier run finished of a job.
struct EarlierWork: Sendable {
  /// The last word on each slice of each layer, by the layer's number in the plan.
  private(set) var slices: [Int: [SliceRecord]] = [:]
  /// Parts that are not what was written, and are computed again.
  private(set) var damaged: [Int: Int] = [:]
  /// Parts of which there are copies, in the order in which they were written, by the layer's number.
  private(set) var parts: [Int: [WrittenPart]] = [:]
  /// Chunks of which there are copies, by the layer's number.
  private(set) var chunks: [Int: [LayerResult: [Int: Spool.Place]]] = [:]

  /// Samples times features that shards finished, by the layer's number.
  private(set) var shardSamples: [Int: Double] = [:]

  /// Nothing.
  init() {}

  /// Counts what a shard finished of a layer.
  mutating func add(_ record: ShardRecord, of layer: Layer) {
    let samples =
      switch record.work {
      case .batches(let batches, _): Double(layer.samples(in: batches))
      // One of two passes.
      case .moments(_, let moments): Double(moments.samples) / (layer.writesLargeResults ? 2 : 1)
      case .written(let part): Double(part.samples.count) / 2
      }
    shardSamples[record.layer, default: 0] += samples * Double(record.features.count)
  }

  /// Reads a ledger, and looks whether what it says was written is there.
  /// - Parameters:
  ///   - begin: is given the first record.
  ///   - checks: tells whether all that a record says is there as it was written.
  init(
    _ ledger: Ledger, _ layers: [Layer], begin: ([UInt8]) throws -> Void,
    checks: (SliceRecord) throws -> Bool
  ) throws {
    var isFirst = true
    var broken: Set<[Int]> = []
    try ledger.read { bytes in
      if isFirst {
        isFirst = false
        return try begin(bytes)
      }
      guard var record = SliceRecord(bytes, layers) else { return }
      let key = [record.layer, record.features.lowerBound, record.features.upperBound]
      guard !broken.contains(key) else { return }
      // What comes after builds on it.
      guard try checks(record) else {
        broken.insert(key)
        damaged[record.layer, default: 0] += 1
        return
      }
      let copied = record.parts.filter { $0.copy != nil }
      if !copied.isEmpty { parts[record.layer, default: []] += copied }
      for written in record.chunks {
        chunks[record.layer, default: [:]][written.result, default: [:]][written.chunk.chunk] =
          written.chunk.place
      }
      record.parts = []
      record.chunks = []
      slices[record.layer, default: []].removeAll { $0.features == record.features }
      slices[record.layer, default: []].append(record)
    }
  }

  /// The last word on a slice; nil if there is none.
  func record(of features: Range<Int>, ofLayer layer: Int) -> SliceRecord? {
    slices[layer]?.first { $0.features == features }
  }
}

/// What the ledger says of a slice: how far it is, what the batches before gave, and what was written since the last record of the
/// slice.
struct SliceRecord: Sendable {
  /// The number of the layer in the plan.
  var layer: Int
  var features: Range<Int>
  var position: SlicePosition
  /// True if nothing is left to do.
  var isFinished: Bool
  /// Of all batches before.
  var overflows: Int
  /// What `ResultFold.state` gives.
  var fold: [UInt8]
  var parts: [WrittenPart]
  var chunks: [WrittenChunk]

  /// First byte of the contents, so that other records can come.
  private static let kind = 3

  var bytes: [UInt8] {
    var writer = RecordWriter()
    writer.append(Self.kind)
    writer.append(layer)
    writer.append(features)
    writer.append(position.batch)
    switch position.within {
    case .nothing:
      writer.append(0)
    case .collected(let samples, let moments):
      writer.append(1)
      writer.append(samples)
      writer.append(moments.record())
    case .written(let samples, let result):
      writer.append(2)
      writer.append(samples)
      writer.append(result)
    }
    writer.append(isFinished ? 1 : 0)
    writer.append(overflows)
    writer.append(fold)
    WrittenPart.append(parts, to: &writer)
    WrittenChunk.append(chunks, to: &writer)
    return writer.bytes
  }

  /// - Returns: nil if it is no record of a slice of these layers.
  init?(_ bytes: [UInt8], _ layers: [Layer]) {
    var reader = RecordReader(bytes)
    do {
      guard try reader.number() == Self.kind else { return nil }
      layer = try reader.number()
      guard layers.indices.contains(layer) else { return nil }
      let described = layers[layer]
      features = try reader.range(in: 0..<described.featureCount)
      position = SlicePosition(batch: try reader.number())
      guard (0...described.batches.count).contains(position.batch) else { return nil }
      switch try reader.number() {
      case 0: break
      case 1:
        let samples = try reader.number()
        let decomposition = LayerSlice(described, features: features).decomposition
        let moments = try PartialMoments(record: reader.block(), of: decomposition)
        guard moments.samples == samples, moments.firstLeaf == 0 else { return nil }
        position.within = .collected(samples: samples, moments)
      case 2: position.within = .written(samples: try reader.number(), result: try reader.block())
      default: return nil
      }
      isFinished = try reader.number() == 1
      overflows = try reader.number()
      fold = try reader.block()
      guard let parts = try WrittenPart.read(from: &reader, of: described),
        let chunks = try WrittenChunk.read(from: &reader, of: described)
      else { return nil }
      (self.parts, self.chunks) = (parts, chunks)
      guard reader.isAtEnd else { return nil }
    } catch {
      return nil
    }
  }

  init(
    layer: Int, features: Range<Int>, position: SlicePosition, isFinished: Bool, overflows: Int,
    fold: [UInt8], parts: [WrittenPart], chunks: [WrittenChunk]
  ) {
    self.layer = layer
    self.features = features
    self.position = position
    self.isFinished = isFinished
    self.overflows = overflows
    self.fold = fold
    self.parts = parts
    self.chunks = chunks
  }
}

extension WrittenPart {
  static func append(_ parts: [WrittenPart], to writer: inout RecordWriter) {
    writer.append(parts.count)
    for part in parts {
      writer.append(LayerResult.allCases.firstIndex(of: part.result)!)
      writer.append(part.part.samples)
      writer.append(part.part.features)
      writer.append(part.checksum)
      writer.append(part.copy.map { Int($0.offset) } ?? -1)
      writer.append(part.copy?.byteCount ?? 0)
    }
  }

  /// - Returns: nil if they are no parts of a layer's results.
  static func read(
    from reader: inout RecordReader, of layer: Layer
  ) throws(RecordReader.Malformed) -> [WrittenPart]? {
    var parts: [WrittenPart] = []
    let count = try reader.number()
    guard count >= 0 else { return nil }
    for _ in 0..<count {
      guard let result = try LayerResult(from: &reader) else { return nil }
      let rows = layer.shape(of: result).first ?? 0
      let part = TensorPart(
        samples: try reader.range(in: 0..<(result.entry.shape == .features ? 1 : rows)),
        features: try reader.range(in: 0..<layer.layout(of: result).featureCount))
      let checksum = try reader.checksum()
      let (offset, byteCount) = (try reader.number(), try reader.number())
      guard offset < 0 || byteCount == layer.byteCount(of: result, part) else { return nil }
      parts.append(
        WrittenPart(
          result: result, part: part, checksum: checksum,
          copy: offset < 0
            ? nil : Spool.Place(offset: Int64(offset), byteCount: byteCount, checksum: checksum)))
    }
    return parts
  }
}

extension WrittenChunk {
  static func append(_ chunks: [WrittenChunk], to writer: inout RecordWriter) {
    writer.append(chunks.count)
    for written in chunks {
      writer.append(LayerResult.allCases.firstIndex(of: written.result)!)
      writer.append(written.chunk.chunk)
      writer.append(written.chunk.samples)
      writer.append(written.chunk.isPlain ? 1 : 0)
      writer.append(Int(written.chunk.place.offset))
      writer.append(written.chunk.place.byteCount)
      writer.append(written.chunk.place.checksum)
    }
  }

  /// - Returns: nil if they are no chunks of a layer's results.
  static func read(
    from reader: inout RecordReader, of layer: Layer
  ) throws(RecordReader.Malformed) -> [WrittenChunk]? {
    var chunks: [WrittenChunk] = []
    let count = try reader.number()
    guard count >= 0 else { return nil }
    for _ in 0..<count {
      guard let result = try LayerResult(from: &reader) else { return nil }
      let chunk = try reader.number()
      let samples = try reader.range(in: 0..<layer.batches.sampleCount)
      let isPlain = try reader.number() == 1
      let offset = Int64(try reader.number())
      let place = Spool.Place(offset: offset, byteCount: try reader.number(), checksum: try reader.checksum())
      chunks.append(
        WrittenChunk(
          result: result,
          chunk: SpooledChunk(chunk: chunk, samples: samples, isPlain: isPlain, place: place)))
    }
    return chunks
  }

  /// What was kept since this was last asked.
  static func taken(from writers: [LayerResult: any TensorWriter]) -> [WrittenChunk] {
    writers.flatMap { result, writer in
      writer.takeSpooled().map { WrittenChunk(result: result, chunk: $0) }
    }
  }
}

extension LayerResult {
  /// - Returns: nil if a number stands for no result.
  fileprivate init?(from reader: inout RecordReader) throws(RecordReader.Malformed) {
    let index = try reader.number()
    guard Self.allCases.indices.contains(index) else { return nil }
    self = Self.allCases[index]
  }
}

extension Layer {
  /// Samples before a position.
  func samples(before position: SlicePosition) -> Int {
    guard position.batch < batches.count else { return batches.sampleCount }
    if case .written(let samples, _) = position.within { return batches[position.batch].lowerBound + samples }
    return batches[position.batch].lowerBound
  }

  /// Bytes of a part of a result.
  func byteCount(of result: LayerResult, _ part: TensorPart) -> Int {
    let layout = layout(of: result)
    return part.samples.count * layout.positionRows * layout.planeLength * part.features.count
      * type(of: result).byteCount
  }
}
