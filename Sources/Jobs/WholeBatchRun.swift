import BatchNorm
import Configuration
import LayerFiles
import Parallel

/// Runs a layer with `Arrangement.wholeBatches`.
struct WholeBatchRun: Sendable {
  let layer: Layer
  let batchesPerTask: Int
  let pool: WorkerPool
  let input: LayerInput
  let target: LayerTarget
  let clock: StageClock

  /// What one worker keeps from task to task.
  private struct Worker {
    let set: BufferSet
    let tiles: [Tile]
  }

  private struct Tile {
    let octets: Range<Int>
    let collector: MomentCollector
  }

  /// - Parameter consume: takes the statistics of the batches in order of the batches' numbers.
  func run(consume: @escaping @Sendable (BatchStatistics, Int) throws -> Void) throws {
    let layer = layer
    let batches = layer.batches
    let decomposition = Decomposition(layer.layout)
    let pieces = Pieces(layer, decomposition, input, target)
    let tiles = tiles(decomposition, pieces)
    let rule = BatchStatistics.rule(layer)
    let spare = ResourcePool { HandedOver(BatchStatistics(layer, rule)) }
    let delivery = OrderedDelivery<[(Int, HandedOver<BatchStatistics>)]>(window: 4 * pool.workerCount) {
      _, results in
      for (number, statistics) in results {
        try consume(statistics.value, number)
        spare.giveBack(statistics)
      }
    }
    let taskCount = (batches.count + batchesPerTask - 1) / batchesPerTask
    let capacity = min(batches.largest * batchesPerTask, batches.sampleCount)
    try pool.run(taskCount: taskCount) {
      Worker(
        set: try BufferSet(BufferShape(layer), capacity: capacity),
        tiles: tiles.map { Tile(octets: $0, collector: MomentCollector(layer, decomposition, octets: $0)) })
    } body: { worker, task in
      do {
        clock.measure(.wait) { delivery.waitForRoom(task) }
        let numbers = task * batchesPerTask..<min((task + 1) * batchesPerTask, batches.count)
        let results = try numbers.map { ($0, try spare.take()) }
        if results.count == 1 {
          try runBatch(batches[numbers.lowerBound], worker, pieces, results[0].1.value)
        } else {
          try runBatches(numbers, worker, results.map(\.1.value))
        }
        try delivery.deliver(results, for: task)
      } catch {
        delivery.fail()
        throw error
      }
    }
  }

  /// One batch, read and written in pieces.
  private func runBatch(
    _ samples: Range<Int>, _ worker: borrowing Worker, _ pieces: Pieces, _ statistics: BatchStatistics
  ) throws {
    let first = samples.lowerBound
    if worker.tiles.count > 1 {
      try input.read(samples, into: worker.set, at: 0)
      clock.measure(.compute) { compute(worker, from: 0, samples: samples.count, statistics) }
      return try target.write(samples, from: worker.set, at: 0)
    }
    let tile = worker.tiles[0]
    for piece in pieces.read(samples) {
      try input.read(piece, into: worker.set, at: piece.lowerBound - first)
      clock.measure(.compute) {
        tile.collector.add(worker.set, from: piece.lowerBound - first, samples: piece.count)
      }
    }
    clock.measure(.compute) { finish(tile, statistics) }
    guard layer.writesLargeTensors else { return }
    for piece in pieces.written(samples) {
      clock.measure(.compute) {
        visit(tile, worker.set, from: piece.lowerBound - first, samples: piece.count, statistics)
      }
      try target.write(piece, from: worker.set, at: piece.lowerBound - first)
    }
  }

  /// Several small batches, read and written at once.
  private func runBatches(
    _ numbers: Range<Int>, _ worker: borrowing Worker, _ results: [BatchStatistics]
  ) throws {
    let batches = layer.batches
    let samples = batches[numbers.lowerBound].lowerBound..<batches[numbers.upperBound - 1].upperBound
    try input.read(samples, into: worker.set, at: 0)
    clock.measure(.compute) {
      for (number, statistics) in zip(numbers, results) {
        compute(
          worker, from: batches[number].lowerBound - samples.lowerBound, samples: batches[number].count,
          statistics)
      }
    }
    if layer.writesLargeTensors { try target.write(samples, from: worker.set, at: 0) }
  }

  /// Everything between reading and writing, for one batch.
  private func compute(
    _ worker: borrowing Worker, from first: Int, samples: Int, _ statistics: BatchStatistics
  ) {
    for tile in worker.tiles {
      tile.collector.add(worker.set, from: first, samples: samples)
      finish(tile, statistics)
      if layer.writesLargeTensors { visit(tile, worker.set, from: first, samples: samples, statistics) }
    }
  }

  private func finish(_ tile: Tile, _ statistics: BatchStatistics) {
    tile.collector.finish(into: statistics)
    statistics.updateCoefficients(tile.collector.features)
  }

  private func visit(
    _ tile: Tile, _ set: BufferSet, from first: Int, samples: Int, _ statistics: BatchStatistics
  ) {
    let visit = set.visit(from: first, samples: samples)
    if !visit.apply(statistics.coefficients, octets: tile.octets) {
      target.addOverflows(statistics.overflowCount(visit, tile.collector.features))
    }
  }

  /// Tiles of features; one tile where batches are visited in pieces.
  private func tiles(_ decomposition: Decomposition, _ pieces: Pieces) -> [Range<Int>] {
    guard pieces.readsAtOnce(layer.batches.largest) else { return [0..<decomposition.octetCount] }
    let shape = BufferShape(layer)
    return decomposition.tiles(
      samples: layer.batches.largest, bytesPerValue: shape.kernel.byteCount * (shape.readsGradient ? 2 : 1))
  }
}
