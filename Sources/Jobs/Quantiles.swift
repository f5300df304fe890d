import BatchNorm
import HDF5
import LayerFiles
import Parallel

/// What the quantiles of a layer take, and how often its activations are read for them.
struct QuantileNeeds: Sendable, Equatable {
  /// Features that are looked at together, one slice after the other.
  let featuresPerSlice: Int
  /// Threads that count at the same time.
  let workers: Int
  /// Samples that a thread reads at a time.
  let samplesPerStretch: Int
  /// Of one slice.
  let byteCount: Int

  /// A stretch has about this many bytes of x: more leave the cache.
  private static let stretchBytes = 1 << 18

  /// The most features and threads that fit.
  /// - Parameter available: bytes that there are for it.
  /// - Returns: nil if no feature fits, with what one takes.
  static func fitting(_ layer: Layer, workers: Int, available: Int) -> (needs: QuantileNeeds?, least: Int) {
    let (selection, counts) = RadixSelection.memoryPerFeature(layer.percents.count)
    func needs(_ features: Int, _ workers: Int) -> QuantileNeeds {
      let slice = LayerSlice(reading: layer, features: 0..<features)
      let bytesPerSample = max(1, BufferLayout(slice, capacity: 0).inputBytesPerSample)
      let samples = max(1, min(layer.batches.sampleCount, Self.stretchBytes / bytesPerSample))
      let buffers = BufferLayout(slice, capacity: samples).byteCount
      return QuantileNeeds(
        featuresPerSlice: features, workers: workers, samplesPerStretch: samples,
        byteCount: features * (selection + (workers + 1) * counts) + workers * buffers)
    }
    for workers in stride(from: workers, through: 1, by: -1) {
      var features = layer.featureCount
      // With fewer than a few features rows are read in scattered bits; fewer threads are better then.
      let fewest = workers > 1 ? min(features, LayerSlice.grain) : 1
      while features >= fewest {
        let found = needs(features, workers)
        if found.byteCount <= available { return (found, found.byteCount) }
        if features == fewest { break }
        features = max(fewest, features / 2)
      }
    }
    return (nil, needs(1, 1).byteCount)
  }
}

/// The story of a layer's quantiles: slice by slice, the samples pass by once for each digit of their numbers.
struct QuantileExecution: Sendable {
  /// With no other results, so that nothing but x and the mask is read.
  private let layer: Layer
  private let needs: QuantileNeeds
  private let job: Job
  private let clock: StageClock
  private let cancellation: Cancellation

  init(
    _ layer: Layer, _ needs: QuantileNeeds, _ job: Job, clock: StageClock,
    cancellation: Cancellation
  ) {
    self.layer = layer.with(outputs: [], outputType: layer.outputType)
    (self.needs, self.job, self.clock, self.cancellation) = (needs, job, clock, cancellation)
  }

  /// Writes the quantiles of all features, [quantiles, C].
  func run(_ ledger: MemoryLedger, into writer: any TensorWriter) throws {
    let loan = try ledger.borrow(needs.byteCount)
    defer { withExtendedLifetime(loan) {} }
    for features in (0..<layer.featureCount).divided(by: needs.featuresPerSlice) {
      let slice = LayerSlice(reading: layer, features: features)
      let reader = try SampleReader(
        slice, workers: needs.workers, memory: job.memory, clock: clock)
      let selection = RadixSelection(
        slice.layout, layer.kernelType, fractions: layer.percents.map { $0 / 100 })
      while !selection.isFinished { selection.narrow(by: try count(slice, reader, selection)) }
      for index in layer.percents.indices {
        try selection.quantiles(index).withUnsafeBytes {
          try writer.write(TensorPart(samples: index..<index + 1, features: features), from: $0)
        }
      }
    }
  }

  /// Counts the next digit of all samples.
  private func count(
    _ slice: LayerSlice, _ reader: SampleReader, _ selection: RadixSelection
  ) throws -> RadixCounts {
    let stretches = (0..<layer.batches.sampleCount).divided(by: needs.samplesPerStretch)
    let begin = HandedOver(selection)
    let counted = Guarded<[HandedOver<RadixCounts>]>([])
    try WorkerPool(workerCount: needs.workers, cancellation: cancellation).run(
      taskCount: stretches.count
    ) {
      // The selection is read only, by one after the other.
      let counts = counted.withLock { all in
        let own = HandedOver(begin.value.counts())
        all.append(own)
        return own
      }
      return (
        counts: counts.value,
        buffers: try SampleBuffers(BufferLayout(slice, capacity: needs.samplesPerStretch))
      )
    } body: { worker, task in
      worker.buffers.begin(stretches[task])
      try reader.read(stretches[task], into: worker.buffers)
      let tensors = worker.buffers.tensors(of: stretches[task])
      clock.measure(.compute) {
        worker.counts.add(tensors.x, mask: tensors.mask, samples: tensors.samples)
      }
    }
    let total = selection.counts()
    for more in counted.withLock({ $0 }) { total.add(more.value) }
    return total
  }
}
