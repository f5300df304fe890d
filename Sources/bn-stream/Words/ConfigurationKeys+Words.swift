import Configuration

// What the documents' tables say of the configuration's keys, beside what `AllowedValue` says of their values.

extension JobConfiguration.Key {
  /// The option of the command line that overrides the key, if there is one.
  var option: String? {
    switch self {
    case .batchSize, .statistics, .parameters, .epsilon, .momentum, .runningVariance, .featureAxis, .threads,
      .memory, .strict:
      "--" + rawValue.replacing("_", with: "-")
    case .layers: "--layer"
    case .schema, .gradient, .partialBatch, .singleValueBatch, .nonfinite, .outputs, .quantiles, .outputType,
      .outputStorage,
      .synchronizes, .readsUInt16AsBFloat16, .groupedBy, .datasets:
      nil
    }
  }

  /// What holds where neither the key nor anything else says another.
  var defaultWords: String {
    let defaults = JobConfiguration()
    return switch self {
    case .schema: "none"
    case .batchSize: "\(JobConfiguration.defaultBatchSize)"
    case .statistics: JobConfiguration.defaultStatistics.rawValue
    case .gradient: defaults.gradient.rawValue
    case .parameters: defaults.parameters.rawValue
    case .epsilon: "1e-5"
    case .momentum: "\(JobConfiguration.defaultMomentum)"
    case .runningVariance: JobConfiguration.defaultRunningVariance.rawValue
    case .featureAxis: "\(JobConfiguration.defaultFeatureAxis.index)"
    case .layers: "all layers"
    case .threads: "one for each processor allowed"
    case .memory: "1GiB or a quarter of the memory allowed"
    case .partialBatch: defaults.partialBatch.rawValue
    case .singleValueBatch: defaults.singleValueBatch.rawValue
    case .nonfinite: defaults.nonfinite.rawValue
    case .outputs:
      "all but "
        + OutputTensor.allCases.filter { !defaults.outputs.contains($0) }.map(\.rawValue)
        .joined(separator: ", ")
    case .quantiles: "none"
    case .outputType: "that of the activations; float32 for integers"
    case .outputStorage: defaults.outputStorage.layout.rawValue
    case .synchronizes: "\(defaults.synchronizes)"
    case .readsUInt16AsBFloat16: "\(defaults.readsUInt16AsBFloat16)"
    case .groupedBy: defaults.groupedBy.rawValue
    case .datasets: "the usual names"
    case .strict: "\(defaults.isStrict)"
    }
  }
}

extension OutputStorage.Key {
  /// What holds where the key is not given.
  var defaultWords: String {
    let defaults = OutputStorage()
    return switch self {
    case .layout: defaults.layout.rawValue
    case .chunkSamples: "about 1 MiB of them"
    case .gzip: "\(defaults.gzipLevel)"
    case .zstd: "\(defaults.zstdLevel)"
    case .lz4: "\(defaults.usesLZ4)"
    case .shuffle: "\(defaults.shuffles)"
    case .bitshuffle: "\(defaults.bitshuffles)"
    case .fletcher32: "\(defaults.hasChecksum)"
    }
  }

  /// What the key says.
  var meaning: String {
    switch self {
    case .layout: "whether the tensors lie in one run of bytes, or in chunks"
    case .chunkSamples: "samples in a chunk, which has all other axes whole"
    case .gzip: "how hard to compress with gzip, which every program with the HDF5 library reads"
    case .zstd:
      "how hard to compress with Zstandard, faster than gzip; readers need a filter plugin, as hdf5plugin"
    case .lz4:
      "whether to compress with LZ4, faster still and less; readers need a filter plugin, as hdf5plugin"
    case .shuffle: "whether bytes are reordered before compression, which makes numbers compress better"
    case .bitshuffle:
      "whether bits are, in place of bytes, which often does more; readers need a filter plugin, as hdf5plugin"
    case .fletcher32: "whether every chunk has a checksum"
    }
  }
}
