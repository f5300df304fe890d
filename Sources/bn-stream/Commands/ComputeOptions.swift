import ArgumentParser
import Configuration

/// Options that say what to compute; each overrides the key of the same name in the configuration file.
struct ComputeOptions: ParsableArguments {
  private typealias Key = JobConfiguration.Key

  @Option(
    name: .customLong("config"),
    help: ArgumentHelp("JSON file with the configuration; see configs/.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var configurationFile: String?

  @Option(
    help: ArgumentHelp("Samples in a batch, or 'all' for the whole dataset.", valueName: "N|all"),
    transform: { try BatchSize(parsing: $0) })
  var batchSize: BatchSize?

  @Flag(help: "Set the layers' batch_offsets aside, so that the batch size divides the samples.")
  var ignoreBatchOffsets = false

  @Option(
    help: ArgumentHelp(
      "Normalize with each batch's own statistics, or the running ones.", valueName: "batch|running"),
    completion: .values(of: StatisticsSource.self),
    transform: { try StatisticsSource(parsing: $0) })
  var statistics: StatisticsSource?

  @Option(
    help: ArgumentHelp(
      "Take gamma and beta from the file, or those that make y = x.", valueName: "file|identity"),
    completion: .values(of: ParameterSource.self),
    transform: { try ParameterSource(parsing: $0) })
  var parameters: ParameterSource?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What is added to the variance (default \(Key.epsilon.defaultWords)).", valueName: "number"),
    transform: { try Epsilon(parsing: $0) })
  var epsilon: Epsilon?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Weight of a new batch in the running statistics (default \(Key.momentum.defaultWords)), or 'none' for their average.",
      valueName: "number|none"),
    transform: { try Momentum(parsing: $0) })
  var momentum: Momentum?

  @Option(
    help: ArgumentHelp(
      "Let the running variance follow variances divided by m - 1, as PyTorch does, or by m, as Keras, Flax and ONNX do.",
      valueName: "unbiased|biased"),
    completion: .values(of: RunningVarianceEstimate.self),
    transform: { try RunningVarianceEstimate(parsing: $0) })
  var runningVariance: RunningVarianceEstimate?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Axis of the features (default \(Key.featureAxis.defaultWords)); negative counts from the end.",
      valueName: "axis"),
    transform: { try FeatureAxis(parsing: $0) })
  var featureAxis: FeatureAxis?

  @Option(
    name: .customLong("layer"),
    help: ArgumentHelp("Only layers whose path matches, as in 'conv*'; repeatable.", valueName: "glob"),
    transform: { try LayerPattern(parsing: $0) })
  var layers: [LayerPattern] = []

  @Option(
    help: ArgumentHelp("Threads to compute with (default: \(Key.threads.defaultWords)).", valueName: "count"),
    transform: { try ThreadCount(parsing: $0) })
  var threads: ThreadCount?

  @Option(
    help: ArgumentHelp(
      "Limit for the buffers, as in 2G, which is 2GiB (default: \(Key.memory.defaultWords)).",
      valueName: "size"),
    transform: { try ByteCount(parsing: $0) })
  var memory: ByteCount?

  @Flag(help: "Refuse what is only warned of in the layers' datasets and settings.")
  var strict = false

  /// The configuration file's settings, overridden by the options.
  func configuration() throws(ConfigurationError) -> JobConfiguration {
    var configuration = JobConfiguration()
    if let configurationFile { configuration = try JobConfiguration(jsonFile: configurationFile) }
    configuration.override(\.batchSize, .batchSize, batchSize)
    if ignoreBatchOffsets { configuration.datasets.leaveOut(.batchOffsets) }
    configuration.override(\.statistics, .statistics, statistics)
    if let parameters { configuration.override(\.parameters, .parameters, parameters) }
    configuration.override(\.epsilon, .epsilon, epsilon)
    configuration.override(\.momentum, .momentum, momentum)
    configuration.override(\.runningVariance, .runningVariance, runningVariance)
    configuration.override(\.featureAxis, .featureAxis, featureAxis)
    if !layers.isEmpty { configuration.override(\.layers, .layers, layers) }
    configuration.override(\.threads, .threads, threads)
    configuration.override(\.memory, .memory, memory)
    if strict { configuration.override(\.isStrict, .strict, true) }
    return configuration
  }
}

extension JobConfiguration {
  /// The same, which options let write more.
  func writing(_ more: Set<OutputTensor>, quantiles: Percents?) -> JobConfiguration {
    var configuration = self
    configuration.override(\.quantiles, .quantiles, quantiles)
    if !more.isEmpty { configuration.override(\.outputs, .outputs, outputs.union(more)) }
    return configuration
  }

  /// Sets a key to what an option says, and notes who said it.
  fileprivate mutating func override<Value>(
    _ place: WritableKeyPath<Self, Value>, _ key: Key, _ value: Value
  ) {
    self[keyPath: place] = value
    origins[key] = .option
  }

  /// The same for an option that may not be given.
  fileprivate mutating func override<Value>(
    _ place: WritableKeyPath<Self, Value?>, _ key: Key, _ value: Value?
  ) {
    guard let value else { return }
    self[keyPath: place] = value
    origins[key] = .option
  }
}
