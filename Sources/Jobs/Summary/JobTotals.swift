import Configuration
import LayerFiles
import Parallel

/// Sums over a run's layers, and its speed.
public struct JobTotals: Codable, Sendable, Equatable {
  /// Samples computed, a layer's each counted.
  public let samples: Int
  /// Batches of all layers.
  public let batches: Int
  /// Bytes read from the input, as stored.
  public let bytesRead: Int
  /// Bytes written to the output, as stored.
  public let bytesWritten: Int
  /// From start to finished output, in seconds.
  public let seconds: Double
  /// (bytesRead + bytesWritten) / seconds / 10⁹, and 0 if no time passed.
  public let gigabytesPerSecond: Double

  public init(
    samples: Int = 0, batches: Int = 0, bytesRead: Int = 0, bytesWritten: Int = 0, seconds: Double = 0
  ) {
    self.samples = samples
    self.batches = batches
    self.bytesRead = bytesRead
    self.bytesWritten = bytesWritten
    self.seconds = seconds
    gigabytesPerSecond = seconds > 0 ? (Double(bytesRead) + Double(bytesWritten)) / seconds / 1e9 : 0
  }

  /// The sums over `layers`.
  public init(of layers: [LayerSummary], seconds: Double) {
    self.init(
      samples: layers.reduce(0) { $0 + $1.samples }, batches: layers.reduce(0) { $0 + $1.batches },
      bytesRead: layers.reduce(0) { $0 + $1.bytesRead },
      bytesWritten: layers.reduce(0) { $0 + $1.bytesWritten }, seconds: seconds)
  }

  private enum CodingKeys: String, CodingKey {
    case samples, batches
    case bytesRead = "bytes_read"
    case bytesWritten = "bytes_written"
    case seconds
    case gigabytesPerSecond = "gigabytes_per_second"
  }
}
