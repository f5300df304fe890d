import BatchNorm
import Configuration
import LayerFiles
import Parallel
import Synchronization

/// Runs a layer with `Arrangement.segments`: all workers share one batch after the other.
final class SegmentRun {
  private let layer: Layer
  private let samplesPerSegment: Int
  private let pool: WorkerPool
  private let input: LayerInput
  private let target: LayerTarget
  private let clock: StageClock
  private let decomposition: Decomposition
  private let groups: Range<Int>
  private let pieces: Pieces
  /// Buffers of the segments that stay in memory between the two visits; used by one worker at a time.
  private let retained: [BufferSet]
  /// Buffers of the workers, for the other segments.
  private let spare: SparePool<BufferSet>

  init(
    _ layer: Layer, samplesPerSegment: Int, retained retainedCount: Int, pool: WorkerPool, input: LayerInput,
    target: LayerTarget, clock: StageClock
  ) throws {
    self.layer = layer
    self.samplesPerSegment = samplesPerSegment
    self.pool = pool
    self.input = input
    self.target = target
    self.clock = clock
    decomposition = Decomposition(layer.layout)
    groups = 0..<decomposition.groupCount
    pieces = Pieces(layer, decomposition, input, target)
    let shape = BufferShape(layer)
    retained = try (0..<retainedCount).map { _ in try BufferSet(shape, capacity: samplesPerSegment) }
    spare = SparePool { try BufferSet(shape, capacity: samplesPerSegment) }
  }

  /// - Parameter consume: takes the statistics of the batches in order of the batches' numbers.
  func run(consume: (BatchStatistics, Int) throws -> Void) throws {
    let statistics = BatchStatistics(layer, BatchStatistics.rule(layer))
    for batch in 0..<layer.batches.count {
      let samples = layer.batches[batch]
      try collect(samples, into: statistics)
      statistics.updateCoefficients(0..<layer.featureCount)
      if layer.writesLargeTensors { try visit(samples, Shared(statistics)) }
      try consume(statistics, batch)
    }
  }

  private func segments(_ samples: Range<Int>) -> [Range<Int>] {
    stride(from: samples.lowerBound, to: samples.upperBound, by: samplesPerSegment).map {
      $0..<min($0 + samplesPerSegment, samples.upperBound)
    }
  }

  /// The first visit: moments. Segments begin at multiples of a power of two of units, so that theirs join to the batch's
  /// in the order of the tree.
  private func collect(_ samples: Range<Int>, into statistics: BatchStatistics) throws {
    let segments = segments(samples)
    let (layer, decomposition, groups, input, clock) = (layer, decomposition, groups, input, clock)
    let (retained, spare, pieces) = (retained, spare, pieces)
    let total = Shared(MomentCollector(layer, decomposition, groups: groups))
    let collectors = SparePool { Shared(MomentCollector(layer, decomposition, groups: groups)) }
    let delivery = OrderedDelivery<Shared<MomentCollector>>(window: 4 * pool.workerCount) { _, collector in
      total.value.append(collector.value)
      collectors.giveBack(collector)
    }
    try pool.run(unitCount: segments.count) { unit in
      do {
        clock.measure(.wait) { delivery.waitForRoom(unit) }
        let collector = try collectors.take()
        let isRetained = unit < retained.count
        let set = try isRetained ? retained[unit] : spare.take()
        let first = segments[unit].lowerBound
        for piece in pieces.read(segments[unit]) {
          try input.read(piece, into: set, at: piece.lowerBound - first)
          clock.measure(.compute) {
            collector.value.add(set, from: piece.lowerBound - first, samples: piece.count)
          }
        }
        if !isRetained { spare.giveBack(set) }
        try delivery.deliver(collector, for: unit)
      } catch {
        delivery.fail()
        throw error
      }
    }
    total.value.finish(into: statistics)
  }

  /// The second visit: results.
  private func visit(_ samples: Range<Int>, _ statistics: Shared<BatchStatistics>) throws {
    let segments = segments(samples)
    let (groups, input, target, clock) = (groups, input, target, clock)
    let (retained, spare, pieces) = (retained, spare, pieces)
    let features = 0..<layer.featureCount
    // Chunks of the output are written in order: who is far ahead waits, so that few are kept.
    let order = OrderedDelivery<Void>(window: 4 * pool.workerCount) { _, _ in }
    try pool.run(unitCount: segments.count) { unit in
      do {
        clock.measure(.wait) { order.waitForRoom(unit) }
        let isRetained = unit < retained.count
        let set = try isRetained ? retained[unit] : spare.take()
        let first = segments[unit].lowerBound
        // What is not retained is read in the pieces in which it is written.
        let readsInPieces = !isRetained && input.suitsPieces
        if !isRetained && !readsInPieces { try input.read(segments[unit], into: set, at: 0) }
        for piece in pieces.written(segments[unit]) {
          let start = piece.lowerBound - first
          if readsInPieces { try input.read(piece, into: set, at: start) }
          clock.measure(.compute) {
            let visit = set.visit(from: start, samples: piece.count)
            if !visit.run(statistics.value.coefficients, groups: groups) {
              target.addOverflows(statistics.value.overflowCount(visit, features))
            }
          }
          try target.write(piece, from: set, at: start)
        }
        if !isRetained { spare.giveBack(set) }
        try order.deliver((), for: unit)
      } catch {
        order.fail()
        throw error
      }
    }
  }
}
