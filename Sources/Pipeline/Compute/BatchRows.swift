/// The rows of `batches/`, collected and written many at a time: while a file is being written every other write to it
/// has to wait, and rows are small.
final class BatchRows {
  private let sinks: [BatchRow: any SampleSink]
  private var values: [BatchRow: [Double]] = [:]
  /// Rows that are written together.
  private let rowsAtOnce: Int
  /// The batch of the first row that is not written yet, and how many there are.
  private var firstBatch = 0
  private var count = 0

  /// About this many bytes of each dataset are collected.
  private static let bytesAtOnce = 1 << 18

  init(_ sinks: [BatchRow: any SampleSink], featureCount: Int) {
    self.sinks = sinks
    rowsAtOnce = max(1, Self.bytesAtOnce / (8 * featureCount))
  }

  /// Adds the rows of the next batch.
  func add(_ result: BatchResult) throws {
    for row in sinks.keys {
      values[row, default: []].append(
        contentsOf: result.statistics.indices.lazy.map { row.value(result, $0) })
    }
    count += 1
    if count == rowsAtOnce { try flush() }
  }

  /// Writes the rows collected so far.
  func flush() throws {
    for (row, sink) in sinks {
      try values[row]?.withUnsafeBytes { try sink.write(samples: firstBatch..<firstBatch + count, from: $0) }
      values[row]?.removeAll(keepingCapacity: true)
    }
    firstBatch += count
    count = 0
  }
}

extension BatchRow {
  /// What a batch has for one feature.
  fileprivate func value(_ result: BatchResult, _ feature: Int) -> Double {
    switch self {
    case .mean: result.statistics[feature].mean
    case .variance: result.statistics[feature].variance
    case .invStd: result.statistics[feature].count == 0 ? .nan : result.coefficients[feature].invStd
    case .dgamma: result.coefficients[feature].dgamma
    case .dbeta: result.coefficients[feature].dbeta
    }
  }
}
