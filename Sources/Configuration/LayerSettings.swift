import StrictJSON

/// Every setting that a layer is computed with, and who said so; in a summary, and in the attributes of an output, from which the
/// result can be computed again.
public struct LayerSettings: Sendable, Equatable {
  /// One setting.
  package struct Entry: Sendable, Equatable {
    package let key: JobConfiguration.Key
    /// As the configuration file would say it.
    package let value: JSONValue
    package let origin: SettingOrigin
  }

  /// In the order of the keys.
  package private(set) var entries: [Entry] = []

  /// No setting yet.
  package init() {}

  /// The settings that are the same for all layers.
  package init(_ configuration: JobConfiguration) {
    let values = configuration.jsonValue
    for key in JobConfiguration.Key.ofResults {
      guard let value = values.member(key.rawValue) else { continue }
      add(Entry(key: key, value: value, origin: configuration.origins[key] ?? .byDefault))
    }
  }

  /// Adds a setting, in place of one of the same key.
  package mutating func add(_ key: JobConfiguration.Key, _ value: some SettingValue, _ origin: SettingOrigin)
  {
    add(Entry(key: key, value: value.json, origin: origin))
  }

  /// Adds a setting as it was found.
  package mutating func add(_ key: JobConfiguration.Key, _ setting: Setting<some SettingValue>) {
    add(key, setting.value, setting.origin)
  }

  private mutating func add(_ entry: Entry) {
    entries.removeAll { $0.key == entry.key }
    let place = Self.order[entry.key] ?? 0
    entries.insert(entry, at: entries.firstIndex { Self.order[$0.key] ?? 0 > place } ?? entries.endIndex)
  }

  private static let order = Dictionary(
    uniqueKeysWithValues: JobConfiguration.Key.allCases.enumerated().map { ($1, $0) })

  /// A setting; nil if it is not among them.
  package subscript(key: JobConfiguration.Key) -> Entry? { entries.first { $0.key == key } }
}

extension LayerSettings.Entry {
  /// True if the value is the one that holds where nobody says anything, whoever said it.
  package var isDefault: Bool { origin == .byDefault || value == Self.defaults[key] }

  private static let defaults: [JobConfiguration.Key: JSONValue] = {
    let configuration = JobConfiguration().jsonValue
    var defaults: [JobConfiguration.Key: JSONValue] = [:]
    for key in JobConfiguration.Key.ofResults { defaults[key] = configuration.member(key.rawValue) }
    func add<Value>(_ setting: LayerSetting<Value>) { defaults[setting.key] = setting.byDefault.json }
    add(.batchSize)
    add(.statistics)
    add(.epsilon)
    add(.momentum)
    add(.runningVariance)
    add(.featureAxis)
    return defaults
  }()
}

extension LayerSettings: Codable {
  private struct Used: Codable {
    let value: JSONValue
    let origin: SettingOrigin
  }

  /// Encodes an object of the settings' keys, each `{"value": …, "origin": …}`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JobConfiguration.Key.self)
    for entry in entries {
      try container.encode(Used(value: entry.value, origin: entry.origin), forKey: entry.key)
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: JobConfiguration.Key.self)
    for key in JobConfiguration.Key.allCases {
      guard let used = try container.decodeIfPresent(Used.self, forKey: key) else { continue }
      add(Entry(key: key, value: used.value, origin: used.origin))
    }
  }

  /// The settings as JSON in one line; equal settings give equal text.
  package var json: String { canonicalJSON(self) }
}

/// A value of a setting, as the configuration file would say it. There are thousands of layers, and the ways of `Encodable` are long.
package protocol SettingValue: Sendable, Equatable {
  /// What the value is encoded as.
  var json: JSONValue { get }
}

extension SettingValue where Self: RawRepresentable, RawValue == String {
  package var json: JSONValue { rawValue.json }
}

extension String: SettingValue {
  package var json: JSONValue { JSONValue(.string(self)) }
}

extension Int: SettingValue {
  package var json: JSONValue { JSONValue(.number("\(self)")) }
}

extension StatisticsSource: SettingValue {}
extension RunningVarianceEstimate: SettingValue {}

extension FeatureAxis: SettingValue {
  package var json: JSONValue { index.json }
}

extension Epsilon: SettingValue {
  package var json: JSONValue { JSONValue(number: value) }
}

extension Momentum: SettingValue {
  package var json: JSONValue {
    switch self {
    case .exponential(let factor): JSONValue(number: factor)
    case .cumulative: JSONValue(.null)
    }
  }
}

extension BatchSize: SettingValue {
  package var json: JSONValue {
    switch self {
    case .samples(let count): count.json
    case .all: "all".json
    }
  }
}

/// Which dataset serves which role, as an object of the roles' names.
public struct RoleNames: Sendable, Equatable {
  /// By role; roles that no dataset serves are missing.
  public let names: [DatasetRole: String]

  /// The names by role.
  public init(_ names: [DatasetRole: String]) { self.names = names }

  /// As JSON in one line; equal names give equal text.
  package var json: String { canonicalJSON(self) }
}

extension RoleNames: Codable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(Dictionary(uniqueKeysWithValues: names.map { ($0.rawValue, $1) }))
  }

  public init(from decoder: any Decoder) throws {
    let names = try decoder.singleValueContainer().decode([String: String].self)
    self.init(
      Dictionary(
        uniqueKeysWithValues: names.compactMap { name, dataset in
          DatasetRole(rawValue: name).map { ($0, dataset) }
        }))
  }
}

/// A value as an attribute of a file holds it.
package enum StoredValue: Sendable, Equatable {
  case integer(Int)
  case number(Double)
  case text(String)
}

extension StoredValue: CustomStringConvertible {
  package var description: String {
    switch self {
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .text(let text): quoted(text)
    }
  }
}

extension ConfigurationValue {
  /// Reads what an attribute holds by the rules of the configuration file; `none` is its null.
  package init?(stored: StoredValue) {
    switch stored {
    case .integer(let value): self.init(json: JSONValue(.number("\(value)")))
    case .number(let value): self.init(json: JSONValue(.number("\(value)")))
    case .text("none"): self.init(json: JSONValue(.null))
    case .text(let text): self.init(json: JSONValue(.string(text)))
    }
  }
}

extension LayerSettings {
  /// What the attributes of an output's layer say, by name: the settings that a layer can have of its own. A batch size gives way to
  /// `batch_offsets`, and is then left out.
  package var attributes: [(name: String, value: StoredValue)] {
    JobConfiguration.Key.ofLayers.compactMap { key in
      guard let entry = self[key], entry.origin != .dataset else { return nil }
      let value: StoredValue? =
        switch entry.value.content {
        case .null: .text("none")
        case .string(let text): .text(text)
        case .number where key.allowed.isReal: entry.value.finiteDouble.map { .number($0) }
        case .number: entry.value.integer.map { .integer($0) }
        default: nil
        }
      return value.map { (key.rawValue, $0) }
    }
  }
}

extension AllowedValue {
  /// True for numbers that need not be integers.
  fileprivate var isReal: Bool { self == .epsilon || self == .momentum }
}
