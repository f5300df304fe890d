import BatchNorm
import LayerFiles
import Parallel

/// The schedule in which all workers share one batch after the other, cut into segments.
struct Segments: Sendable {
  let slice: LayerSlice
  let samplesPerSegment: Int
  let retained: Int
  let needs: SliceNeeds
  let statistics: StatisticsPass
  let apply: ApplyPass

  /// - Parameter course: takes the results of the batches in order of the batches' numbers, from where it starts.
  func run(
    _ pool: WorkerPool, _ ledger: MemoryLedger, _ rule: NormalizationRule,
    _ course: HandedOver<any BatchCourse>
  ) throws {
    let work = try work(pool, ledger, rule)
    let start = course.value.start
    for batch in course.value.firstBatch..<max(start.batch, course.value.endBatch) {
      let within = batch == start.batch ? start.within : .nothing
      var written = 0
      if case .written(let samples, let record) = within {
        try work.result.value.restore(from: record)
        written = samples
      } else {
        try collect(batch, within, work, course)
        work.result.value.take(work.total.value)
      }
      try write(batch, from: written, work, course)
      guard batch >= start.batch else { continue }
      try course.value.take(work.result.value, batch: batch)
      try course.value.reach(batch: batch + 1, course.value.emptyNotes)
    }
  }

  /// What the passes need.
  func work(_ pool: WorkerPool, _ ledger: MemoryLedger, _ rule: NormalizationRule) throws -> Work {
    let (slice, decomposition) = (slice, slice.decomposition)
    let layout = BufferLayout(slice, capacity: samplesPerSegment)
    let buffers = ResourcePool(needs.buffers, ledger) { HandedOver(try SampleBuffers(layout)) }
    // Those of the segments that stay in memory between the passes.
    let kept = try (0..<retained).map { _ in try buffers.take() }
    let octets = 0..<decomposition.octetCount
    let centers = rule.centers
    let collectors = ResourcePool(needs.collectors, ledger) {
      HandedOver(
        MomentCollector(
          decomposition, octets: octets, hasMask: slice.hasMask, centers: centers,
          diagnoses: slice.layer.diagnoses))
    }
    let gradients =
      try slice.layer.sumsInputGradient
      ? GradientCollectors(
        pool: ResourcePool(needs.gradientCollectors, ledger) {
          HandedOver(InputGradientCollector(decomposition))
        }) : nil
    let results = ResourcePool(needs.results, ledger) {
      HandedOver(
        BatchResult(decomposition, rule, hasMask: slice.hasMask, diagnoses: slice.layer.diagnoses))
    }
    return Work(
      pool: pool, buffers: buffers, kept: kept, collectors: collectors, total: try collectors.take(),
      result: try results.take(), results: results, gradients: gradients)
  }

  /// What the passes over the batches share.
  struct Work: Sendable {
    fileprivate let pool: WorkerPool
    fileprivate let buffers: ResourcePool<HandedOver<SampleBuffers>>
    fileprivate let kept: [HandedOver<SampleBuffers>]
    fileprivate let collectors: ResourcePool<HandedOver<MomentCollector>>
    /// Of the batch.
    let total: HandedOver<MomentCollector>
    let result: HandedOver<BatchResult>
    /// As long as it is there, what the result takes is lent.
    fileprivate let results: ResourcePool<HandedOver<BatchResult>>
    fileprivate let gradients: GradientCollectors?
  }

  /// The statistics pass over a batch.
  private func collect(
    _ batch: Int, _ within: SlicePosition.Within, _ work: Work, _ course: HandedOver<any BatchCourse>
  ) throws {
    let samples = slice.layer.batches[batch]
    var collected = 0
    if case .collected(let count, let moments) = within {
      try work.total.value.append(moments)
      collected = count
    }
    try collect(BatchPart(batch: batch, samples: collected..<samples.count), work) { end in
      // What ends inside a leaf is the batch's end.
      guard end < samples.count, course.value.isDue(within: batch) else { return }
      let moments = work.total.value.takePart()
      try course.value.reach(
        within: batch, .collected(samples: end, moments), course.value.emptyNotes)
      try work.total.value.append(moments)
    }
  }

  /// The statistics pass over a part of a batch: adds it to `Work.total`. Segments begin at leaves, so that their moments join to the batch's along
  /// the tree.
  /// - Parameter after: told up to which sample of the batch all is in the total.
  func collect(
    _ part: BatchPart, _ work: Work, after: @escaping @Sendable (_ end: Int) throws -> Void
  ) throws {
    let samples = slice.layer.batches[part.batch]
    let segments = Segmentation(samples, samplesPerSegment, part.samples)
    let delivery = OrderedDelivery<(Int, HandedOver<MomentCollector>)>(
      window: ScheduleChooser.window * work.pool.workerCount
    ) { _, segment in
      let (end, collector) = segment
      work.total.value.append(collector.value)
      work.collectors.giveBack(collector)
      try after(end - samples.lowerBound)
    }
    let samplesPerLeaf = slice.decomposition.samplesPerLeaf
    try inOrder(segments, work, delivery) { segment, buffers, _ in
      buffers.begin(segment)
      let collector = try work.collectors.take()
      collector.value.begin(atLeaf: (segment.lowerBound - samples.lowerBound) / samplesPerLeaf)
      try statistics.collect(segment, in: buffers, collector.value)
      return (segment.upperBound, collector)
    }
  }

