import BatchNorm
import LayerFiles

/// The rows of `batches/`, collected and written many at a time: while a file is being written every other write to it
/// has to wait, and rows are small.
final class BatchRows {
  private let slice: LayerSlice
  private let rowsAtOnce: Int
  private let results: [LayerResult]
  /// Of each result.
  private let writers: [any TensorWriter]
  /// Of each result, what is collected.
  private var values: [[Double]]
  /// The batch of the first row that is not written yet, and how many there are.
  private var firstBatch = 0
  private var count = 0

  /// About this many bytes of each dataset are collected: with a quarter of it, and batches of 256, threads that wait for
  /// the file cost 7 % of the whole time.
  private static let bytesAtOnce = 1 << 18

  private static func rowsAtOnce(_ slice: LayerSlice) -> Int {
    max(1, min(bytesAtOnce / (8 * slice.features.count), slice.layer.batches.count))
  }

  init(_ slice: LayerSlice, _ writers: [LayerResult: any TensorWriter]) {
    self.slice = slice
    results = LayerResult.batchRows.filter { slice.layer.writes($0) && writers[$0] != nil }
    self.writers = results.compactMap { writers[$0] }
    rowsAtOnce = Self.rowsAtOnce(slice)
    values = Array(repeating: [], count: results.count)
    for index in values.indices { values[index].reserveCapacity(Self.capacity(slice)) }
  }

  /// Goes on with a later batch than the first.
  func begin(at batch: Int) { firstBatch = batch }

  /// Adds the rows of the next batch.
  func add(_ batch: BatchResult, _ notes: inout WorkNotes) throws {
    for (index, result) in results.enumerated() {
      let first = values[index].count
      batch.append(result, to: &values[index])
      values[index].makeNaNsAlike(from: first)
    }
    count += 1
    if count == rowsAtOnce { try flush(&notes) }
  }

  /// Writes the rows collected so far.
  func flush(_ notes: inout WorkNotes) throws {
    guard count > 0 else { return }
    let part = slice.part(firstBatch..<firstBatch + count)
    for (index, result) in results.enumerated() {
      try values[index].withUnsafeBytes {
        try writers[index].write(part, from: $0)
        try notes.note(result, part, $0)
      }
      values[index].removeAll(keepingCapacity: true)
    }
    firstBatch += count
    count = 0
  }

  /// Numbers of one dataset that are collected. The last octet of features is appended whole, then cut.
  private static func capacity(_ slice: LayerSlice) -> Int { rowsAtOnce(slice) * slice.features.count + 8 }

  /// Bytes that the collected rows take.
  static func byteCount(_ slice: LayerSlice) -> Int {
    LayerResult.batchRows.filter(slice.layer.writes).count * capacity(slice) * MemoryLayout<Double>.stride
  }
}

extension BatchResult {
  /// Appends what a batch has for each feature.
  fileprivate func append(_ result: LayerResult, to row: inout [Double]) {
    switch result {
    case .batchMean: counted.appendMeans(to: &row)
    case .batchVariance: counted.appendVariances(to: &row)
    case .batchInvStd where counted.count == 0:
      row.append(contentsOf: repeatElement(.nan, count: counted.featureCount))
    case .batchInvStd: coefficients.appendInvStds(to: &row)
    case .batchGradGamma: coefficients.appendGammaGradients(to: &row)
    case .batchGradBeta: coefficients.appendBetaGradients(to: &row)
    default:
      guard let diagnostic = result.diagnostic else {
        preconditionFailure("\(result) has no row for each batch")
      }
      append(diagnostic, to: &row)
    }
  }
}

extension LayerResult {
  /// What a result of the group `diagnostics` with a row for each batch is; nil for other results.
  fileprivate var diagnostic: BatchDiagnostic? {
    switch self {
    case .gradOutputSquareSum: .gradOutputSquareSum
    case .gradInputSquareSum: .gradInputSquareSum
    case .gradientIdentityError: .gradientIdentityError
    case .gradientScale: .gradientScale
    case .meanShare: .meanShare
    case .normalizedShare: .normalizedShare
    case .gradInputSum: .gradInputSum
    case .gradInputProductSum: .gradInputProductSum
    case .gammaCoherence: .gammaCoherence
    case .betaCoherence: .betaCoherence
    default: nil
    }
  }
}

extension [Double] {
  /// Makes one kind of NaN of all: processors do not agree on its bits, nor do numbers that were written down on the way.
  mutating func makeNaNsAlike(from first: Int) {
    for index in first..<count where self[index].isNaN { self[index] = .nan }
  }
}
