import BatchNorm
import Configuration
import LayerFiles
import Parallel

/// How the work on a layer is divided among threads, and how much memory that takes. The results do not depend on it, to the
/// last bit.
public struct Schedule: Sendable, Equatable {
  /// How the batches of a slice are divided.
  public enum Division: Sendable, Equatable {
    /// Each worker reads, computes and writes whole batches, several small ones at a time: a batch is still in the
    /// cache when its results are written, and workers need not wait for each other.
    case wholeBatches(batchesPerTask: Int)
    /// All workers share one batch. It is cut into segments, which pass by twice, for the moments and for the results;
    /// the first `retained` of them stay in memory between, the others are read again.
    case segments(samplesPerSegment: Int, retained: Int)
  }

  /// Features that are computed together, one slice after the other; all of them, where memory allows.
  public let featuresPerSlice: Int
  /// True if that is all features.
  public let isWhole: Bool
  /// Slices that are computed at the same time, each by one worker; 1 if the workers share a slice.
  public let slicesAtOnce: Int
  /// Workers that share a slice.
  public let workers: Int
  /// How the batches of a slice are divided.
  public let division: Division
  /// What a slice takes.
  let needs: SliceNeeds
  /// What quantiles take, after all slices; nil if none are wanted.
  var quantiles: QuantileNeeds?

  /// How often the input is read: twice if a batch does not fit in memory.
  package func passes(_ layer: Layer) -> Int {
    switch division {
    case .wholeBatches: 1
    case .segments(let samples, let retained):
      layer.writesLargeResults && retained * samples < layer.batches.largest ? 2 : 1
    }
  }

  /// Bytes of the large inputs that are read, both passes together: in the second one only what did not stay in memory.
  package func bytesToRead(_ layer: Layer) -> Int {
    let once = layer.inputByteCount + (layer.quantileReads + layer.histogramReads) * layer.activationByteCount
    guard case .segments(let samples, let retained) = division, passes(layer) == 2 else { return once }
    let again = (0..<layer.batches.count).reduce(0) {
      $0 + max(0, layer.batches[$1].count - retained * samples)
    }
    return once + again * layer.inputBytesPerSample
  }

  /// Bytes that buffers take: of all slices that are computed at the same time.
  package var memoryNeed: Int { max(needs.total * slicesAtOnce, quantiles?.byteCount ?? 0) }

  /// Lends so much and no more.
  var ledger: MemoryLedger { MemoryLedger(limit: memoryNeed) }

  /// The ranges of features that are computed one after the other.
  func slices(of layer: Layer) -> [LayerSlice] {
    (0..<layer.featureCount).divided(by: featuresPerSlice).map { LayerSlice(layer, features: $0) }
  }

  /// Bytes in one set of buffers, and how many sets there are.
  package var buffers: (setBytes: Int, sets: Int) {
    (needs.tensorBytes, needs.buffers.count * slicesAtOnce)
  }
}

/// What the work on a slice takes of memory: asked by who chooses the schedule, and kept to by the pools of who carries it out.
struct SliceNeeds: Sendable, Equatable {
  /// Buffers for samples.
  var buffers: MemoryNeed
  /// Bytes of the tensors in one set of buffers.
  var tensorBytes: Int
  /// Collectors of moments.
  var collectors: MemoryNeed
  /// Collectors of what the apply pass sums for diagnostics; those of whole batches are among `collectors`.
  var gradientCollectors: MemoryNeed
  /// Results of batches, with those that wait for an earlier one.
  var results: MemoryNeed
  /// The rule, what is given, and the fold over the batches.
  var fold: MemoryNeed

  var total: Int { buffers.total + collectors.total + gradientCollectors.total + results.total + fold.total }
}

/// Chooses the schedule of a layer.
struct ScheduleChooser {
  let layer: Layer
  let workers: Int
  /// The job's limit.
  let memory: Int
  let storage: OutputStorage
  /// True if batches are cut between processes: then all workers of one share what it has of a batch.
  var cutsBatches = false

  /// Whole batches are taken together up to about this many bytes of x: enough for each request to be worth its cost.
  private static let taskBytes = 1 << 20
  /// A segment has about this many bytes of x.
  private static let segmentBytes = 4 << 20
  /// Batches of which x is larger are shared by all workers even if each could have one of its own.
  private static let largestOwnBatch = 64 << 20
  /// Memory that is in use whatever the layers are: the program itself and what libraries keep.
  private static let fixedBytes = 16 << 20
  /// Tasks that may wait for an earlier one's results, for each worker.
  static let window = 4

