/// What a dataset of a layer's group is read as.
public enum DatasetRole: String, CaseIterable, Sendable {
  /// x, [N, …].
  case activations
  /// dL/dy, shaped like the activations.
  case gradOutput = "grad_output"
  /// γ, [C].
  case gamma
  /// β, [C].
  case beta
  /// [C].
  case runningMean = "running_mean"
  /// [C].
  case runningVariance = "running_var"
  /// Where each batch begins, and the end, [batches + 1].
  case batchOffsets = "batch_offsets"
  /// Which positions count.
  case mask
  /// The class of each sample, [N]: what experiments train on.
  case labels

  /// The names a dataset in this role has where the configuration gives none; a group may hold only one of
  /// them.
  public var defaultNames: [String] {
    switch self {
    case .gamma: ["gamma", "weight"]
    case .beta: ["beta", "bias"]
    case .runningMean: ["running_mean", "moving_mean"]
    case .runningVariance: ["running_var", "moving_variance"]
    case .labels: ["labels", "targets"]
    case .activations, .gradOutput, .batchOffsets, .mask: [rawValue]
    }
  }

  /// False for what no result of a layer depends on.
  package var servesResults: Bool { self != .labels }

  /// True for what belongs to samples, whatever the layer: a dataset in a group around the layer's serves all layers in there.
  package var isShared: Bool { self == .labels }

  /// What results of a layer are computed from.
  package static let ofResults = allCases.filter(\.servesResults)
}

/// The names under which a layer's datasets are found: in the layer's group, or, if they name the layer, in the file.
public struct DatasetNames: Sendable, Equatable {
  /// The names the configuration gives; roles that are missing here have their default names.
  public private(set) var configured: [DatasetRole: String] = [:]

  /// What to map roles to in order to do without them. A name that does not exist does the same, but may be a slip.
  public static let nothing = "none"

  /// The usual names.
  public init() {}

  /// The names to look for, in order: the configured one alone, or else the role's default names; none for ``nothing``, and where
  /// datasets are found by patterns, of which nobody knows the usual ones.
  public func names(for role: DatasetRole) -> [String] {
    if let name = configured[role] { return name == Self.nothing ? [] : [name] }
    if nameLayers { return [] }
    // What is called like labels may be a result's, if somebody says so.
    return role.servesResults
      ? role.defaultNames : role.defaultNames.filter { !configured.values.contains($0) }
  }

  /// True if names are patterns in which `{layer}` stands for the layer: see ``DatasetPattern``.
  public var nameLayers: Bool { configured.values.contains { DatasetPattern($0)?.namesLayer == true } }

  /// Gives a role another name than the default ones.
  ///
  /// - Throws: If the name is neither a pattern that names the layer nor that of a dataset in a group: empty, ".", or with "/" or a NUL
  ///   in it.
  public mutating func setName(_ name: String, for role: DatasetRole) throws(ValueError) {
    if let pattern = DatasetPattern(name), pattern.namesLayer {
      configured[role] = pattern.text
      return
    }
    guard !name.contains(DatasetPattern.placeholder), !name.isEmpty, name != ".",
      !name.utf8.contains(UInt8(ascii: "/")),
      !name.unicodeScalars.contains("\0")
    else {
      throw ValueError(found: name, allowed: .datasetName)
    }
    configured[role] = name
  }

  /// Does without a role's dataset, whatever it is called.
  public mutating func leaveOut(_ role: DatasetRole) { configured[role] = Self.nothing }

  /// A name that two roles would both accept, if there is one.
  package var ambiguity: (name: String, first: DatasetRole, second: DatasetRole)? {
    var owners: [String: DatasetRole] = [:]
    for role in DatasetRole.allCases {
      for name in names(for: role) {
        if let first = owners[name] { return (name, first, role) }
        owners[name] = role
      }
    }
    return nil
  }
}

extension JobConfiguration {
  /// False for γ and β where those are taken that make y = x.
  package func reads(_ role: DatasetRole) -> Bool {
    parameters == .file || role != .gamma && role != .beta
  }
}

extension DatasetNames: Encodable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(Dictionary(uniqueKeysWithValues: configured.map { ($0.rawValue, $1) }))
  }
}
