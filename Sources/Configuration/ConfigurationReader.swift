import StrictJSON

/// Turns a JSON document into a configuration, or into the first error with its place.
struct ConfigurationReader {
  let bytes: [UInt8]
  let source: String

  func configuration() throws(ConfigurationError) -> JobConfiguration {
    try configuration(from: document())
  }

  /// The document as a list of files' names; none is empty.
  func fileNames() throws(ConfigurationError) -> [String] {
    let document = try document()
    guard case .array(let items) = document.content, !items.isEmpty else {
      throw invalid(document, "", .fileNames)
    }
    var names: [String] = []
    for (index, item) in items.enumerated() {
      guard let name = item.string, !name.isEmpty else { throw invalid(item, "[\(index)]", .fileName) }
      names.append(name)
    }
    return names
  }

  private func document() throws(ConfigurationError) -> JSONValue {
    do {
      return try JSONParser.parse(bytes)
    } catch {
      throw .syntax(error.problem, at: position(error.offset))
    }
  }

  func configuration(from document: JSONValue) throws(ConfigurationError) -> JobConfiguration {
    var result = JobConfiguration()
    let known = JobConfiguration.Key.allCases.map(\.rawValue)
    for member in try members(of: document, path: "") {
      guard let key = JobConfiguration.Key(rawValue: member.key) else {
        throw unknownKey(member, parent: "", known: known)
      }
      try set(key, to: member.value, in: &result)
      result.origins[key] = .configuration
    }
    try checkGrouping(result, document)
    return result
  }

  /// Datasets that name their layer say how a file is grouped, all of them.
  private func checkGrouping(_ result: JobConfiguration, _ document: JSONValue) throws(ConfigurationError) {
    guard result.datasets.nameLayers, let datasets = document.member(JobConfiguration.Key.datasets.rawValue)
    else {
      return
    }
    guard result.patterns(for: .activations)?.first?.namesLayer == true else {
      throw .activationsDoNotNameLayer(at: position(datasets.offset))
    }
    if result.groupedBy != .layer, let grouping = document.member(JobConfiguration.Key.groupedBy.rawValue) {
      throw .groupedTwice(at: position(grouping.offset))
    }
  }

  private func set(
    _ key: JobConfiguration.Key, to json: JSONValue, in result: inout JobConfiguration
  ) throws(ConfigurationError) {
    let path = key.rawValue
    switch key {
    case .schema: guard json.string != nil else { throw invalid(json, path, key.allowed) }
    case .batchSize: result.batchSize = try value(json, path)
    case .statistics: result.statistics = try value(json, path)
    case .gradient: result.gradient = try value(json, path)
    case .parameters: result.parameters = try value(json, path)
    case .epsilon: result.epsilon = try value(json, path)
    case .momentum: result.momentum = try value(json, path) as Momentum
    case .runningVariance: result.runningVariance = try value(json, path)
    case .featureAxis: result.featureAxis = try value(json, path)
    case .layers: result.layers = try items(of: json, path, allowed: key.allowed)
    case .threads: result.threads = try value(json, path)
    case .memory: result.memory = try value(json, path)
    case .partialBatch: result.partialBatch = try value(json, path)
    case .singleValueBatch: result.singleValueBatch = try value(json, path)
    case .nonfinite: result.nonfinite = try value(json, path)
    case .outputs: result.outputs = try outputs(json, path, key.allowed)
    case .quantiles: result.quantiles = try value(json, path)
    case .outputType: result.outputType = try value(json, path)
    case .outputStorage: result.outputStorage = try outputStorage(json, path)
    case .synchronizes: result.synchronizes = try flag(json, path)
    case .readsUInt16AsBFloat16: result.readsUInt16AsBFloat16 = try flag(json, path)
    case .groupedBy: result.groupedBy = try value(json, path)
    case .datasets: result.datasets = try datasets(json, path)
    case .strict: result.isStrict = try flag(json, path)
    }
  }

  private func outputs(
    _ json: JSONValue, _ path: String, _ allowed: AllowedValue
  ) throws(ConfigurationError) -> Set<OutputTensor> {
    let list: [OutputTensor] = try items(of: json, path, allowed: allowed)
    guard !list.isEmpty else { throw invalid(json, path, allowed) }
    var result: Set<OutputTensor> = []
    for tensor in list where !result.insert(tensor).inserted {
      throw .repeatedItem(path: path, item: tensor.rawValue, at: position(json.offset))
    }
    return result
  }

