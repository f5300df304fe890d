extension RunConfiguration {
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

extension RunConfiguration: Codable {
  /// The configuration as JSON in one line, the same text for equal configurations; reading it gives an equal
  /// configuration.
  ///
  /// Keys that have a default are always written, so that the text means the same to a later version; those
  /// that are nil are left out.
  public var json: String {
    canonicalJSON(self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encodeIfPresent(batchSize, forKey: .batchSize)
    try container.encode(statistics, forKey: .statistics)
    try container.encode(gradient, forKey: .gradient)
    try container.encode(parameters, forKey: .parameters)
    try container.encodeIfPresent(epsilon, forKey: .epsilon)
    try container.encodeIfPresent(momentum, forKey: .momentum)
    try container.encodeIfPresent(featureAxis, forKey: .featureAxis)
    try container.encode(layers, forKey: .layers)
    try container.encodeIfPresent(threads, forKey: .threads)
    try container.encodeIfPresent(memory, forKey: .memory)
    try container.encode(partialBatch, forKey: .partialBatch)
    try container.encode(singleValueBatch, forKey: .singleValueBatch)
    try container.encode(nonfinite, forKey: .nonfinite)
    // A set has no order of its own.
    try container.encode(OutputTensor.allCases.filter(outputs.contains), forKey: .outputs)
    try container.encodeIfPresent(outputType, forKey: .outputType)
    try container.encode(outputStorage, forKey: .outputStorage)
    try container.encode(synchronizes, forKey: .synchronizes)
    try container.encode(readsUInt16AsBFloat16, forKey: .readsUInt16AsBFloat16)
    try container.encode(datasets, forKey: .datasets)
  }

  /// Decodes a configuration inside another document, such as a run's summary, by the same rules as a file's.
  public init(from decoder: any Decoder) throws {
    let value = try JSONValue(from: decoder)
    self = try ConfigurationReader(bytes: [], source: "configuration").configuration(from: value)
  }
}
