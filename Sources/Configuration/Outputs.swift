/// What a run writes for a layer.
public enum OutputTensor: String, CaseIterable, Codable, ConfigurationValue {
  /// y, shaped like the activations.
  case output
  /// x̂, shaped like the activations; not written by default.
  case normalized
  /// dx, shaped like the activations.
  case gradInput = "grad_input"
  /// dγ, [C].
  case gradGamma = "grad_gamma"
  /// dβ, [C].
  case gradBeta = "grad_beta"
  /// `running_mean` and `running_var`, [C].
  case running
  /// `population_mean` and `population_var`, [C].
  case population
  /// The group `batches` with every batch's statistics, [batches, C].
  case batches
  /// The group `diagnostics`: what the gradient and the batches are like; not written by default.
  case diagnostics
  /// The group `moments` with the moments of all values in full precision, from which `merge` pools results; not written by
  /// default.
  case moments
  /// The group `histograms`: how activations and outputs are distributed; not written by default.
  case histograms

  /// Everything but `normalized`, `diagnostics`, `moments` and `histograms`.
  public static let defaults = Set(allCases).subtracting([.normalized, .diagnostics, .moments, .histograms])

  /// Those as large as the activations, in the order in which they are written.
  public static let large: [OutputTensor] = [.output, .normalized, .gradInput]

  /// What it is called in the layer's group: the datasets' names, or the group's.
  public var names: [String] {
    switch self {
    case .running: ["running_mean", "running_var"]
    case .population: ["population_mean", "population_var"]
    case .output, .normalized, .gradInput, .gradGamma, .gradBeta, .batches, .diagnostics, .moments,
      .histograms:
      [rawValue]
    }
  }
}

/// How tensors as large as the activations lie in the output file.
public struct OutputStorage: Sendable, Equatable, Encodable {
  /// One run of bytes, or chunks.
  public enum Layout: String, CaseIterable, Codable, ConfigurationValue {
    /// One run of bytes: fastest to write and to read.
    case contiguous
    /// Chunks of whole samples, which filters can make smaller.
    case chunked
  }

  /// `layout`: contiguous by default.
  public var layout = Layout.contiguous
  /// `chunk_samples`: samples in a chunk; nil is about 1 MiB of them.
  public var chunkSamples: Int?
  /// `gzip`: the level of compression, 0 (none, the default) to 9.
  public var gzipLevel = 0
  /// `zstd`: the level of Zstandard's compression, 0 (none, the default) to 22.
  public var zstdLevel = 0
  /// `lz4`: whether LZ4 compresses; default false.
  public var usesLZ4 = false
  /// `shuffle`: whether bytes are reordered before compression; default false.
  public var shuffles = false
  /// `bitshuffle`: whether bits are reordered before compression; default false.
  public var bitshuffles = false
  /// `fletcher32`: whether every chunk has a checksum; default false.
  public var hasChecksum = false

  /// Contiguous.
  public init() {}

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(layout, forKey: .layout)
    guard layout == .chunked else { return }
    try container.encodeIfPresent(chunkSamples, forKey: .chunkSamples)
    try container.encode(gzipLevel, forKey: .gzip)
    try container.encode(shuffles, forKey: .shuffle)
    try container.encode(hasChecksum, forKey: .fletcher32)
    // Files that say nothing of these were made before there were any; they keep their bytes.
    if zstdLevel > 0 { try container.encode(zstdLevel, forKey: .zstd) }
    if usesLZ4 { try container.encode(usesLZ4, forKey: .lz4) }
    if bitshuffles { try container.encode(bitshuffles, forKey: .bitshuffle) }
  }
}

extension OutputStorage {
  /// What makes chunks smaller.
  public enum Compression: Sendable, Equatable {
    case none
    case gzip(level: Int)
    case zstd(level: Int)
    case lz4
  }

  /// The one that is asked for; a configuration that asks for several is refused.
  public var compression: Compression {
    if gzipLevel > 0 { return .gzip(level: gzipLevel) }
    if zstdLevel > 0 { return .zstd(level: zstdLevel) }
    return usesLZ4 ? .lz4 : .none
  }

  /// Keys of which at most one may be in effect.
  static let exclusive: [[Key]] = [[.gzip, .zstd, .lz4], [.shuffle, .bitshuffle]]

  /// Whether a key does something.
  func isInEffect(_ key: Key) -> Bool {
    switch key {
    case .layout: layout != .contiguous
    case .chunkSamples: chunkSamples != nil
    case .gzip: gzipLevel > 0
    case .zstd: zstdLevel > 0
    case .lz4: usesLZ4
    case .shuffle: shuffles
    case .bitshuffle: bitshuffles
    case .fletcher32: hasChecksum
    }
  }
}