  private func outputStorage(_ json: JSONValue, _ path: String) throws(ConfigurationError) -> OutputStorage {
    var result = OutputStorage()
    let members = try members(of: json, path: path)
    for member in members {
      guard let key = OutputStorage.Key(rawValue: member.key) else {
        throw unknownKey(member, parent: path, known: OutputStorage.Key.allCases.map(\.rawValue))
      }
      let memberPath = keyPath(path, member.key)
      switch key {
      case .layout: result.layout = try value(member.value, memberPath)
      case .chunkSamples:
        guard let count = member.value.integer, count >= 1 else {
          throw invalid(member.value, memberPath, key.allowed)
        }
        result.chunkSamples = count
      case .gzip:
        guard let level = member.value.integer, (0...9).contains(level) else {
          throw invalid(member.value, memberPath, key.allowed)
        }
        result.gzipLevel = level
      case .zstd:
        guard let level = member.value.integer, (0...22).contains(level) else {
          throw invalid(member.value, memberPath, key.allowed)
        }
        result.zstdLevel = level
      case .lz4: result.usesLZ4 = try flag(member.value, memberPath)
      case .shuffle: result.shuffles = try flag(member.value, memberPath)
      case .bitshuffle: result.bitshuffles = try flag(member.value, memberPath)
      case .fletcher32: result.hasChecksum = try flag(member.value, memberPath)
      }
    }
    // A filter without chunks would be silently ignored.
    if result.layout == .contiguous,
      let member = members.first(where: { $0.key != OutputStorage.Key.layout.rawValue })
    {
      throw .needsChunks(path: keyPath(path, member.key), at: position(member.keyOffset))
    }
    for keys in OutputStorage.exclusive {
      let given = members.filter { member in
        keys.contains { $0.rawValue == member.key && result.isInEffect($0) }
      }
      if given.count > 1 {
        throw .exclusiveKeys(
          path: keyPath(path, given[1].key), other: keyPath(path, given[0].key),
          at: position(given[1].keyOffset))
      }
    }
    return result
  }

  private func flag(_ json: JSONValue, _ path: String) throws(ConfigurationError) -> Bool {
    guard let flag = json.boolean else { throw invalid(json, path, .boolean) }
    return flag
  }

  private func datasets(_ json: JSONValue, _ path: String) throws(ConfigurationError) -> DatasetNames {
    var result = DatasetNames()
    let known = DatasetRole.allCases.map(\.rawValue)
    for member in try members(of: json, path: path) {
      guard let role = DatasetRole(rawValue: member.key) else {
        throw unknownKey(member, parent: path, known: known)
      }
      let memberPath = keyPath(path, member.key)
      guard let name = member.value.string else { throw invalid(member.value, memberPath, .datasetName) }
      do {
        try result.setName(name, for: role)
      } catch {
        throw invalid(member.value, memberPath, error.allowed)
      }
    }
    if let (name, first, second) = result.ambiguity {
      throw .datasetInTwoRoles(name: name, first: first, second: second, at: position(json.offset))
    }
    return result
  }

  // MARK: Parts

  private func value<Value: ConfigurationValue>(
    _ json: JSONValue, _ path: String
  ) throws(ConfigurationError) -> Value {
    guard let value = Value(json: json) else { throw invalid(json, path, Value.allowed) }
    return value
  }

  private func items<Value: ConfigurationValue>(
    of json: JSONValue, _ path: String, allowed: AllowedValue
  ) throws(ConfigurationError) -> [Value] {
    guard case .array(let items) = json.content else { throw invalid(json, path, allowed) }
    var result: [Value] = []
    for (index, item) in items.enumerated() { result.append(try value(item, "\(path)[\(index)]")) }
    return result
  }

  private func members(
    of json: JSONValue, path: String
  ) throws(ConfigurationError) -> [JSONValue.Member] {
    guard case .object(let members) = json.content else { throw invalid(json, path, .object) }
    return members
  }

  // MARK: Errors

  private func invalid(_ json: JSONValue, _ path: String, _ allowed: AllowedValue) -> ConfigurationError {
    .invalidValue(path: path, found: json.excerpt, allowed: allowed, at: position(json.offset))
  }

  private func unknownKey(_ member: JSONValue.Member, parent: String, known: [String]) -> ConfigurationError {
    .unknownKey(
      path: keyPath(parent, member.key),
      nearest: Spelling.nearest(to: member.key, in: known).map { keyPath(parent, $0) },
      known: known, at: position(member.keyOffset))
  }

  private func position(_ offset: Int) -> SourcePosition {
    let place = TextPosition(offset: offset, in: bytes)
    return SourcePosition(source: source, line: place.line, column: place.column)
  }
}

/// A key's path: `datasets.gamma`, or with quotes where a key is not a plain name: `datasets."my key"`.
private func keyPath(_ parent: String, _ key: String) -> String {
  let isPlain =
    !key.isEmpty && key.utf8.count <= 80
    && key.utf8.allSatisfy {
      isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "$") || $0 == UInt8(ascii: "-")
    }
  let shown = isPlain ? key : quoted(key)
  return parent.isEmpty ? shown : parent + "." + shown
}
