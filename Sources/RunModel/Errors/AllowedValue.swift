/// What a value of the configuration or of an option may be; the words are in
/// `ConfigurationError+Message.swift`.
public enum AllowedValue: Sendable, Equatable {
  case batchSize
  case epsilon
  case momentum
  case featureAxis
  case threadCount
  case byteCount
  case layerPattern
  case datasetName
  case count
  case gzipLevel
  /// One of these strings.
  case oneOf([String])
  /// An array of at least one of these strings, none of them twice.
  case someOf([String])
  case layerPatterns
  case boolean
  case text
  case object
}
