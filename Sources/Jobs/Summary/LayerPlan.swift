import Configuration
import LayerFiles
import Parallel

/// What a run would do with one layer.
public struct LayerPlan: Codable, Sendable, Equatable {
  /// The group's path in the input, "/" for the root.
  public var path: String
  /// The shape of `activations`.
  public var shape: [Int]
  /// The element type of `activations`.
  public var elementType: String
  /// The element type of the large tensors to write.
  public var outputType: String
  /// The axis of the features, from 1.
  public var featureAxis: Int
  /// C.
  public var features: Int
  /// N.
  public var samples: Int
  /// How many batches there are, and what divides them.
  public var batches: Int
  public var batchSize: BatchDivision
  /// How many times the activations are read: 1 if every batch fits in memory.
  public var passes: Int
  /// Whether there is no `grad_output`, so that no gradient is computed.
  public var forwardOnly: Bool
  /// How the work is divided among threads, in a few words for people.
  public var arrangement: String
  /// Memory for the buffers of one unit of work, in bytes; several such sets are in use at once.
  public var bufferSetBytes: Int
  /// How many such sets there are.
  public var bufferSets: Int
  /// Bytes to read from the input, all passes together.
  public var bytesToRead: Int
  /// Bytes to write to the output before compression.
  public var bytesToWrite: Int

  public init(
    path: String, shape: [Int], elementType: String, outputType: String, featureAxis: Int, features: Int,
    samples: Int, batches: Int, batchSize: BatchDivision, passes: Int, forwardOnly: Bool, arrangement: String,
    bufferSetBytes: Int, bufferSets: Int, bytesToRead: Int, bytesToWrite: Int
  ) {
    self.path = path
    self.shape = shape
    self.elementType = elementType
    self.outputType = outputType
    self.featureAxis = featureAxis
    self.features = features
    self.samples = samples
    self.batches = batches
    self.batchSize = batchSize
    self.passes = passes
    self.forwardOnly = forwardOnly
    self.arrangement = arrangement
    self.bufferSetBytes = bufferSetBytes
    self.bufferSets = bufferSets
    self.bytesToRead = bytesToRead
    self.bytesToWrite = bytesToWrite
  }

  private enum CodingKeys: String, CodingKey {
    case path, shape
    case elementType = "element_type"
    case outputType = "output_type"
    case featureAxis = "feature_axis"
    case features, samples, batches
    case batchSize = "batch_size"
    case passes
    case forwardOnly = "forward_only"
    case arrangement
    case bufferSetBytes = "buffer_set_bytes"
    case bufferSets = "buffer_sets"
    case bytesToRead = "bytes_to_read"
    case bytesToWrite = "bytes_to_write"
  }
}
