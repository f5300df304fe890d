import Configuration
import StrictJSON

/// What `verify` found in one layer.
public struct LayerVerification: Encodable, Sendable, Equatable {
  /// The layer's path in the input.
  public var path: String
  /// The group of the other file that its results lie in; nil if it has none.
  public var group: String?
  /// One for each dataset that was compared.
  public var comparisons: [ResultComparison]
  /// Names of datasets in the group that were not compared: unknown ones, and results that the input cannot give.
  public var ignored: [String]
}

/// What `verify` found in two files.
public struct VerifyReport: Encodable, Sendable, Equatable {
  /// The program's version.
  public var version: String
  /// The input file's path as given.
  public var input: String
  /// The path of the other program's file as given.
  public var against: String
  /// One for each layer that was selected.
  public var layers: [LayerVerification]

  /// True if all that was compared agrees.
  public var agrees: Bool { layers.allSatisfy { $0.comparisons.allSatisfy(\.agrees) } }

  /// The report as a JSON object in readable lines.
  public var json: String { canonicalJSON(self, isPretty: true) }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(agrees, forKey: .agrees)
    try container.encode(version, forKey: .version)
    try container.encode(input, forKey: .input)
    try container.encode(against, forKey: .against)
    try container.encode(layers, forKey: .layers)
  }

  private enum CodingKeys: String, CodingKey {
    case agrees, version, input, against, layers
  }
}
