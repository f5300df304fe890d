import BatchNorm
import ChunkCodec
import Configuration
import Parallel

/// Where consecutive samples of a shard go. No page of the output is written by two processes, and no chunk: what several have a
/// part of, each keeps in its spool, and who finishes the output writes it.
package struct ShardSamples: Sendable {
  package let samples: Range<Int>
  /// Up to here an earlier run has kept all chunks; `samples.lowerBound` if there are none.
  package let keptSamples: Int

  package init(_ samples: Range<Int>, keptSamples: Int) {
    self.samples = samples
    self.keptSamples = keptSamples
  }
}

extension LayerDatasets {
  /// Pages are no larger than this on any machine that writes to a common file system.
  private static let pageByteCount = 1 << 16

  /// Where the large results of a shard's samples go.
  package func writers(of part: ShardSamples) -> [LayerResult: any TensorWriter] {
    var writers: [LayerResult: any TensorWriter] = [:]
    for result in layer.largeResults {
      writers[result] =
        chunks != nil
        ? chunkedWriter(of: result, samples: part.samples, keptSamples: part.keptSamples, sequence: nil)
        : InnerWriter(contiguousWriter(of: result), inner: innerSamples(of: result, part.samples))
    }
    return writers
  }

  /// Those of some samples of a contiguous result whose pages hold nothing else; the others are kept.
  package func innerSamples(of result: LayerResult, _ samples: Range<Int>) -> Range<Int> {
    guard chunks == nil, case .some(.some(let start)) = offsets[result] else {
      return samples.lowerBound..<samples.lowerBound
    }
    let (page, first) = (Self.pageByteCount, Int(start))
    let row = layer.layout(of: result).valuesPerSample * layer.type(of: result).byteCount
    guard row > 0 else { return samples.lowerBound..<samples.lowerBound }
    let lowest = (first + samples.lowerBound * row + page - 1) / page * page
    let highest = (first + samples.upperBound * row) / page * page
    let lower = max(samples.lowerBound, (lowest - first + row - 1) / row)
    let upper = min(samples.upperBound, max(0, highest - first) / row)
    return lower..<max(lower, upper)
  }

  /// Samples up to which all chunks of consecutive samples are kept.
  /// - Parameter kept: the first samples of those of which there are copies, for each result.
  package func keptSamples(of samples: Range<Int>, _ kept: [LayerResult: Set<Int>]) -> Int {
    guard let chunks else { return samples.upperBound }
    var next = samples.lowerBound
    while next < samples.upperBound, layer.largeResults.allSatisfy({ kept[$0]?.contains(next) == true }) {
      next = (next / chunks.samplesPerChunk + 1) * chunks.samplesPerChunk
    }
    return min(samples.upperBound, next)
  }

  /// Writes all chunks from what shards kept, in the order in which a single run writes them.
  /// - Parameter copy: gives the copy of a chunk of a result that begins at a sample; nil if there is none.
  /// - Throws: what `copy` throws; `outputTakenOver` if a chunk is not complete.
  package func writeChunks(
    _ copy: (LayerResult, _ firstSample: Int) throws -> (chunk: SpooledChunk, bytes: AlignedBuffer)?
  ) throws {
    guard let chunks else { return }
    let (sequence, count) = (try sequence.value(), layer.batches.sampleCount)
    let sampleByteCount = layer.layout.valuesPerSample * layer.outputType.byteCount
    let codec = try ChunkCodec(
      filters: chunks.filters, chunkByteCount: chunks.samplesPerChunk * sampleByteCount)
    for (chunk, samples) in (0..<count).divided(by: chunks.samplesPerChunk).enumerated() {
      for (tensor, result) in layer.largeResults.enumerated() {
        var bytes: [UInt8] = []
        if let whole = try copy(result, samples.lowerBound), !whole.chunk.isPlain {
          bytes = Array(whole.bytes.bytes)
        } else {
          let plain = try Self.joined(samples, sampleByteCount, chunks.samplesPerChunk) {
            try copy(result, $0)
          }
          guard let plain else { throw StreamError.outputTakenOver(path: output.path) }
          bytes = try clock.measure(.encode) { Array(try codec.encode(UnsafeRawBufferPointer(plain.bytes))) }
        }
        try clock.measure(.write) {
          try sequence.write(bytes, tensor: tensor, chunk: chunk, firstSample: samples.lowerBound)
        }
      }
    }
  }

  /// The values of a chunk that several processes have samples of; nil if some are missing.
  private static func joined(
    _ samples: Range<Int>, _ sampleByteCount: Int, _ samplesPerChunk: Int,
    _ copy: (_ firstSample: Int) throws -> (chunk: SpooledChunk, bytes: AlignedBuffer)?
  ) throws -> AlignedBuffer? {
    let plain = try AlignedBuffer(byteCount: samplesPerChunk * sampleByteCount)
    plain.bytes.initializeMemory(as: UInt8.self, repeating: 0)
    var next = samples.lowerBound
    while next < samples.upperBound {
      guard let (chunk, bytes) = try copy(next), chunk.isPlain,
        chunk.samples.upperBound <= samples.upperBound,
        bytes.bytes.count >= chunk.samples.count * sampleByteCount
      else { return nil }
      UnsafeMutableRawBufferPointer(
        rebasing: plain.bytes[((next - samples.lowerBound) * sampleByteCount)...]
      ).copyMemory(
        from: UnsafeRawBufferPointer(
          rebasing: UnsafeRawBufferPointer(bytes.bytes)[..<(chunk.samples.count * sampleByteCount)]))
      next = chunk.samples.upperBound
    }
    return plain
  }
}

/// Writes of a contiguous result only samples whose pages hold nothing else.
private struct InnerWriter: TensorWriter {
  private let writer: ContiguousWriter
  private let inner: Range<Int>

  init(_ writer: ContiguousWriter, inner: Range<Int>) {
    self.writer = writer
    self.inner = inner
  }

  var suitsStretches: Bool { writer.suitsStretches }

  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
    let rows = part.samples.clamped(to: inner)
    guard !rows.isEmpty else { return }
    let rowByteCount = buffer.count / part.samples.count
    let first = (rows.lowerBound - part.samples.lowerBound) * rowByteCount
    try writer.write(
      TensorPart(samples: rows, features: part.features),
      from: UnsafeRawBufferPointer(rebasing: buffer[first..<first + rows.count * rowByteCount]))
  }
}
