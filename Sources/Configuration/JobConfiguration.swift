import FileNames
import StrictJSON
import SystemPackage

/// What a run does: the configuration file's keys, each with its default.
///
/// nil means that the user did not set the key, so that a layer's attribute of the same name, or else the
/// default, applies.
public struct JobConfiguration: Sendable, Equatable {
  /// ε where neither the configuration nor the layer says another: 1e-5, as in PyTorch.
  public static let defaultEpsilon = Epsilon(1e-5)!
  /// The momentum where neither the configuration nor the layer says another: 0.1, as in PyTorch.
  public static let defaultMomentum = Momentum.exponential(0.1)
  /// Which variance `running_var` follows where neither the configuration nor the layer says another: the unbiased one, as in PyTorch.
  public static let defaultRunningVariance = RunningVarianceEstimate.unbiased
  /// The batch size where neither the configuration nor the layer says another: 256 samples.
  public static let defaultBatchSize = BatchSize.samples(256)
  /// The features' axis where neither the configuration nor the layer says another: 1.
  public static let defaultFeatureAxis = FeatureAxis(1)!
  /// What normalizes where neither the configuration nor the layer says: each batch's own statistics, as in training.
  public static let defaultStatistics = StatisticsSource.batch

  /// `batch_size`: samples in a batch, or the whole dataset. A layer's `batch_offsets` override it.
  public var batchSize: BatchSize?
  /// `statistics`: which statistics normalize.
  public var statistics: StatisticsSource?
  /// `gradient`: whether the gradient of the input flows through mean and variance; by default it does.
  public var gradient = GradientMode.full
  /// `parameters`: where γ and β come from; by default from the file.
  public var parameters = ParameterSource.file
  /// `epsilon`: what is added to the variance, at least 0.
  public var epsilon: Epsilon?
  /// `momentum`: the weight of a new batch in the running statistics, 0 to 1; `null` in JSON is the
  /// cumulative average.
  public var momentum: Momentum?
  /// `running_variance`: which variance of a batch the running variance follows.
  public var runningVariance: RunningVarianceEstimate?
  /// `feature_axis`: the axis of the features, from 1 or negative.
  public var featureAxis: FeatureAxis?
  /// `layers`: patterns of the layers to run; empty, the default, is all of them.
  public var layers: [LayerPattern] = []
  /// `threads`: how many threads compute, 1 to 1024; nil is one for each processor that the process may use.
  public var threads: ThreadCount?
  /// `memory`: how much memory buffers may take, in bytes; nil lets the program choose.
  public var memory: ByteCount?
  /// `partial_batch`: what becomes of a smaller last batch; by default it is kept.
  public var partialBatch = PartialBatchPolicy.keep
  /// `single_value_batch`: what becomes of a batch with one value a feature; by default it is an error.
  public var singleValueBatch = SingleValueBatchPolicy.error
  /// `nonfinite`: what becomes of infinities and NaN in the input; by default they are counted.
  public var nonfinite = NonfinitePolicy.count
  /// `outputs`: what is written; by default everything but `normalized` and `diagnostics`.
  public var outputs = OutputTensor.defaults
  /// `quantiles`: the quantiles of each feature to compute, in percent; nil, the default, for none.
  public var quantiles: Percents?
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
  /// `grouped_by`: how datasets are put together to layers; by default each layer is a group.
  public var groupedBy = LayerGrouping.layer
  /// `datasets`: names of datasets that differ from the usual ones.
  public var datasets = DatasetNames()
  /// `strict`: whether warnings about the roles and settings of selected layers are errors; default false.
  public var isStrict = false

  /// Who has set which of the keys.
  public var origins = SettingOrigins()

  /// The default configuration, equal to an empty JSON object.
  public init() {}

  /// Whether `layers` selects the group at `path`.
  public func selectsLayer(atPath path: String) -> Bool {
    layers.isEmpty || layers.contains { $0.matches(path: path) }
  }
}

// MARK: - As JSON

extension JobConfiguration {
  /// Reads a configuration from JSON.
  ///
  /// - Parameters:
  ///   - json: The document's bytes: an object in UTF-8.
  ///   - source: The document's name in errors, as the user would write it.
  /// - Throws: The first error, with line and column.
  public init(json: [UInt8], source: String) throws(ConfigurationError) {
    let reader = ConfigurationReader(bytes: json, source: source)
    self = try reader.configuration()
  }

