import BatchNorm
import LayerFiles
import Parallel

/// The story of a layer's histograms: after everything else the samples pass by once, and the outputs are computed once more, as before, to
/// be counted instead of written. So an output that is continued, or in shards, has the same as any other.
struct HistogramExecution: Sendable {
  private let layer: Layer
  private let job: Job
  private let progress: JobProgress
  private let cancellation: Cancellation

  /// A thread reads about so many bytes at a time.
  private static let stretchBytes = 1 << 18

  /// Nil if none are asked for.
  init?(
    _ layer: Layer, _ job: Job, progress: JobProgress, cancellation: Cancellation
  ) {
    guard layer.writes(.inputHistogram) else { return nil }
    (self.layer, self.job) = (layer, job)
    (self.progress, self.cancellation) = (progress, cancellation)
  }

  func run(into writers: [LayerResult: any TensorWriter]) throws {
    // Who only looks at other results has no writers for these.
    if let writer = writers[.inputHistogram] { try writer.write(inputs()) }
    if let writer = writers[.outputHistogram] { try writer.write(outputs()) }
  }

  /// As many workers as half of the memory has buffers for, but one in any case.
  static func workers(threads: Int, memory: Int, buffers byteCount: Int) -> Int {
    max(1, min(threads, memory / max(1, 2 * byteCount)))
  }

  /// Counts x.
  private func inputs() throws -> BitHistogram {
    let counted = Guarded(BitHistogram())
    let reading = layer.with(outputs: [], outputType: layer.outputType)
    // A sample may be larger than a stretch; then some of its features are read at a time.
    let valuesPerFeature = layer.layout.valuesPerFeatureAndSample * layer.activations.type.byteCount
    let features = max(
      min(layer.featureCount, LayerSlice.grain),
      min(layer.featureCount, Self.stretchBytes / max(1, valuesPerFeature)))
    for features in (0..<layer.featureCount).divided(by: features) {
      let slice = LayerSlice(reading: reading, features: features)
      let bytesPerSample = max(1, BufferLayout(slice, capacity: 0).inputBytesPerSample)
      let stretches = (0..<layer.batches.sampleCount)
        .divided(by: max(1, min(layer.batches.sampleCount, Self.stretchBytes / bytesPerSample)))
      let capacity = stretches.first?.count ?? 0
      let buffers = BufferLayout(slice, capacity: capacity).byteCount
      let workers = Self.workers(threads: job.threads, memory: job.memory, buffers: buffers)
      let reader = try SampleReader(
        slice, workers: workers, memory: job.memory, clock: progress.clock)
      try WorkerPool(workerCount: workers, cancellation: cancellation).run(taskCount: stretches.count) {
        try SampleBuffers(BufferLayout(slice, capacity: capacity))
      } body: { buffers, task in
        buffers.begin(stretches[task])
        try reader.read(stretches[task], into: buffers)
        let tensors = buffers.tensors(of: stretches[task])
        progress.clock.measure(.compute) {
          var own = BitHistogram()
          own.add(tensors.x, count: tensors.samples * slice.layout.valuesPerSample)
          counted.withLock { $0.add(own) }
        }
      }
    }
    return counted.withLock { $0 }
  }

  /// Computes y once more, and counts it.
  private func outputs() throws -> BitHistogram {
    let again = layer.with(outputs: [.output], outputType: layer.computedType)
    let schedule = try ScheduleChooser(
      layer: again, workers: job.threads, memory: job.memory, storage: .init()
    ).schedule(file: job.input)
    let destination = CountingWriter(isDouble: again.computedType == .float64)
    _ = try LayerExecution(
      layer: again, schedule: schedule, ledger: schedule.ledger, job: job, progress: progress,
      cancellation: cancellation
    ).run(into: destination)
    return destination.counts
  }
}

extension TensorWriter {
  /// Writes counts, [bins].
  fileprivate func write(_ histogram: BitHistogram) throws {
    try histogram.counts.map { Int64($0) }.withUnsafeBytes {
      try write(TensorPart(samples: 0..<BitHistogram.binCount, features: 0..<1), from: $0)
    }
  }
}

/// Counts outputs instead of writing them.
private final class CountingWriter: LayerWriter, TensorWriter {
  private let isDouble: Bool
  private let counted = Guarded(BitHistogram())

  init(isDouble: Bool) { self.isDouble = isDouble }

  var counts: BitHistogram { counted.withLock { $0 } }

  func writer(of result: LayerResult) -> (any TensorWriter)? { result == .output ? self : nil }

  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) {
    var own = BitHistogram()
    if isDouble {
      own.add(buffer.bindMemory(to: Double.self))
    } else {
      own.add(buffer.bindMemory(to: Float.self))
    }
    counted.withLock { $0.add(own) }
  }
}
