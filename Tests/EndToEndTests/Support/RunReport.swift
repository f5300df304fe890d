import Foundation
import TestSupport

/// What `--json` prints of a run, as docs and scripts know it.
struct RunReport: Decodable {
  struct Layer: Decodable {
    let path: String
    let shape: [Int]
    let elementType: String
    let outputType: String
    let featureAxis: Int
    let features: Int
    let samples: Int
    let batches: Int
    let batchSize: BatchSize
    let passes: Int
    let forwardOnly: Bool
    let statistics: String
    let gradient: String
    let epsilon: Double
    let momentum: Double?
    let emptyBatches: Int
    let droppedSamples: Int
    let maskedPositions: Int
    let nonfiniteInputs: Int
    let nonfiniteFeatures: Int
    let zeroVarianceFeatures: Int
    let outputOverflow: Int
    let bytesRead: Int
    let bytesWritten: Int
  }

  struct Totals: Decodable {
    let samples: Int
    let batches: Int
    let bytesRead: Int
    let bytesWritten: Int
    let seconds: Double
    let processorSeconds: Double
    let gigabytesPerSecond: Double
  }

  let status: String
  let version: String
  let input: String
  let output: String
  let layers: [Layer]
  let totals: Totals
  let threads: Int
  let memoryLimit: Int
  let peakMemoryBytes: Int
  let warnings: [String]
}

/// What `--dry-run --json` prints.
struct PlanReport: Decodable {
  struct Layer: Decodable {
    let path: String
    let shape: [Int]
    let elementType: String
    let outputType: String
    let featureAxis: Int
    let features: Int
    let samples: Int
    let batches: Int
    let batchSize: BatchSize
    let passes: Int
    let forwardOnly: Bool
    let bytesToRead: Int
    let bytesToWrite: Int
  }

  let version: String
  let input: String
  let output: String?
  let threads: Int
  let memoryLimit: Int
  let layers: [Layer]
  let bytesToRead: Int
  let bytesToWrite: Int
  let warnings: [String]
}

/// A number, `all` or `batch_offsets`.
struct BatchSize: Decodable, Equatable, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
  private let text: String

  init(integerLiteral value: Int) { text = "\(value)" }
  init(stringLiteral value: String) { text = value }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    text = try (try? container.decode(Int.self)).map { "\($0)" } ?? container.decode(String.self)
  }
}

extension Program.Result {
  /// The one JSON object on standard output.
  func report<Report: Decodable>(_: Report.Type) throws -> Report {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Report.self, from: Data(output.utf8))
  }
}
