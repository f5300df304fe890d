import LayerFiles

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
  func add(_ statistics: BatchStatistics) throws {
    for row in sinks.keys { row.append(statistics, to: &values[row, default: []]) }
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
  /// Appends what a batch has for each feature.
  fileprivate func append(_ statistics: BatchStatistics, to row: inout [Double]) {
    let (counted, coefficients) = (statistics.counted, statistics.coefficients)
    switch self {
    case .mean: counted.appendMeans(to: &row)
    case .variance: counted.appendVariances(to: &row)
    case .invStd where counted.count == 0:
      row.append(contentsOf: repeatElement(.nan, count: counted.featureCount))
    case .invStd: coefficients.appendInvStds(to: &row)
    case .dgamma: coefficients.appendGammaGradients(to: &row)
    case .dbeta: coefficients.appendBetaGradients(to: &row)
    }
  }
}
