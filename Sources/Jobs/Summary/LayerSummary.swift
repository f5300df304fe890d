import Configuration
import HDF5
import LayerFiles
import Parallel

/// What a run did with one layer, and what it met there.
public struct LayerSummary: Codable, Sendable, Equatable {
  /// The group's path in the input, "/" for the root.
  public var path: String
  /// The shape of `activations`.
  public var shape: [Int]
  /// The element type of `activations`, as `float32` or `bfloat16`.
  public var elementType: String
  /// The element type of the large tensors written.
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
  /// How many times the activations were read: 1 if every batch fitted in memory.
  public var passes: Int
  /// Whether there was no `grad_output`, so that no gradient was computed.
  public var forwardOnly: Bool
  /// What normalized, and what the gradient took into account.
  public var statistics: StatisticsSource
  public var gradient: GradientMode
  /// ε as it was used.
  public var epsilon: Double
  /// The momentum as it was used; null is the cumulative average.
  public var momentum: Momentum
  /// Every setting as it was used, and who said so.
  public var settings = LayerSettings()
  /// Which dataset of the group served which role.
  public var datasets = RoleNames([:])
  /// Batches without a sample.
  public var emptyBatches = 0
  /// Samples left out because their batch was smaller.
  public var droppedSamples = 0
  /// Samples of which some of `activations` was never written, and so is the fill value.
  public var neverWrittenSamples = 0
  /// The same of `grad_output`.
  public var neverWrittenGradients = 0
  /// Positions that the mask left out.
  public var maskedPositions = 0
  /// Infinities and NaN among `activations` and `grad_output`.
  public var nonfiniteInputs = 0
  /// Features that had one of them.
  public var nonfiniteFeatures = 0
  /// Those of `nonfiniteInputs` that the mask leaves out and dy does not weigh: they are in no result but their own output.
  public var nonfiniteMaskedInputs = 0
  /// Features that have others, so that their results are not finite.
  public var spoiledFeatures = 0
  /// Infinities and NaN in given parameters and statistics that results need, by role.
  public var nonfiniteParameters: [String: Int] = [:]
  /// Features whose variance exceeds the range of double precision in at least one batch, or over all of them.
  public var varianceOverflowFeatures = 0
  /// Features whose gradient of γ or β exceeds it in at least one batch.
  public var gradientOverflowFeatures = 0
  /// Features whose variance is 0 in at least one batch.
  public var zeroVarianceFeatures = 0
  /// Finite results that did not fit the output's element type and became infinite.
  public var outputOverflow = 0
  /// What diagnostics say; nil unless they were asked for.
  public var diagnostics: DiagnosticsSummary?
  /// Bytes read from the input, as stored.
  public var bytesRead = 0
  /// Bytes written to the output, as stored.
  public var bytesWritten = 0
  /// How long the layer took, in seconds; nil in a job in shards, where several processes took their time.
  public var seconds: Double?

  /// A summary with its counts at 0.
  public init(
    path: String, shape: [Int], elementType: String, outputType: String, featureAxis: Int, features: Int,
    samples: Int, batches: Int, batchSize: BatchDivision, passes: Int, forwardOnly: Bool,
    statistics: StatisticsSource, gradient: GradientMode, epsilon: Double, momentum: Momentum
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
    self.statistics = statistics
    self.gradient = gradient
    self.epsilon = epsilon
    self.momentum = momentum
  }

  /// What is known of a layer before anything is counted.
  init(_ layer: Layer, _ configuration: JobConfiguration, passes: Int) {
    self.init(
      path: layer.path, shape: layer.activations.shape, elementType: layer.activations.type.kind.rawValue,
      outputType: layer.outputType.kind.rawValue, featureAxis: layer.featureAxis,
      features: layer.featureCount, samples: layer.sampleCount, batches: layer.batches.count,
      batchSize: layer.batchDivision, passes: passes, forwardOnly: layer.gradOutput == nil,
      statistics: layer.normalization == .running ? .running : .batch, gradient: configuration.gradient,
      epsilon: layer.epsilon,
      momentum: layer.momentum)
    settings = layer.settings
    datasets = RoleNames(layer.datasetNames)
    diagnostics = DiagnosticsSummary(layer)
    emptyBatches = layer.batches.emptyCount
    droppedSamples = layer.batches.droppedSamples
    neverWrittenSamples = layer.activations.neverWritten.samples
    neverWrittenGradients = layer.gradOutput?.neverWritten.samples ?? 0
    nonfiniteParameters = Dictionary(
      uniqueKeysWithValues: layer.nonfiniteGiven.map { ($0.key.rawValue, $0.value) })
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
    case statistics, gradient, epsilon, momentum, settings, datasets
    case emptyBatches = "empty_batches"
    case droppedSamples = "dropped_samples"
    case neverWrittenSamples = "never_written_samples"
    case neverWrittenGradients = "never_written_gradients"
    case maskedPositions = "masked_positions"
    case nonfiniteInputs = "nonfinite_inputs"
    case nonfiniteFeatures = "nonfinite_features"
    case nonfiniteMaskedInputs = "nonfinite_masked_inputs"
    case spoiledFeatures = "spoiled_features"
    case nonfiniteParameters = "nonfinite_parameters"
    case varianceOverflowFeatures = "variance_overflow_features"
    case gradientOverflowFeatures = "gradient_overflow_features"
    case zeroVarianceFeatures = "zero_variance_features"
    case outputOverflow = "output_overflow"
    case diagnostics
    case bytesRead = "bytes_read"
    case bytesWritten = "bytes_written"
    case seconds
  }
}
