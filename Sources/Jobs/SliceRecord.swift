import BatchNorm
import LayerFiles

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
  /// Bytes of a part of a result.
  func byteCount(of result: LayerResult, _ part: TensorPart) -> Int {
    let layout = layout(of: result)
    return part.samples.count * layout.positionRows * layout.planeLength * part.features.count
      * type(of: result).byteCount
  }
}
