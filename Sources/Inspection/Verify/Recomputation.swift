import BatchNorm
import Jobs
import LayerFiles
import Parallel

/// A batch in memory, with what its formulas need of each feature.
struct BatchInMemory {
  let number: Int
  let samples: Range<Int>
  /// [samples, P, C, S]; dy is nil if the layer has none.
  let x: [Double]
  let dy: [Double]?
  let layout: FeatureLayout

  /// Values of a feature, m.
  var count: Int { samples.count * layout.valuesPerFeatureAndSample }

  /// The feature that a place of the tensor belongs to.
  func feature(_ place: Int) -> Int { place / layout.planeLength % layout.featureCount }
}

/// What another program may have made of a batch.
protocol MistakenBatch {
  /// A tensor [samples, P, C, S] or a row [C], of sums over all batches this batch's part; nil for what it says nothing of.
  func numbers(_ result: LayerResult) -> [Double]?

  /// One number of such a tensor, at its place; nil if only all can be computed.
  func number(_ result: LayerResult, at place: Int) -> Double?
}

extension MistakenBatch {
  func number(_ result: LayerResult, at place: Int) -> Double? { nil }
}

/// Reads batches of both files; what many departures are tried on, the first one, it keeps.
final class BatchReader {
  private let search: DepartureSearch
  private var first: BatchInMemory?
  private var firstTheirs: [LayerResult: AlignedBuffer] = [:]

  /// Nil where a batch would take too much memory: all of it is handled by one thread.
  init?(_ search: DepartureSearch) {
    let most = min(1 << 22, search.verification.plan.job.memory / (16 * 8))
    guard search.layer.batches.largest <= most / max(1, search.layer.layout.valuesPerSample) else {
      return nil
    }
    self.search = search
  }

  func batch(_ number: Int) throws -> BatchInMemory {
    if number == 0, let first { return first }
    let (layer, samples) = (search.layer, search.layer.batches[number])
    let values = try search.verification.plan.values(of: layer, samples: samples)
    let batch = BatchInMemory(
      number: number, samples: samples, x: values.x, dy: values.dy, layout: layer.layout)
    if number == 0 { first = batch }
    return batch
  }

  /// A part of the other program's result: samples of a batch, a batch's row, or the one row that there is.
  func theirs(_ result: LayerResult, _ part: TensorPart, count: Int) throws -> AlignedBuffer? {
    let isFirst = part.samples.lowerBound == 0 && result.entry.shape == .samples
    if isFirst, let kept = firstTheirs[result] { return kept }
    guard let dataset = search.other.results[result] else { return nil }
    let buffer = try AlignedBuffer(byteCount: count * 8)
    try dataset.read(part, into: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<(count * 8)]))
    if isFirst { firstTheirs[result] = buffer }
    return buffer
  }
}

extension DepartureSearch {
  /// Compares results as another program may have made them, computed here batch by batch until none can agree any more.
  /// - Parameters:
  ///   - shown: the results that differ and that the departure can be seen in.
  ///   - make: what the program made of a batch; called for one batch after the other, and not for empty ones.
  /// - Returns: nil if nothing agrees, or not enough to tell.
  func recomputed(
    _ departure: LayerDeparture, _ shown: [LayerResult], from reader: BatchReader,
    _ make: (BatchInMemory) -> any MistakenBatch
  ) throws -> ConsistentDeparture? {
    guard !shown.isEmpty else { return nil }
    let isLarge = { (result: LayerResult) in result.entry.shape == .samples }
    let hasLarge = shown.contains(where: isLarge)
    let limits = comparison.hopeless(verification.tolerance)
    var errors: [LayerResult: ElementErrors] = [:]
    for result in shown { errors[result] = ElementErrors(layer.layout(of: result)) }
    var sums: [LayerResult: [Double]] = [:]
    func add(_ numbers: [Double], _ result: LayerResult, _ part: TensorPart) throws {
      guard let theirs = try reader.theirs(result, part, count: numbers.count) else { return }
      let bytes = UnsafeRawBufferPointer(theirs.bytes)
      guard let pointer = bytes.bindMemory(to: Double.self).baseAddress else { return }
      errors[result]?.add(numbers, pointer, part)
    }
    for number in 0..<layer.batches.count where !layer.batches[number].isEmpty {
      try cancellation.check()
      let batch = try reader.batch(number)
      let made = make(batch)
      let all = TensorPart(samples: batch.samples, features: 0..<layer.featureCount)
      for result in shown where errors[result] != nil {
        switch result.entry.shape {
        case .samples:
          let limits = limits[result] ?? []
          if try isRefuted(made, result, all, batch, limits, reader) {
            errors[result] = nil
          } else if let numbers = made.numbers(result) {
            try add(numbers, result, all)
            let found = errors[result]?.features ?? []
            if zip(found, limits).contains(where: { !($0.error <= $1) }) { errors[result] = nil }
          } else {
            errors[result] = nil
          }
        case .batchesAndFeatures:
          guard let row = made.numbers(result) else { continue }
          try add(row, result, TensorPart(samples: number..<number + 1, features: 0..<layer.featureCount))
        default:
          guard let row = made.numbers(result) else { continue }
          sums[result] = sums[result].map { zip($0, row).map(+) } ?? row
        }
      }
      if hasLarge, !errors.keys.contains(where: isLarge) { return nil }
    }
    for (result, sum) in sums {
      try add(sum, result, TensorPart(samples: 0..<1, features: 0..<layer.featureCount))
    }
    let agreeing = shown.compactMap { result -> ResultComparison? in
      guard let found = errors[result], found.count > 0, found.nonfiniteCount == 0,
        let dataset = other.results[result]
      else { return nil }
      let compared = ResultComparison(
        result.rawValue, dataset, errors: found, scales: comparison.scale(of: result),
        shape: layer.shape(of: result), tolerance: verification.tolerance)
      return compared.agrees ? compared : nil
    }
    let names = agreeing.map(\.result)
    guard !names.isEmpty,
      names.count == shown.count || shown.contains(where: { isLarge($0) && names.contains($0.rawValue) })
    else { return nil }
    return ConsistentDeparture(departure, agreeing)
  }

  /// True if that is so of all tensors, of which there is one at least.
  func isRefuted(
    _ made: any MistakenBatch, _ large: [LayerResult], _ batch: BatchInMemory, _ reader: BatchReader
  ) throws -> Bool {
    let limits = comparison.hopeless(verification.tolerance)
    let all = TensorPart(samples: batch.samples, features: 0..<layer.featureCount)
    return try !large.isEmpty
      && large.allSatisfy { try isRefuted(made, $0, all, batch, limits[$0] ?? [], reader) }
  }

  /// True if some numbers of a tensor, all over it, tell already that it cannot agree.
  private func isRefuted(
    _ made: any MistakenBatch, _ result: LayerResult, _ part: TensorPart, _ batch: BatchInMemory,
    _ limits: [Double], _ reader: BatchReader
  ) throws -> Bool {
    guard let theirs = try reader.theirs(result, part, count: batch.x.count) else { return false }
    let numbers = UnsafeRawBufferPointer(theirs.bytes).bindMemory(to: Double.self)
    // An odd distance, so that all features have their turn.
    for place in stride(from: 0, to: batch.x.count, by: batch.x.count / 199 | 1) {
      guard let ours = made.number(result, at: place) else { return false }
      let limit = limits.isEmpty ? .infinity : limits[batch.feature(place)]
      if !(ElementErrors.distance(ours, numbers[place]) <= limit) { return true }
    }
    return false
  }
}
