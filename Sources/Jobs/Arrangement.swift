import BatchNorm
import Configuration
import LayerFiles

/// How the work on a layer is divided among threads, and how much memory that takes.
public enum Arrangement: Sendable, Equatable {
  /// Each worker reads, computes and writes whole batches, several small ones at a time: a batch is still in the
  /// cache when its results are written, and workers need not wait for each other.
  case wholeBatches(workers: Int, batchesPerTask: Int)
  /// All workers share one batch. It is cut into segments that are visited twice, for the moments and for the results;
  /// the first `retained` of them stay in memory between, the others are read again.
  case segments(workers: Int, samplesPerSegment: Int, retained: Int)
}

/// Chooses the arrangement for a layer. The results do not depend on it, to the last bit.
struct ArrangementChooser {
  let layer: Layer
  let workers: Int
  let memory: Int
  let storage: OutputStorage

  /// Whole batches are taken together up to about this many bytes of x: enough for each request to be worth its cost.
  private static let unitBytes = 1 << 20
  /// A segment has about this many bytes of x.
  private static let segmentBytes = 4 << 20
  /// Batches of which x is larger are shared by all workers even if each could have one of its own.
  private static let largestOwnBatch = 64 << 20

  private var shape: BufferShape { BufferShape(layer) }

  /// What a worker with whole batches keeps beside its buffers: a collector, and the statistics of batches that wait for an
  /// earlier one.
  private var ownBytes: Int { MomentCollector.memory(layer) + 4 * BatchStatistics.memory(layer) }
  /// What is kept beside the buffers of segments: the statistics of one batch, a collector for each worker, and those that wait for
  /// an earlier one.
  private var sharedBytes: Int { BatchStatistics.memory(layer) + 5 * MomentCollector.memory(layer) }

  /// - Throws: `needsMemory` if the limit is too small for the least that is needed.
  func arrangement(file: String) throws(StreamError) -> Arrangement {
    let largest = max(1, layer.batches.largest)
    let batchBytes = largest * shape.bytesPerSample
    let available = memory - Self.fixedBytes - codecBytes
    let sharing = layer.batches.count < 2 * workers && largest * shape.inputBytes > Self.segmentBytes
    if !sharing, largest * shape.inputBytes <= Self.largestOwnBatch,
      workers * (batchBytes + ownBytes) <= available
    {
      let together = max(1, Self.unitBytes / max(1, largest * shape.inputBytes))
      let fitting = max(1, available / (workers * (batchBytes + ownBytes)))
      // Enough units for all workers, even where batches are few.
      let fair = max(1, layer.batches.count / (4 * workers))
      return .wholeBatches(workers: workers, batchesPerTask: min(together, fitting, fair))
    }
    return try segments(available: available, file: file)
  }

  /// What decompression and compression take beside the buffers.
  private var codecBytes: Int {
    let inputs = [layer.activations, layer.readsGradient ? layer.gradOutput : nil].compactMap { $0 }
    return inputs.reduce(ChunkPlan(layer, storage)?.memory(layer, workers: workers) ?? 0) {
      $0 + $1.decodingMemory(workers: workers, memory: memory)
    }
  }

  /// Memory that is in use whatever the layers are: the program itself and what libraries keep.
  private static let fixedBytes = 16 << 20

  private func segments(available: Int, file: String) throws(StreamError) -> Arrangement {
    // A batch smaller than a unit is one segment.
    let unit = min(Decomposition(layer.layout).samplesPerLeaf, max(1, layer.batches.largest))
    let unitBytes = unit * shape.bytesPerSample
    guard unitBytes + sharedBytes <= available else {
      throw .needsMemory(
        file: file, layer: layer.path, need: unitBytes + sharedBytes + codecBytes + Self.fixedBytes,
        limit: memory,
        what: "the smallest part of a batch (\(unit) samples)")
    }
    var segment = unit
    let forBuffers = available - sharedBytes
    while 2 * segment * shape.inputBytes <= Self.segmentBytes,
      2 * segment * shape.bytesPerSample * workers <= forBuffers, segment < layer.batches.largest
    { segment *= 2 }
    let segmentBytes = segment * shape.bytesPerSample
    let possible = min(workers, max(1, forBuffers / segmentBytes))
    let count = (layer.batches.largest + segment - 1) / segment
    let fitting = max(0, forBuffers / segmentBytes - possible)
    // Without a second visit nothing needs to stay; with all segments kept, no worker needs a buffer of its own.
    let retained =
      !layer.writesLargeTensors ? 0 : count * segmentBytes <= forBuffers ? count : min(count, fitting)
    return .segments(workers: possible, samplesPerSegment: segment, retained: retained)
  }
}

extension Arrangement {
  /// How often the input is read: twice if a batch does not fit in memory.
  package func passes(_ layer: Layer) -> Int {
    switch self {
    case .wholeBatches: 1
    case .segments(_, let samples, let retained):
      layer.writesLargeTensors && retained * samples < layer.batches.largest ? 2 : 1
    }
  }

  /// Bytes in one set of buffers, and how many sets there are.
  package func memory(_ layer: Layer) -> (setBytes: Int, sets: Int) {
    let perSample = BufferShape(layer).bytesPerSample
    switch self {
    case .wholeBatches(let workers, let batchesPerTask):
      return (
        min(layer.batches.largest * batchesPerTask, layer.batches.sampleCount) * perSample,
        workers
      )
    case .segments(let workers, let samples, let retained):
      let count = (layer.batches.largest + samples - 1) / samples
      return (samples * perSample, retained >= count ? retained : workers + retained)
    }
  }
}
