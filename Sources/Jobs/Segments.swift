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

  /// - Parameter consume: takes the results of the batches in order of the batches' numbers.
  func run(
    _ pool: WorkerPool, _ ledger: MemoryLedger, _ rule: NormalizationRule,
    consume: (BatchResult, Int) throws -> Void
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
    let total = try collectors.take()
    let result = try results.take()
    for batch in 0..<slice.layer.batches.count {
      let segments = slice.layer.batches[batch].divided(by: samplesPerSegment)
      try collect(segments, into: total, pool, collectors, buffers, kept)
      result.value.take(total.value)
      try write(segments, result, pool, gradients, buffers, kept)
      try consume(result.value, batch)
    }
  }

  /// The statistics pass. Segments begin at leaves, so that their moments join to the batch's along the tree.
  private func collect(
    _ segments: [Range<Int>], into total: HandedOver<MomentCollector>, _ pool: WorkerPool,
    _ collectors: ResourcePool<HandedOver<MomentCollector>>,
    _ buffers: ResourcePool<HandedOver<SampleBuffers>>,
    _ kept: [HandedOver<SampleBuffers>]
  ) throws {
    let delivery = OrderedDelivery<HandedOver<MomentCollector>>(
      window: ScheduleChooser.window * pool.workerCount
    ) { _, collector in
      total.value.append(collector.value)
      collectors.giveBack(collector)
    }
    let samplesPerLeaf = slice.decomposition.samplesPerLeaf
    let first = segments.first?.lowerBound ?? 0
    try inOrder(segments, pool, delivery, buffers, kept) { segment, buffers, _ in
      buffers.begin(segment)
      let collector = try collectors.take()
      collector.value.begin(atLeaf: (segment.lowerBound - first) / samplesPerLeaf)
      try statistics.collect(segment, in: buffers, collector.value)
      return collector
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

  /// The apply pass.
  private func write(
    _ segments: [Range<Int>], _ result: HandedOver<BatchResult>, _ pool: WorkerPool,
    _ gradients: GradientCollectors?, _ buffers: ResourcePool<HandedOver<SampleBuffers>>,
    _ kept: [HandedOver<SampleBuffers>]
  ) throws {
    guard slice.layer.writesLargeResults else { return }
    // Chunks of the output are written in order: who is far ahead waits, so that few are kept.
    let delivery = OrderedDelivery<HandedOver<InputGradientCollector>?>(
      window: ScheduleChooser.window * pool.workerCount
    ) { _, collector in
      guard let gradients, let collector else { return }
      gradients.total.value.append(collector.value)
      gradients.pool.giveBack(collector)
    }
    let first = segments.first?.lowerBound ?? 0
    try inOrder(segments, pool, delivery, buffers, kept) { segment, buffers, isKept in
      if !isKept { buffers.begin(segment) }
      let collector = try gradients?.pool.take()
      try apply.write(
        segment, result.value, from: buffers,
        collector.map { Diagnosis(collector: $0.value, firstSample: first) })
      return collector
    }
    if let gradients { result.value.take(gradients.total.value) }
  }

  /// Runs `body` for each segment, with buffers of its own for the first ones, else with spare ones, and delivers what it gives
  /// in the segments' order.
  private func inOrder<Value: Sendable>(
    _ segments: [Range<Int>], _ pool: WorkerPool, _ delivery: OrderedDelivery<Value>,
    _ buffers: ResourcePool<HandedOver<SampleBuffers>>, _ kept: [HandedOver<SampleBuffers>],
    _ body: @Sendable (Range<Int>, SampleBuffers, _ isKept: Bool) throws -> Value
  ) throws {
    let clock = statistics.clock
    try pool.run(taskCount: segments.count) { task in
      do {
        guard clock.measure(.wait, { delivery.waitForRoom(task) }) else { return }
        let value =
          task < kept.count
          ? try body(segments[task], kept[task].value, true)
          : try buffers.withItem { try body(segments[task], $0.value, false) }
        try delivery.deliver(value, for: task)
      } catch {
        delivery.fail()
        throw error
      }
    }
  }
}
