extension JobConfiguration {
  /// The keys of the configuration file.
  public enum Key: String, CodingKey, CaseIterable, Sendable {
    case schema = "$schema"
    case batchSize = "batch_size"
    case statistics
    case gradient
    case parameters
    case epsilon
    case momentum
    case runningVariance = "running_variance"
    case featureAxis = "feature_axis"
    case layers
    case threads
    case memory
    case partialBatch = "partial_batch"
    case singleValueBatch = "single_value_batch"
    case nonfinite
    case outputs
    case quantiles
    case outputType = "output_type"
    case outputStorage = "output_storage"
    case synchronizes = "sync"
    case readsUInt16AsBFloat16 = "uint16_as_bfloat16"
    case groupedBy = "grouped_by"
    case datasets
    case strict
  }
}

extension JobConfiguration.Key {
  /// What a value of the key may be.
  public var allowed: AllowedValue {
    switch self {
    case .schema: .text
    case .batchSize: BatchSize.allowed
    case .statistics: StatisticsSource.allowed
    case .gradient: GradientMode.allowed
    case .parameters: ParameterSource.allowed
    case .epsilon: Epsilon.allowed
    case .momentum: Momentum.allowed
    case .runningVariance: RunningVarianceEstimate.allowed
    case .featureAxis: FeatureAxis.allowed
    case .layers: .layerPatterns
    case .threads: ThreadCount.allowed
    case .memory: ByteCount.allowed
    case .partialBatch: PartialBatchPolicy.allowed
    case .singleValueBatch: SingleValueBatchPolicy.allowed
    case .nonfinite: NonfinitePolicy.allowed
    case .groupedBy: LayerGrouping.allowed
    case .outputs: .someOf(OutputTensor.allCases.map(\.rawValue))
    case .quantiles: Percents.allowed
    case .outputType: OutputElementType.allowed
    case .outputStorage, .datasets: .object
    case .synchronizes, .readsUInt16AsBFloat16, .strict: .boolean
    }
  }
}

extension OutputStorage {
  /// The keys of `output_storage`.
  public enum Key: String, CodingKey, CaseIterable, Sendable {
    case layout
    case chunkSamples = "chunk_samples"
    case gzip
    case zstd
    case lz4
    case shuffle
    case bitshuffle
    case fletcher32
  }
}

extension OutputStorage {
  /// A key with those that it lies in.
  package static func path(of key: Key) -> String {
    "\(JobConfiguration.Key.outputStorage.rawValue).\(key.rawValue)"
  }
}

extension OutputStorage.Key {
  /// What a value of the key may be.
  public var allowed: AllowedValue {
    switch self {
    case .layout: OutputStorage.Layout.allowed
    case .chunkSamples: .count
    case .gzip: .gzipLevel
    case .zstd: .zstdLevel
    case .lz4, .shuffle, .bitshuffle, .fletcher32: .boolean
    }
  }
}
