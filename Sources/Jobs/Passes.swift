import BatchNorm
import LayerFiles
import Parallel

/// How samples are divided so that what is read, computed and written one after the other stays in a core's caches: each
/// stretch is summed right after it was read, and written right after its results were computed.
struct Stretches: Sendable {
  /// Samples in a stretch that is read; `Int.max` if the data is read best at once.
  private let read: Int
  /// Samples in a stretch that is written; `Int.max` if the results are written best at once.
  private let written: Int

  /// A stretch has about this many bytes of x and dy. Shorter ones cost more system calls, and make the system take smaller
  /// pieces of memory for the file that is written; longer ones leave the cache.
  private static let byteCount = 1 << 20

  init(_ slice: LayerSlice, _ reader: SampleReader, _ writer: SampleWriter) {
    let decomposition = slice.decomposition
    let inputBytesPerSample = BufferLayout(slice, capacity: 0).inputBytesPerSample
    // `MaskedMoments` takes whole leaves.
    let least = slice.hasMask ? decomposition.samplesPerLeaf : decomposition.samplesPerStretch
    let length = least * max(1, Self.byteCount / max(1, least * inputBytesPerSample))
    read = reader.suitsStretches ? length : .max
    written = reader.suitsStretches && writer.suitsStretches ? length : .max
  }

  /// True if samples are read at once.
  func readsAtOnce(_ sampleCount: Int) -> Bool { sampleCount <= read }

  /// The stretches in which samples are read, in order.
  func toRead(_ samples: Range<Int>) -> [Range<Int>] { samples.divided(by: read) }

  /// The stretches in which samples are written: from the last to the first, for the last ones that were read are still in the
  /// cache of all cores.
  func toWrite(_ samples: Range<Int>) -> [Range<Int>] { samples.divided(by: written).reversed() }
}

/// The first of the two passes over a batch: x and dy become moments.
struct StatisticsPass: Sendable {
  let reader: SampleReader
  let stretches: Stretches
  let clock: StageClock

  /// Adds samples of a batch to those that a collector has seen.
  /// - Parameter buffers: with room for the samples; afterwards they are there.
  func collect(_ samples: Range<Int>, in buffers: SampleBuffers, _ collector: MomentCollector) throws {
    for stretch in stretches.toRead(samples) {
      try reader.read(stretch, into: buffers)
      clock.measure(.compute) { add(stretch, in: buffers, to: collector) }
    }
  }

  /// Adds samples that are in memory.
  func add(_ samples: Range<Int>, in buffers: SampleBuffers, to collector: MomentCollector) {
    let tensors = buffers.tensors(of: samples)
    collector.add(x: tensors.x, dy: tensors.dy, mask: tensors.mask, samples: tensors.samples)
  }
}

/// Where the apply pass of a batch puts its sums for diagnostics.
struct Diagnosis {
  let collector: InputGradientCollector
  /// The batch's first sample.
  let firstSample: Int
}

/// The second of the two passes over a batch: x and dy become y, x̂ and dx, by the coefficients that follow from its moments.
struct ApplyPass: Sendable {
  let reader: SampleReader
  let writer: SampleWriter
  let stretches: Stretches
  let clock: StageClock

  /// Computes and writes the large results of samples of a batch.
  /// - Parameters:
  ///   - buffers: with room for the samples; what of them is not there is read again.
  ///   - diagnosis: where sums for diagnostics go; nil if there are none.
  ///   - notes: of what is written and met.
  func write(
    _ samples: Range<Int>, _ result: BatchResult, from buffers: SampleBuffers, _ diagnosis: Diagnosis?,
    _ notes: inout WorkNotes
  ) throws {
    guard buffers.layout.slice.writesLargeResults else { return }
    for stretch in stretches.toWrite(samples) {
      try reader.read(stretch, into: buffers)
      notes.overflows += clock.measure(.compute) { compute(stretch, result, in: buffers, diagnosis) }
      try writer.write(stretch, from: buffers, &notes)
    }
  }

  /// Computes the large results of samples that are in memory.
  /// - Parameters:
  ///   - octets: those of a tile; nil for all.
  ///   - diagnosis: where sums for diagnostics of the tile go; nil if there are none.
  /// - Returns: how many finite numbers became infinite.
  func compute(
    _ samples: Range<Int>, _ result: BatchResult, in buffers: SampleBuffers, octets: Range<Int>? = nil,
    _ diagnosis: Diagnosis?
  ) -> Int {
    let octets = octets ?? 0..<buffers.layout.slice.decomposition.octetCount
    let tensors = buffers.tensors(of: samples)
    // Before results take the place of what they are computed from.
    if let diagnosis {
      diagnosis.collector.add(tensors, result.coefficients, at: samples.lowerBound - diagnosis.firstSample)
    }
    return tensors.apply(result.coefficients, octets: octets)
      ? 0 : result.overflowCount(tensors, octets: octets)
  }
}