  /// - Throws: `needsMemory` if the limit is too small for the least that is needed.
  /// - Parameter reserved: bytes of the job's limit that are taken already, for the message.
  func schedule(file: String, reserved: Int = 0) throws(StreamError) -> Schedule {
    var schedule = try passesSchedule(file: file, reserved: reserved)
    guard layer.quantileReads > 0 else { return schedule }
    let taken = Self.fixedBytes + codingBytes(ofSlices: true)
    let (quantiles, least) = QuantileNeeds.fitting(
      layer, workers: workers, available: memory - taken)
    guard let quantiles else {
      throw .needsMemory(
        file: file, layer: layer.path, need: least + taken + reserved, limit: memory + reserved,
        what: .smallestPart(samples: 1))
    }
    schedule.quantiles = quantiles
    return schedule
  }

  /// The schedule of the two passes.
  private func passesSchedule(file: String, reserved: Int) throws(StreamError) -> Schedule {
    let available = memory - Self.fixedBytes - codingBytes(ofSlices: true)
    if let whole = schedule(
      featuresPerSlice: layer.featureCount, slicesAtOnce: 1,
      memory - Self.fixedBytes - codingBytes(ofSlices: false))
    {
      return shared(whole, available)
    }
    // Compressed chunks hold all features of a sample, so their samples must be whole.
    var features = layer.featureCount
    if isDivisible {
      while features > LayerSlice.grain {
        features = max(
          LayerSlice.grain, (features / 2 + LayerSlice.grain - 1) / LayerSlice.grain * LayerSlice.grain)
        if let sliced = schedule(featuresPerSlice: features, slicesAtOnce: 1, available) {
          return shared(sliced, available)
        }
      }
    }
    let least = least(featuresPerSlice: features)
    let codingBytes = codingBytes(ofSlices: features < layer.featureCount)
    throw .needsMemory(
      file: file, layer: layer.path, need: least.total + codingBytes + Self.fixedBytes + reserved,
      limit: memory + reserved,
      what: .smallestPart(samples: least.samples))
  }

  private var isDivisible: Bool {
    storage.layout == .contiguous && Decomposition(layer.layout).isDivisible
  }

  /// Where all of a batch is one segment there is nothing to share; workers then take slices of the features.
  private func shared(_ schedule: Schedule, _ available: Int) -> Schedule {
    guard isDivisible, workers > 1, case .segments(let samples, _) = schedule.division,
      samples >= layer.batches.largest
    else { return schedule }
    let grain = LayerSlice.grain
    let features = (schedule.featuresPerSlice / workers + grain - 1) / grain * grain
    guard features < schedule.featuresPerSlice else { return schedule }
    return self.schedule(featuresPerSlice: features, slicesAtOnce: workers, available) ?? schedule
  }

  /// The schedule for slices of so many features; nil if it does not fit.
  private func schedule(featuresPerSlice: Int, slicesAtOnce: Int, _ available: Int) -> Schedule? {
    let slice = LayerSlice(layer, features: 0..<featuresPerSlice)
    let workers = slicesAtOnce > 1 ? 1 : workers
    let available = available / slicesAtOnce
    guard
      let (division, workers) = wholeBatches(slice, workers: workers, available)
        ?? segments(slice, workers: workers, available)
    else { return nil }
    return Schedule(
      featuresPerSlice: featuresPerSlice, isWhole: featuresPerSlice == layer.featureCount,
      slicesAtOnce: slicesAtOnce, workers: workers, division: division,
      needs: needs(slice, division, workers: workers))
  }

  private func wholeBatches(_ slice: LayerSlice, workers: Int, _ available: Int) -> (Schedule.Division, Int)?
  {
    let batches = layer.batches
    let largest = max(1, batches.largest)
    let inputBytes = largest * BufferLayout(slice, capacity: 0).inputBytesPerSample
    let sharing = batches.count < 2 * workers && inputBytes > Self.segmentBytes
    guard !sharing, !cutsBatches, inputBytes <= Self.largestOwnBatch else { return nil }
    func fits(_ batchesPerTask: Int) -> Bool {
      needs(slice, .wholeBatches(batchesPerTask: batchesPerTask), workers: workers).total <= available
    }
    guard fits(1) else { return nil }
    // Enough tasks for all workers, even where batches are few.
    let fair = max(1, batches.count / (4 * workers))
    var together = min(max(1, Self.taskBytes / max(1, inputBytes)), fair)
    while !fits(together) { together = max(1, together / 2) }
    return (.wholeBatches(batchesPerTask: together), workers)
  }

