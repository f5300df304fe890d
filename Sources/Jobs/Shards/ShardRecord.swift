import BatchNorm
import LayerFiles

/// What a shard's ledger says: what was computed of some features of a layer, and what was written.
struct ShardRecord: Sendable {
  /// The number of the layer in the plan.
  var layer: Int
  var features: Range<Int>
  var work: Work
  /// Finite numbers that did not fit the type that they were written in.
  var overflows = 0
  var parts: [WrittenPart] = []
  var chunks: [WrittenChunk] = []

  enum Work: Sendable {
    /// Whole batches, with `BatchResult.record` of each.
    case batches(Range<Int>, results: [ArraySlice<UInt8>])
    /// What is known of a part of a batch that several shards share.
    case moments(batch: Int, PartialMoments)
    /// The large results of a part of such a batch.
    case written(BatchPart)
  }

  /// First byte of the contents, so that other records can come.
  private static let (batchesKind, momentsKind, writtenKind) = (4, 6, 7)

  var bytes: [UInt8] {
    var writer = RecordWriter()
    func begin(_ kind: Int) {
      writer.append(kind)
      writer.append(layer)
      writer.append(features)
    }
    switch work {
    case .batches(let batches, let results):
      begin(Self.batchesKind)
      writer.append(batches)
      for result in results { writer.append(result) }
    case .moments(let batch, let moments):
      begin(Self.momentsKind)
      writer.append(batch)
      writer.append(moments.record())
    case .written(let part):
      begin(Self.writtenKind)
      writer.append(part.batch)
      writer.append(part.samples)
    }
    writer.append(overflows)
    WrittenPart.append(parts, to: &writer)
    WrittenChunk.append(chunks, to: &writer)
    return writer.bytes
  }

  init(_ layer: Int, _ features: Range<Int>, _ work: Work) {
    (self.layer, self.features, self.work) = (layer, features, work)
  }

  /// - Returns: nil if it is no record of work on these layers.
  init?(_ bytes: [UInt8], _ layers: [Layer]) {
    var reader = RecordReader(bytes)
    do {
      let kind = try reader.number()
      guard [Self.batchesKind, Self.momentsKind, Self.writtenKind].contains(kind) else { return nil }
      layer = try reader.number()
      guard layers.indices.contains(layer) else { return nil }
      let described = layers[layer]
      features = try reader.range(in: 0..<described.featureCount)
      switch kind {
      case Self.batchesKind:
        let batches = try reader.range(in: 0..<described.batches.count)
        var results: [ArraySlice<UInt8>] = []
        for _ in batches { results.append(try reader.slice()) }
        work = .batches(batches, results: results)
      default:
        let batch = try reader.number()
        guard (0..<described.batches.count).contains(batch) else { return nil }
        let samples = 0..<described.batches[batch].count
        if kind == Self.writtenKind {
          work = .written(BatchPart(batch: batch, samples: try reader.range(in: samples)))
        } else {
          let slice = LayerSlice(described, features: features)
          let moments = try PartialMoments(record: reader.block(), of: slice.decomposition)
          guard moments.firstSample + moments.samples <= samples.count else { return nil }
          work = .moments(batch: batch, moments)
        }
      }
      overflows = try reader.number()
      guard let parts = try WrittenPart.read(from: &reader, of: described),
        let chunks = try WrittenChunk.read(from: &reader, of: described), reader.isAtEnd
      else { return nil }
      (self.parts, self.chunks) = (parts, chunks)
    } catch {
      return nil
    }
  }
}

extension PartialMoments {
  /// The first sample, counted from the batch's first.
  var firstSample: Int { firstLeaf * decomposition.samplesPerLeaf }
}

/// How far a shard is, where that is no work on a layer.
enum ShardMark: Int {
  /// All of it is done.
  case end = 5
  /// All is done that could be before others have come as far.
  case waiting = 9

  var bytes: [UInt8] {
    var writer = RecordWriter()
    writer.append(rawValue)
    return writer.bytes
  }

  init?(_ bytes: [UInt8]) {
    var reader = RecordReader(bytes)
    guard let number = try? reader.number(), reader.isAtEnd, let mark = Self(rawValue: number) else {
      return nil
    }
    self = mark
  }
}

/// What some features of a batch gave that several shards share: joined by one process for all.
struct JoinedRecord: Sendable {
  /// The number of the layer in the plan.
  var layer: Int
  var features: Range<Int>
  var batch: Int
  /// `BatchResult.record`.
  var result: [UInt8]

  private static let kind = 8

  var bytes: [UInt8] {
    var writer = RecordWriter()
    writer.append(Self.kind)
    writer.append(layer)
    writer.append(features)
    writer.append(batch)
    writer.append(result)
    return writer.bytes
  }

  init(layer: Int, features: Range<Int>, batch: Int, result: [UInt8]) {
    (self.layer, self.features, self.batch, self.result) = (layer, features, batch, result)
  }

  /// - Returns: nil if it is no such record of these layers.
  init?(_ bytes: [UInt8], _ layers: [Layer]) {
    var reader = RecordReader(bytes)
    do {
      guard try reader.number() == Self.kind else { return nil }
      layer = try reader.number()
      guard layers.indices.contains(layer) else { return nil }
      features = try reader.range(in: 0..<layers[layer].featureCount)
      batch = try reader.number()
      result = try reader.block()
      guard (0..<layers[layer].batches.count).contains(batch), reader.isAtEnd else { return nil }
    } catch {
      return nil
    }
  }
}
