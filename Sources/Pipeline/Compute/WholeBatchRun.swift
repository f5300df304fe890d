import BatchNorm
import Parallel
import RunModel

/// Runs a layer with `Arrangement.wholeBatches`.
struct WholeBatchRun {
  let layer: Layer
  let batchesPerUnit: Int
  let pool: WorkerPool
  let input: LayerInput
  let target: LayerTarget
  let clock: StageClock

  /// What one worker keeps from unit to unit.
  private struct Worker {
    let set: BufferSet
    let tiles: [Tile]
    let moments: BatchMoments
  }

  private struct Tile {
    let groups: Range<Int>
    let collector: MomentCollector
  }

  /// A tile's x and dy should stay in the second-level cache from the moments to the results.
  private static let tileBytes = 1 << 19

  /// - Parameter consume: takes the batches' results in order.
  func run(consume: @escaping @Sendable (BatchResult) throws -> Void) throws {
    let batches = layer.batches
    let layer = layer
    let delivery = OrderedDelivery<[BatchResult]>(window: 4 * pool.workerCount) { _, results in
      for result in results { try consume(result) }
    }
    let decomposition = Decomposition(layer.layout)
    let unitCount = (batches.count + batchesPerUnit - 1) / batchesPerUnit
    let (input, target, clock, perUnit) = (input, target, clock, batchesPerUnit)
    let capacity = min(batches.largest * perUnit, batches.sampleCount)
    try pool.run(unitCount: unitCount) {
      let shape = BufferShape(layer)
      return Worker(
        set: try BufferSet(shape, capacity: capacity),
        tiles: Self.tiles(layer, shape, decomposition).map {
          Tile(groups: $0, collector: MomentCollector(layer, decomposition, groups: $0))
        },
        moments: BatchMoments(layer))
    } body: { worker, unit in
      do {
        clock.measure(.wait) { delivery.waitForRoom(unit) }
        let numbers = unit * perUnit..<min((unit + 1) * perUnit, batches.count)
        let samples = batches[numbers.lowerBound].lowerBound..<batches[numbers.upperBound - 1].upperBound
        try input.read(samples, into: worker.set)
        let results = clock.measure(.compute) {
          numbers.map { number in
            let batch = batches[number]
            return Self.compute(
              worker, decomposition, target, from: batch.lowerBound - samples.lowerBound,
              samples: batch.count, batch: number)
          }
        }
        if layer.writesLargeTensors { try target.write(samples, from: worker.set) }
        try delivery.deliver(results, for: unit)
      } catch {
        delivery.fail()
        throw error
      }
    }
  }

  /// Everything between reading and writing, for one batch.
  private static func compute(
    _ worker: borrowing Worker, _ decomposition: Decomposition, _ target: LayerTarget, from first: Int,
    samples: Int, batch: Int
  ) -> BatchResult {
    let visit = worker.set.visit(from: first, samples: samples)
    var isFinite = true
    for tile in worker.tiles {
      tile.collector.add(worker.set, from: first, samples: samples)
      tile.collector.finish(worker.moments)
      worker.moments.updateCoefficients(tile.collector.features)
      if worker.set.shape.layer.writesLargeTensors {
        isFinite =
          visit.run(decomposition, coefficients: worker.moments.coefficients, groups: tile.groups) && isFinite
      }
    }
    if !isFinite { target.addOverflows(worker.moments.overflowCount(visit)) }
    return worker.moments.result(batch: batch)
  }

  /// Tiles of features, as large as suits the cache.
  private static func tiles(_ layer: Layer, _ shape: BufferShape, _ decomposition: Decomposition)
    -> [Range<Int>]
  {
    let groups = decomposition.groupCount
    guard decomposition.groupsAreFeatures else { return [0..<groups] }
    let groupBytes =
      layer.batches.largest * layer.layout.valuesPerFeatureAndSample * 8 * shape.kernel.byteCount
      * (shape.readsGradient ? 2 : 1)
    // Of a matrix narrow tiles are scattered pieces of memory; below 64 groups that costs more than the cache gives. Runs are
    // whole pieces anyway.
    let count = max(decomposition.lanesAreColumns ? 64 : 1, tileBytes / max(1, groupBytes))
    return stride(from: 0, to: groups, by: count).map { $0..<min($0 + count, groups) }
  }
}
