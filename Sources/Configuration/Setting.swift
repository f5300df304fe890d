/// Who said what a setting is. An option comes before the configuration file, that before an attribute of the layer, and that
/// before the default.
public enum SettingOrigin: String, CaseIterable, Codable, Sendable {
  /// An option of the command line.
  case option
  /// The configuration file.
  case configuration
  /// An attribute of the layer's group.
  case attribute
  /// A dataset of the layer: its `batch_offsets` come before every batch size.
  case dataset
  /// Nobody.
  case byDefault = "default"
}

/// A setting as it is used, and who said so.
public struct Setting<Value: Sendable & Equatable>: Sendable, Equatable {
  public let value: Value
  public let origin: SettingOrigin

  /// A value and who said it.
  public init(_ value: Value, _ origin: SettingOrigin) {
    self.value = value
    self.origin = origin
  }
}

/// Which keys of a configuration were set, and by whom.
///
/// Configurations are equal if they ask for the same, whoever asked: all origins count as equal.
public struct SettingOrigins: Sendable, Equatable {
  private var origins: [JobConfiguration.Key: SettingOrigin] = [:]

  /// Nobody has set anything.
  public init() {}

  /// Who has set a key; nil if nobody has.
  public subscript(key: JobConfiguration.Key) -> SettingOrigin? {
    get { origins[key] }
    set { origins[key] = newValue }
  }

  public static func == (first: Self, second: Self) -> Bool { true }
}

/// A setting that a layer can have of its own, as an attribute of its group: the one list of them, which reading layers, their
/// summaries, the attributes of outputs and the warnings of misspelt attributes all follow.
///
/// Another one is a line here and in ``JobConfiguration/Key/ofLayers``.
package struct LayerSetting<Value: ConfigurationValue & SettingValue>: Sendable {
  /// The configuration's key, which is the attribute's name as well.
  package let key: JobConfiguration.Key
  /// What the configuration says; nil if nothing.
  package let given: @Sendable (JobConfiguration) -> Value?
  /// What holds where nobody says anything.
  package let byDefault: Value
}

extension LayerSetting<BatchSize> {
  package static var batchSize: Self {
    Self(key: .batchSize, given: { $0.batchSize }, byDefault: JobConfiguration.defaultBatchSize)
  }
}

extension LayerSetting<StatisticsSource> {
  package static var statistics: Self {
    Self(key: .statistics, given: { $0.statistics }, byDefault: JobConfiguration.defaultStatistics)
  }
}

extension LayerSetting<Epsilon> {
  package static var epsilon: Self {
    Self(key: .epsilon, given: { $0.epsilon }, byDefault: JobConfiguration.defaultEpsilon)
  }
}

extension LayerSetting<Momentum> {
  package static var momentum: Self {
    Self(key: .momentum, given: { $0.momentum }, byDefault: JobConfiguration.defaultMomentum)
  }
}

extension LayerSetting<RunningVarianceEstimate> {
  package static var runningVariance: Self {
    Self(
      key: .runningVariance, given: { $0.runningVariance },
      byDefault: JobConfiguration.defaultRunningVariance)
  }
}

extension LayerSetting<FeatureAxis> {
  package static var featureAxis: Self {
    Self(key: .featureAxis, given: { $0.featureAxis }, byDefault: JobConfiguration.defaultFeatureAxis)
  }
}

extension JobConfiguration.Key {
  /// Settings that a layer can have of its own: attributes of its group, in inputs and in outputs.
  public static let ofLayers: [Self] = [
    .batchSize, .statistics, .epsilon, .momentum, .runningVariance, .featureAxis,
  ]

  /// Settings on which a layer's results depend and that are the same for all layers of a job.
  public static let ofResults: [Self] = [
    .gradient, .parameters, .partialBatch, .singleValueBatch, .nonfinite, .outputs, .quantiles, .outputType,
    .outputStorage,
    .readsUInt16AsBFloat16,
  ]
}
