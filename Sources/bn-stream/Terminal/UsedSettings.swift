import Configuration
import Jobs
import LayerFiles
import StrictJSON

/// With what layers were computed, as far as it is not what everybody takes for granted: settings that are not the defaults, and who said
/// them; datasets that have not the names of their roles.
///
/// What all layers share stands in one line, and equal layers share one, so that hundreds of them stay a few lines.
struct UsedSettings {
  private let layers: [LayerSummary]

  init(_ layers: [LayerSummary]) { self.layers = layers }

  /// So many lines at most; what is left is counted.
  private static let mostLines = 8

  var lines: [String] {
    let parts = layers.map { Self.settings(of: $0) + Self.datasets(of: $0) }
    let common = layers.count < 2 ? [] : parts[0].filter { part in parts.allSatisfy { $0.contains(part) } }
    var groups: [(parts: [Part], layers: [String])] = []
    var places: [[Part]: Int] = [:]
    for (layer, parts) in zip(layers, parts) {
      let own = parts.filter { !common.contains($0) }
      guard !own.isEmpty else { continue }
      if let place = places[own] {
        groups[place].layers.append(layer.path)
      } else {
        places[own] = groups.count
        groups.append((own, [layer.path]))
      }
    }
    var lines = common.isEmpty ? [] : ["all layers: \(Self.words(common))"]
    lines += groups.prefix(Self.mostLines).map { "\(listed($0.layers)): \(Self.words($0.parts))" }
    let rest = groups.dropFirst(Self.mostLines).reduce(0) { $0 + $1.layers.count }
    if rest > 0 {
      lines.append(
        "\(rest) more \(rest == 1 ? "layer has" : "layers have") settings or datasets of their own; --json tells all of them"
      )
    }
    return lines
  }

  /// A setting with its value and who said it, or a dataset with its role.
  private struct Part: Hashable {
    let words: String
    let origin: SettingOrigin?
  }

  private static func settings(of layer: LayerSummary) -> [Part] {
    SettingOrigin.allCases.flatMap { origin in
      // That offsets divide the samples stands in the table.
      origin == .dataset
        ? []
        : layer.settings.entries.filter { $0.origin == origin && !$0.isDefault }.map {
          Part(words: "\($0.key.rawValue) \($0.value.settingWords)", origin: origin)
        }
    }
  }

  /// Datasets whose names are not those of their roles.
  private static func datasets(of layer: LayerSummary) -> [Part] {
    DatasetRole.allCases.compactMap { role in
      guard let name = layer.datasets.names[role] else { return nil }
      // Below groups of the roles' names, and where a dataset is all that a layer is, everything is as it is called.
      let usual = [
        role.rawValue, "\(role.rawValue)/\(DatasetPattern.placeholder)", DatasetPattern.placeholder,
      ]
      return usual.contains(name) ? nil : Part(words: "\(role.rawValue) from \(name)", origin: nil)
    }
  }

  private static func words(_ parts: [Part]) -> String {
    (SettingOrigin.allCases.map(Optional.some) + [nil]).compactMap { origin in
      let words = parts.filter { $0.origin == origin }.map(\.words).joined(separator: ", ")
      return words.isEmpty ? nil : words + (origin.map { " by \($0.rawValue)" } ?? "")
    }.joined(separator: "; ")
  }
}

extension JSONValue {
  /// A setting's value as people read it.
  var settingWords: String {
    switch content {
    case .string(let text): text
    case .null: "none"
    case .array(let items): "(" + items.map(\.settingWords).joined(separator: " ") + ")"
    case .object(let members):
      "(" + members.map { "\($0.key) \($0.value.settingWords)" }.joined(separator: " ") + ")"
    case .boolean, .number: excerpt
    }
  }
}
