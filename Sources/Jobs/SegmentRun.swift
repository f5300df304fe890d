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
  private let octets: Range<Int>
  private let pieces: Pieces
  /// Buffers of the segments that stay in memory between the two visits; used by one worker at a time.
  private let retained: [BufferSet]
  /// Buffers of the workers, for the other segments.
  private let spare: ResourcePool<BufferSet>

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
    octets = 0..<decomposition.octetCount
    pieces = Pieces(layer, decomposition, input, target)
    let shape = BufferShape(layer)
    retained = try (0..<retainedCount).map { _ in try BufferSet(shape, capacity: samplesPerSegment) }
    spare = ResourcePool { try BufferSet(shape, capacity: samplesPerSegment) }
  }

  /// - Parameter consume: takes the statistics of the batches in order of the batches' numbers.
  func run(consume: (BatchStatistics, Int) throws -> Void) throws {
    let statistics = BatchStatistics(layer, BatchStatistics.rule(layer))
    for batch in 0..<layer.batches.count {
      let samples = layer.batches[batch]
      try collect(samples, into: statistics)
      statistics.updateCoefficients(0..<layer.featureCount)
      if layer.writesLargeTensors { try visit(samples, HandedOver(statistics)) }
      try consume(statistics, batch)
    }
  }

  private func segments(_ samples: Range<Int>) -> [Range<Int>] {
    stride(from: samples.lowerBound, to: samples.upperBound, by: samplesPerSegment).map {
      $0..<min($0 + samplesPerSegment, samples.upperBound)
    }
  }

  /// The first visit: moments. Segments begin at leaves, so that their moments join to the batch's in the order of the tree.
  private func collect(_ samples: Range<Int>, into statistics: BatchStatistics) throws {
    let segments = segments(samples)
    let (layer, decomposition, octets, input, clock) = (layer, decomposition, octets, input, clock)
    let (retained, spare, pieces) = (retained, spare, pieces)
    let total = HandedOver(MomentCollector(layer, decomposition, octets: octets))
    let collectors = ResourcePool { HandedOver(MomentCollector(layer, decomposition, octets: octets)) }
    let delivery = OrderedDelivery<HandedOver<MomentCollector>>(window: 4 * pool.workerCount) {
      _, collector in
      total.value.append(collector.value)
      collectors.giveBack(collector)
    }
    try pool.run(taskCount: segments.count) { task in
      do {
        clock.measure(.wait) { delivery.waitForRoom(task) }
        let collector = try collectors.take()
        let isRetained = task < retained.count
        let set = try isRetained ? retained[task] : spare.take()
        let first = segments[task].lowerBound
        collector.value.begin(atLeaf: (first - samples.lowerBound) / decomposition.samplesPerLeaf)
        for piece in pieces.read(segments[task]) {
          try input.read(piece, into: set, at: piece.lowerBound - first)
          clock.measure(.compute) {
            collector.value.add(set, from: piece.lowerBound - first, samples: piece.count)
          }
        }
        if !isRetained { spare.giveBack(set) }
        try delivery.deliver(collector, for: task)
      } catch {
        delivery.fail()
        throw error
      }
    }
    total.value.finish(into: statistics)
  }

  /// The second visit: results.
  private func visit(_ samples: Range<Int>, _ statistics: HandedOver<BatchStatistics>) throws {
    let segments = segments(samples)
    let (octets, input, target, clock) = (octets, input, target, clock)
    let (retained, spare, pieces) = (retained, spare, pieces)
    let features = 0..<layer.featureCount
    // Chunks of the output are written in order: who is far ahead waits, so that few are kept.
    let order = OrderedDelivery<Void>(window: 4 * pool.workerCount) { _, _ in }
    try pool.run(taskCount: segments.count) { task in
      do {
        clock.measure(.wait) { order.waitForRoom(task) }
        let isRetained = task < retained.count
        let set = try isRetained ? retained[task] : spare.take()
        let first = segments[task].lowerBound
        // What is not retained is read in the pieces in which it is written.
        let readsInPieces = !isRetained && input.suitsPieces
        if !isRetained && !readsInPieces { try input.read(segments[task], into: set, at: 0) }
        for piece in pieces.written(segments[task]) {
          let start = piece.lowerBound - first
          if readsInPieces { try input.read(piece, into: set, at: start) }
          clock.measure(.compute) {
            let visit = set.visit(from: start, samples: piece.count)
            if !visit.apply(statistics.value.coefficients, octets: octets) {
              target.addOverflows(statistics.value.overflowCount(visit, features))
            }
          }
          try target.write(piece, from: set, at: start)
        }
        if !isRetained { spare.giveBack(set) }
        try order.deliver((), for: task)
      } catch {
        order.fail()
        throw error
      }
    }
  }
}
