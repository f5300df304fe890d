import BatchNorm
import LayerFiles
import Parallel

/// The schedule in which each worker takes whole batches through both passes.
struct WholeBatches: Sendable {
  let slice: LayerSlice
  let batchesPerTask: Int
  let needs: SliceNeeds
  let statistics: StatisticsPass
  let apply: ApplyPass

  /// What one worker keeps from task to task.
  private struct Worker {
    let loan: MemoryLoan
    let buffers: SampleBuffers
    /// One for each tile.
    let collectors: [(octets: Range<Int>, collector: MomentCollector)]
    /// One for each tile; empty unless the apply pass sums for diagnostics.
    let gradientCollectors: [InputGradientCollector]
  }

  /// - Parameter course: takes the results of the batches in order of the batches' numbers, from where it starts.
  func run(
    _ pool: WorkerPool, _ ledger: MemoryLedger, _ rule: NormalizationRule,
    _ course: HandedOver<any BatchCourse>
  ) throws {
    let (slice, decomposition, batches) = (slice, slice.decomposition, slice.layer.batches)
    let notes = course.value.emptyNotes
    let (first, start) = (course.value.firstBatch, course.value.start.batch)
    // What an earlier run has taken is only written again, where its chunks were not full.
    let tasks =
      ((first..<start).divided(by: batchesPerTask)
      + (start..<max(start, course.value.endBatch)).divided(by: batchesPerTask)).filter { !$0.isEmpty }
    let capacity = min(batches.largest * batchesPerTask, batches.sampleCount)
    let layout = BufferLayout(slice, capacity: capacity)
    let tiles = tiles(layout)
    // Those of a task together: there can be as many batches as samples.
    let results = ResourcePool(needs.results, ledger) {
      HandedOver(
        (0..<batchesPerTask).map { _ in
          BatchResult(decomposition, rule, hasMask: slice.hasMask, diagnoses: slice.layer.diagnoses)
        })
    }
    let delivery = OrderedDelivery<(results: HandedOver<[BatchResult]>, notes: WorkNotes)>(
      window: ScheduleChooser.window * pool.workerCount
    ) { task, finished in
      for (batch, result) in zip(tasks[task], finished.results.value) {
        try course.value.take(result, batch: batch)
      }
      results.giveBack(finished.results)
      let next = tasks[task].upperBound
      if next > start { try course.value.reach(batch: next, finished.notes) }
    }
    let centers = rule.centers
    let workerBytes = needs.buffers.byteCount + needs.collectors.byteCount
    try pool.run(taskCount: tasks.count) {
      Worker(
        loan: try ledger.borrow(workerBytes), buffers: try SampleBuffers(layout),
        collectors: tiles.map {
          (
            $0,
            MomentCollector(
              decomposition, octets: $0, hasMask: slice.hasMask, centers: centers,
              diagnoses: slice.layer.diagnoses)
          )
        },
        gradientCollectors: slice.layer.sumsInputGradient
          ? tiles.map { InputGradientCollector(decomposition, octets: $0) } : [])
    } body: { worker, task in
      do {
        guard statistics.clock.measure(.wait, { delivery.waitForRoom(task) }) else { return }
        let finished = try results.take()
        var notes = notes
        try run(tasks[task], finished.value, worker, &notes)
        try delivery.deliver((finished, notes), for: task)
      } catch {
        delivery.fail()
        throw error
      }
    }
  }

  /// Takes batches through both passes: a large one in stretches, several small ones, or tiles of one, in memory.
  /// - Parameter results: of each of the batches, and perhaps more.
  private func run(
    _ numbers: Range<Int>, _ results: [BatchResult], _ worker: Worker, _ notes: inout WorkNotes
  ) throws {
    let batches = slice.layer.batches
    let samples = batches[numbers.lowerBound].lowerBound..<batches[numbers.upperBound - 1].upperBound
    let buffers = worker.buffers
    buffers.begin(samples)
    if numbers.count == 1, worker.collectors.count == 1 {
      let result = results[0]
      try statistics.collect(samples, in: buffers, worker.collectors[0].collector)
      statistics.clock.measure(.compute) { result.take(worker.collectors[0].collector) }
      let collector = worker.gradientCollectors.first
      try apply.write(
        samples, result, from: buffers,
        collector.map { Diagnosis(collector: $0, firstSample: samples.lowerBound) }, &notes)
      if let collector { result.take(collector) }
      return
    }
    try statistics.reader.read(samples, into: buffers)
    let (collectors, gradientCollectors) = (worker.collectors, worker.gradientCollectors)
    let writesLargeResults = slice.writesLargeResults
    statistics.clock.measure(.compute) {
      // By their numbers: an iterator holds what it gives, which for a million small batches is worth a tenth of the time.
      for index in 0..<numbers.count {
        let samples = batches[numbers.lowerBound + index]
        for tile in collectors.indices {
          statistics.add(samples, in: buffers, to: collectors[tile].collector)
          results[index].take(collectors[tile].collector)
          if writesLargeResults {
            let gradients = gradientCollectors.isEmpty ? nil : gradientCollectors[tile]
            notes.overflows += apply.compute(
              samples, results[index], in: buffers, octets: collectors[tile].octets,
              gradients.map { Diagnosis(collector: $0, firstSample: samples.lowerBound) })
            if let gradients { results[index].take(gradients) }
          }
        }
      }
    }
    if writesLargeResults { try apply.writer.write(samples, from: buffers, &notes) }
  }

  /// Tiles of features, each of which stays in the cache between the passes; one tile where batches are read in stretches.
  private func tiles(_ layout: BufferLayout) -> [Range<Int>] {
    let (decomposition, largest) = (slice.decomposition, slice.layer.batches.largest)
    guard statistics.stretches.readsAtOnce(largest) else { return [0..<decomposition.octetCount] }
    return decomposition.tiles(
      samples: largest, bytesPerValue: layout.inputType.byteCount * (layout.dy == nil ? 1 : 2))
  }
}