  /// Reads a configuration from JSON text.
  public init(json: String, source: String) throws(ConfigurationError) {
    try self.init(json: Array(json.utf8), source: source)
  }
}

extension JobConfiguration: Codable {
  /// The configuration as JSON in one line, the same text for equal configurations; reading it gives an equal
  /// configuration.
  ///
  /// Keys that have a default are always written, so that the text means the same to a later version; those
  /// that are nil are left out.
  public var json: String {
    canonicalJSON(self)
  }

  /// The same as a tree.
  package var jsonValue: JSONValue { JSONValue(encoding: self) }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encodeIfPresent(batchSize, forKey: .batchSize)
    try container.encodeIfPresent(statistics, forKey: .statistics)
    try container.encode(gradient, forKey: .gradient)
    try container.encode(parameters, forKey: .parameters)
    try container.encodeIfPresent(epsilon, forKey: .epsilon)
    try container.encodeIfPresent(momentum, forKey: .momentum)
    try container.encodeIfPresent(runningVariance, forKey: .runningVariance)
    try container.encodeIfPresent(featureAxis, forKey: .featureAxis)
    try container.encode(layers, forKey: .layers)
    try container.encodeIfPresent(threads, forKey: .threads)
    try container.encodeIfPresent(memory, forKey: .memory)
    try container.encode(partialBatch, forKey: .partialBatch)
    try container.encode(singleValueBatch, forKey: .singleValueBatch)
    try container.encode(nonfinite, forKey: .nonfinite)
    // A set has no order of its own.
    try container.encode(OutputTensor.allCases.filter(outputs.contains), forKey: .outputs)
    try container.encodeIfPresent(quantiles, forKey: .quantiles)
    try container.encodeIfPresent(outputType, forKey: .outputType)
    try container.encode(outputStorage, forKey: .outputStorage)
    try container.encode(synchronizes, forKey: .synchronizes)
    try container.encode(readsUInt16AsBFloat16, forKey: .readsUInt16AsBFloat16)
    // Written only where it is not as it always was, so that outputs of such files keep their bytes.
    if groupedBy != .layer { try container.encode(groupedBy, forKey: .groupedBy) }
    try container.encode(datasets, forKey: .datasets)
    try container.encode(isStrict, forKey: .strict)
  }

  /// Decodes a configuration inside another document, such as a run's summary, by the same rules as a file's.
  public init(from decoder: any Decoder) throws {
    let value = try JSONValue(from: decoder)
    self = try ConfigurationReader(bytes: [], source: "configuration").configuration(from: value)
  }
}

// MARK: - As a file

extension JobConfiguration {
  /// The largest configuration file, 1 MiB; beyond it somebody has named the wrong file.
  public static let largestFile = 1 << 20

  /// Reads a configuration file.
  ///
  /// - Parameter path: The file; a pipe such as `/dev/stdin` is read to its end.
  /// - Throws: If the file cannot be read, is larger than 1 MiB, or is not a configuration.
  public init(jsonFile path: String) throws(ConfigurationError) {
    try self.init(json: Self.contents(ofFile: path), source: path)
  }

  static func contents(ofFile path: String) throws(ConfigurationError) -> [UInt8] {
    let bytes: [UInt8]
    do {
      // By the bytes of its name, which need not be text.
      let file = try path.withFileName {
        try FileDescriptor.open(FilePath(platformString: $0), .readOnly, retryOnInterrupt: false)
      }
      bytes = try file.closeAfter { try read(file) }
    } catch let error as Errno {
      switch error {
      case .noSuchFileOrDirectory, .notDirectory: throw .file(path: path, .missing)
      case .isDirectory: throw .file(path: path, .folder)
      case .permissionDenied, .notPermitted: throw .file(path: path, .noPermission)
      default: throw .file(path: path, .readingFailed)
      }
    } catch {
      throw .file(path: path, .readingFailed)
    }
    guard bytes.count <= largestFile else { throw .file(path: path, .tooLarge(limit: largestFile)) }
    return bytes
  }

  /// A bounded number of bytes: that holds for pipes and devices too, whose size says nothing.
  private static func read(_ file: FileDescriptor) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: largestFile + 1)
    var count = 0
    try bytes.withUnsafeMutableBytes { buffer in
      while count < buffer.count {
        let next = try file.read(
          into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]), retryOnInterrupt: false)
        if next == 0 { break }
        count += next
      }
    }
    return Array(bytes.prefix(count))
  }
}
