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
  /// `shuffle`: whether bytes are reordered before compression; default false.
  public var shuffles = false
  /// `fletcher32`: whether every chunk has a checksum; default false.
  public var hasChecksum = false

  /// Contiguous.
  public init() {}

  /// The keys of `output_storage`.
  public enum Key: String, CodingKey, CaseIterable, Sendable {
    case layout
    case chunkSamples = "chunk_samples"
    case gzip
    case shuffle
    case fletcher32
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(layout, forKey: .layout)
    guard layout == .chunked else { return }
    try container.encodeIfPresent(chunkSamples, forKey: .chunkSamples)
    try container.encode(gzipLevel, forKey: .gzip)
    try container.encode(shuffles, forKey: .shuffle)
    try container.encode(hasChecksum, forKey: .fletcher32)
  }
}