  private func segments(_ slice: LayerSlice, workers: Int, _ available: Int) -> (Schedule.Division, Int)? {
    let largest = max(1, layer.batches.largest)
    func total(_ samples: Int, _ retained: Int, _ workers: Int) -> Int {
      needs(slice, .segments(samplesPerSegment: samples, retained: retained), workers: workers).total
    }
    // A batch smaller than a leaf is one segment.
    var samples = min(slice.decomposition.samplesPerLeaf, largest)
    guard total(samples, 0, 1) <= available else { return nil }
    let inputBytes = BufferLayout(slice, capacity: 0).inputBytesPerSample
    while 2 * samples * inputBytes <= Self.segmentBytes, total(2 * samples, 0, workers) <= available,
      samples < largest
    { samples *= 2 }
    var sharing = workers
    while sharing > 1, total(samples, 0, sharing) > available { sharing -= 1 }
    // Without an apply pass nothing needs to stay; with all segments kept, no worker needs buffers of its own.
    guard layer.writesLargeResults else {
      return (.segments(samplesPerSegment: samples, retained: 0), sharing)
    }
    let count = (largest + samples - 1) / samples
    if total(samples, count, sharing) <= available {
      return (.segments(samplesPerSegment: samples, retained: count), sharing)
    }
    let spare = available - total(samples, 0, sharing)
    let each = max(1, BufferLayout(slice, capacity: samples).byteCount)
    return (.segments(samplesPerSegment: samples, retained: min(count, spare / each)), sharing)
  }

  /// The least that slices of so many features need, and in words what of.
  private func least(featuresPerSlice: Int) -> (total: Int, samples: Int) {
    let slice = LayerSlice(layer, features: 0..<featuresPerSlice)
    let samples = min(slice.decomposition.samplesPerLeaf, max(1, layer.batches.largest))
    let division = Schedule.Division.segments(samplesPerSegment: samples, retained: 0)
    return (needs(slice, division, workers: 1).total, samples)
  }

  /// What decompression and compression take beside the buffers.
  private func codingBytes(ofSlices readsSlices: Bool) -> Int {
    let inputs = [layer.activations, layer.readsGradient ? layer.gradOutput : nil].compactMap { $0 }
    return inputs.reduce(ChunkPlan(layer, storage)?.memory(layer, workers: workers) ?? 0) {
      $0 + $1.decodingMemory(readsSlices: readsSlices, workers: workers, memory: memory)
    }
  }

  /// What a division takes.
  private func needs(_ slice: LayerSlice, _ division: Schedule.Division, workers: Int) -> SliceNeeds {
    let (batches, decomposition) = (layer.batches, slice.decomposition)
    let result = BatchResult.memory(decomposition, hasMask: slice.hasMask, diagnoses: layer.diagnoses)
    let fold = MemoryNeed(
      1,
      of: ResultFold.byteCount(slice) + NormalizationRule.memory(featureCount: slice.features.count)
        // What is read of parameters and statistics, before it becomes the rule.
        + 4 * slice.features.count * MemoryLayout<Double>.stride)
    func collector(_ samples: Int) -> Int {
      MomentCollector.memory(
        decomposition, samples: samples, hasMask: slice.hasMask, hasCenters: layer.normalization == .running,
        diagnoses: layer.diagnoses)
    }
    let gradients =
      layer.sumsInputGradient ? InputGradientCollector.memory(decomposition, samples: batches.largest) : 0
    switch division {
    case .wholeBatches(let together):
      let capacity = min(batches.largest * together, batches.sampleCount)
      let buffers = BufferLayout(slice, capacity: capacity)
      return SliceNeeds(
        buffers: MemoryNeed(workers, of: buffers.byteCount), tensorBytes: buffers.tensorByteCount,
        collectors: MemoryNeed(workers, of: collector(batches.largest) + gradients),
        gradientCollectors: MemoryNeed(0, of: 0),
        results: MemoryNeed(Self.window * workers, of: together * result), fold: fold)
    case .segments(let samples, let retained):
      let buffers = BufferLayout(slice, capacity: samples)
      let count = (batches.largest + samples - 1) / samples
      return SliceNeeds(
        buffers: MemoryNeed(retained >= count ? retained : workers + retained, of: buffers.byteCount),
        tensorBytes: buffers.tensorByteCount,
        // One for the batch, and those of segments that are summed or wait for an earlier one.
        collectors: MemoryNeed(1 + min(count, Self.window * workers), of: collector(batches.largest)),
        gradientCollectors: MemoryNeed(
          layer.sumsInputGradient ? 1 + min(count, Self.window * workers) : 0, of: gradients),
        results: MemoryNeed(1, of: result), fold: fold)
    }
  }
}
