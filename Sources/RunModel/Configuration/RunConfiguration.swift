/// What a run does: the configuration file's keys, each with its default.
///
/// nil means that the user did not set the key, so that a layer's attribute of the same name, or else the
/// default, applies.
public struct RunConfiguration: Sendable, Equatable {
  /// ε where neither the configuration nor the layer says another: 1e-5, as in PyTorch.
  public static let defaultEpsilon = Epsilon(1e-5)!
  /// The momentum where neither the configuration nor the layer says another: 0.1, as in PyTorch.
  public static let defaultMomentum = Momentum.exponential(0.1)
  /// The batch size where neither the configuration nor the layer says another: 256 samples.
  public static let defaultBatchSize = BatchSize.samples(256)
  /// The features' axis where neither the configuration nor the layer says another: 1.
  public static let defaultFeatureAxis = FeatureAxis(1)!

  /// `batch_size`: samples in a batch, or the whole dataset. A layer's `batch_offsets` override it.
  public var batchSize: BatchSize?
  /// `statistics`: which statistics normalize; by default each batch's own.
  public var statistics = StatisticsSource.batch
  /// `gradient`: whether the gradient of the input flows through mean and variance; by default it does.
  public var gradient = GradientMode.full
  /// `parameters`: where γ and β come from; by default from the file.
  public var parameters = ParameterSource.file
  /// `epsilon`: what is added to the variance, at least 0.
  public var epsilon: Epsilon?
  /// `momentum`: the weight of a new batch in the running statistics, 0 to 1; `null` in JSON is the
  /// cumulative average.
  public var momentum: Momentum?
  /// `feature_axis`: the axis of the features, from 1 or negative.
  public var featureAxis: FeatureAxis?
  /// `layers`: patterns of the layers to run; empty, the default, is all of them.
  public var layers: [LayerPattern] = []
  /// `threads`: how many threads compute, 1 to 1024; nil is one for each core.
  public var threads: ThreadCount?
  /// `memory`: how much memory buffers may take, in bytes; nil lets the program choose.
  public var memory: ByteCount?
  /// `partial_batch`: what becomes of a smaller last batch; by default it is kept.
  public var partialBatch = PartialBatchPolicy.keep
  /// `single_value_batch`: what becomes of a batch with one value a feature; by default it is an error.
  public var singleValueBatch = SingleValueBatchPolicy.error
  /// `nonfinite`: what becomes of infinities and NaN in the input; by default they are counted.
  public var nonfinite = NonfinitePolicy.count
  /// `outputs`: what is written; by default everything but `normalized`.
  public var outputs = OutputTensor.defaults
  /// `output_type`: the element type of the large tensors; nil keeps the input's.
  public var outputType: OutputElementType?
  /// `output_storage`: how the large tensors lie in the output file; contiguous by default.
  public var outputStorage = OutputStorage()
  /// `sync`: whether the run waits until the storage device has the output, so that a power failure right after the
  /// run cannot take it; default true.
  public var synchronizes = true
  /// `uint16_as_bfloat16`: whether 16-bit unsigned integers are bfloat16 bit patterns, as h5py users store
  /// them; default false.
  public var readsUInt16AsBFloat16 = false
  /// `datasets`: names of datasets that differ from the usual ones.
  public var datasets = DatasetNames()

  /// The default configuration, equal to an empty JSON object.
  public init() {}

  /// Whether `layers` selects the group at `path`.
  public func selectsLayer(atPath path: String) -> Bool {
    layers.isEmpty || layers.contains { $0.matches(path: path) }
  }
}

extension RunConfiguration {
  /// The keys of the configuration file.
  public enum Key: String, CodingKey, CaseIterable, Sendable {
    case schema = "$schema"
    case batchSize = "batch_size"
    case statistics
    case gradient
    case parameters
    case epsilon
    case momentum
    case featureAxis = "feature_axis"
    case layers
    case threads
    case memory
    case partialBatch = "partial_batch"
    case singleValueBatch = "single_value_batch"
    case nonfinite
    case outputs
    case outputType = "output_type"
    case outputStorage = "output_storage"
    case synchronizes = "sync"
    case readsUInt16AsBFloat16 = "uint16_as_bfloat16"
    case datasets
  }
}
