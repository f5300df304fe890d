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
    let work = Work(
      pool: pool, buffers: buffers, kept: kept, collectors: collectors, total: try collectors.take(),
      result: try results.take(), gradients: gradients, course: course)
    let start = course.value.start
    for batch in course.value.firstBatch..<max(start.batch, course.value.endBatch) {
      let within = batch == start.batch ? start.within : .nothing
      var written = 0
      if case .written(let samples, let record) = within {
        try work.result.value.restore(from: record)
        written = samples
      } else {
        try collect(batch, within, work)
        work.result.value.take(work.total.value)
      }
      try write(batch, from: written, work)
      guard batch >= start.batch else { continue }
      try course.value.take(work.result.value, batch: batch)
      try course.value.reach(batch: batch + 1, course.value.emptyNotes)
    }
  }

  /// What the passes over the batches share.
  private struct Work: Sendable {
    let pool: WorkerPool
    let buffers: ResourcePool<HandedOver<SampleBuffers>>
    let kept: [HandedOver<SampleBuffers>]
    let collectors: ResourcePool<HandedOver<MomentCollector>>
    let total: HandedOver<MomentCollector>
    let result: HandedOver<BatchResult>
    let gradients: GradientCollectors?
    let course: HandedOver<any BatchCourse>
  }

  /// The statistics pass. Segments begin at leaves, so that their moments join to the batch's along the tree.
  private func collect(_ batch: Int, _ within: SlicePosition.Within, _ work: Work) throws {
    let samples = slice.layer.batches[batch]
    var collected = 0
    if case .collected(let count, let moments) = within {
      try work.total.value.append(moments)
      collected = count
    }
    let segments = Segmentation(samples, samplesPerSegment, from: collected)
    let delivery = OrderedDelivery<(Int, HandedOver<MomentCollector>)>(
      window: ScheduleChooser.window * work.pool.workerCount
    ) { _, segment in
      let (end, collector) = segment
      let (total, course) = (work.total.value, work.course.value)
      total.append(collector.value)
      work.collectors.giveBack(collector)
      // What ends inside a leaf is the batch's end.
      guard end < samples.upperBound, course.isDueWithinBatch else { return }
      let moments = total.takePart()
      try course.reach(
        within: SlicePosition(batch: batch, within: .collected(samples: end - samples.lowerBound, moments)),
        course.emptyNotes)
      try total.append(moments)
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
  private struct GradientCollectors: Sendable {
    let pool: ResourcePool<HandedOver<InputGradientCollector>>
    let total: HandedOver<InputGradientCollector>

    init(pool: ResourcePool<HandedOver<InputGradientCollector>>) throws {
      self.pool = pool
      total = try pool.take()
    }
  }

  /// Writes samples of a batch again that an earlier run has written into chunks that were not full.
  /// - Parameter written: what is counted of so many samples of the batch is recorded.
  private func writeAgain(_ batch: Int, before written: Int, _ work: Work) throws {
    let samples = slice.layer.batches[batch]
    let first = max(samples.lowerBound, work.course.value.firstSample)
    guard first < samples.lowerBound + written else { return }
    let notes = work.course.value.emptyNotes
    let segments = Segmentation(samples, samplesPerSegment, from: first - samples.lowerBound, to: written)
    let delivery = OrderedDelivery<Void>(window: ScheduleChooser.window * work.pool.workerCount) { _, _ in }
    try inOrder(segments, work, delivery) { segment, buffers, isKept in
      if !isKept || !buffers.holds(segment) { buffers.begin(segment) }
      var notes = notes
      try apply.write(segment, work.result.value, from: buffers, nil, &notes)
    }
  }

  /// The apply pass.
  /// - Parameter written: so many samples of the batch are written already.
  private func write(_ batch: Int, from written: Int, _ work: Work) throws {
    guard slice.layer.writesLargeResults else { return }
    let samples = slice.layer.batches[batch]
    let isTaken = batch < work.course.value.start.batch
    if isTaken || written > 0 { try writeAgain(batch, before: isTaken ? samples.count : written, work) }
    if isTaken { return }
    let notes = work.course.value.emptyNotes
    // Chunks of the output are written in order: who is far ahead waits, so that few are kept.
    let (gradients, result) = (work.gradients, work.result.value)
    let delivery = OrderedDelivery<(Int, WorkNotes, HandedOver<InputGradientCollector>?)>(
      window: ScheduleChooser.window * work.pool.workerCount
    ) { _, segment in
      let (end, notes, collector) = segment
      if let gradients, let collector {
        gradients.total.value.append(collector.value)
        gradients.pool.giveBack(collector)
      }
      try work.course.value.reach(
        within: SlicePosition(
          batch: batch,
          within: .written(samples: end - samples.lowerBound, result: work.result.value.record())), notes)
    }
    try inOrder(Segmentation(samples, samplesPerSegment, from: written), work, delivery) {
      segment, buffers, isKept in
      // Of a kept one that another run collected nothing is there.
      if !isKept || !buffers.holds(segment) { buffers.begin(segment) }
      let collector = try gradients?.pool.take()
      var notes = notes
      try apply.write(
        segment, work.result.value, from: buffers,
        collector.map { Diagnosis(collector: $0.value, firstSample: samples.lowerBound) }, &notes)
      return (segment.upperBound, notes, collector)
    }
    if let gradients { result.take(gradients.total.value) }
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

/// The segments of a batch, from a sample on.
private struct Segmentation: Sendable {
  let ranges: [Range<Int>]
  /// The number of the first of them, among all of the batch.
  let firstIndex: Int

  /// - Parameters:
  ///   - done: so many samples of the batch need no segment; for the statistics pass a multiple of a leaf, or all of them.
  ///   - count: nor do those after so many; nil for all of them.
  init(_ samples: Range<Int>, _ samplesPerSegment: Int, from done: Int, to count: Int? = nil) {
    let all = samples.divided(by: samplesPerSegment)
    let wanted = samples.lowerBound + done..<samples.lowerBound + max(done, count ?? samples.count)
    firstIndex = all.firstIndex { $0.upperBound > wanted.lowerBound } ?? all.count
    // Another run may have had longer or shorter segments.
    ranges = all[firstIndex...].map { $0.clamped(to: wanted) }.filter { !$0.isEmpty }
  }
}