  /// Collectors of what the apply pass sums for diagnostics: one for the batch, and those of segments.
  fileprivate struct GradientCollectors: Sendable {
    let pool: ResourcePool<HandedOver<InputGradientCollector>>
    let total: HandedOver<InputGradientCollector>

    init(pool: ResourcePool<HandedOver<InputGradientCollector>>) throws {
      self.pool = pool
      total = try pool.take()
    }
  }

  /// The apply pass over a batch.
  /// - Parameter written: so many samples of the batch are written already.
  private func write(
    _ batch: Int, from written: Int, _ work: Work, _ course: HandedOver<any BatchCourse>
  ) throws {
    guard slice.writesLargeResults else { return }
    let samples = slice.layer.batches[batch]
    let isTaken = batch < course.value.start.batch
    let (notes, done) = (course.value.emptyNotes, isTaken ? samples.count : written)
    // What an earlier run has written into chunks that were not full, and has counted.
    let first = max(0, course.value.firstSample - samples.lowerBound)
    if first < done {
      try write(BatchPart(batch: batch, samples: first..<done), work, notes) { _, _ in }
    }
    if isTaken { return }
    let rest = BatchPart(batch: batch, samples: written..<samples.count)
    try write(rest, work, notes, sums: true) { end, notes in
      try course.value.reach(
        within: batch, .written(samples: end, result: work.result.value.record()), notes)
    }
    if let gradients = work.gradients { work.result.value.take(gradients.total.value) }
  }

  /// The apply pass over a part of a batch, whose statistics are those of `Work.result`.
  /// - Parameters:
  ///   - notes: empty ones for each segment.
  ///   - sums: true to sum for diagnostics.
  ///   - reach: told in the segments' order up to which sample of the batch all is written.
  func write(
    _ part: BatchPart, _ work: Work, _ notes: WorkNotes, sums: Bool = false,
    reach: @escaping @Sendable (_ end: Int, WorkNotes) throws -> Void
  ) throws {
    let samples = slice.layer.batches[part.batch]
    let (gradients, result) = (sums ? work.gradients : nil, work.result)
    // Chunks of the output are written in order: who is far ahead waits, so that few are kept.
    let delivery = OrderedDelivery<(Int, WorkNotes, HandedOver<InputGradientCollector>?)>(
      window: ScheduleChooser.window * work.pool.workerCount
    ) { _, segment in
      let (end, notes, collector) = segment
      if let gradients, let collector {
        gradients.total.value.append(collector.value)
        gradients.pool.giveBack(collector)
      }
      try reach(end - samples.lowerBound, notes)
    }
    try inOrder(Segmentation(samples, samplesPerSegment, part.samples), work, delivery) {
      segment, buffers, isKept in
      // Of a kept one that another run collected nothing is there.
      if !isKept || !buffers.holds(segment) { buffers.begin(segment) }
      let collector = try gradients?.pool.take()
      var notes = notes
      try apply.write(
        segment, result.value, from: buffers,
        collector.map { Diagnosis(collector: $0.value, firstSample: samples.lowerBound) }, &notes)
      return (segment.upperBound, notes, collector)
    }
  }

  /// Runs `body` for each segment, with buffers of its own for the first ones, else with spare ones, and delivers what it gives
  /// in the segments' order.
  private func inOrder<Value: Sendable>(
    _ segments: Segmentation, _ work: Work, _ delivery: OrderedDelivery<Value>,
    _ body: @Sendable (Range<Int>, SampleBuffers, _ isKept: Bool) throws -> Value
  ) throws {
    let clock = statistics.clock
    try work.pool.run(taskCount: segments.ranges.count) { task in
      do {
        guard clock.measure(.wait, { delivery.waitForRoom(task) }) else { return }
        let (range, index) = (segments.ranges[task], segments.firstIndex + task)
        let value =
          index < work.kept.count
          ? try body(range, work.kept[index].value, true)
          : try work.buffers.withItem { try body(range, $0.value, false) }
        try delivery.deliver(value, for: task)
      } catch {
        delivery.fail()
        throw error
      }
    }
  }
}

/// The segments of a part of a batch.
private struct Segmentation: Sendable {
  let ranges: [Range<Int>]
  /// The number of the first of them, among all of the batch.
  let firstIndex: Int

  /// - Parameters:
  ///   - samples: the batch's.
  ///   - part: those of which segments are wanted, counted from the batch's first; for the statistics pass it begins at a leaf.
  init(_ samples: Range<Int>, _ samplesPerSegment: Int, _ part: Range<Int>) {
    let all = samples.divided(by: samplesPerSegment)
    let wanted = samples.lowerBound + part.lowerBound..<samples.lowerBound + part.upperBound
    firstIndex = all.firstIndex { $0.upperBound > wanted.lowerBound } ?? all.count
    // Another run may have had longer or shorter segments.
    ranges = all[firstIndex...].map { $0.clamped(to: wanted) }.filter { !$0.isEmpty }
  }
}
