import Configuration
import HDF5

/// Finds what was probably meant for a layer and is passed over: datasets with other programs' names, attributes with such names
/// or beside the group.
struct NearMisses {
  /// Where the layer's attributes are.
  let attributes: any AttributeHolder
  /// Open, if there are any.
  let activations: Dataset?
  /// What the layer is called.
  let path: String
  /// What the group holds.
  let links: [Link]
  let configuration: JobConfiguration
  /// The datasets that serve a role.
  let names: [DatasetRole: String]
  /// As they are used; a setting that somebody has said needs no other.
  let settings: LayerSettings
  /// Attributes of the root that are called like settings.
  let settingsOfRoot: [Attribute]

  /// An attribute that is called like a setting.
  struct Attribute {
    let name: String
    let key: JobConfiguration.Key
  }

  /// Names of datasets that serve no role, with what they look like.
  var unusedNames: [(name: String, looksLike: NearName?)] {
    let used = Set(names.values)
    return links.filter { $0.kind == .dataset && !used.contains($0.name) }.map { link in
      // A result beside its input is no input. Those of batches lie in a group of their own: here `mean` is what Flax calls it.
      let isResult = LayerResult.allCases.contains {
        $0.group == nil && $0.names.contains(link.name) && !$0.isAlsoInput
      }
      return (link.name, isResult ? nil : NearName(ofDataset: link.name))
    }
  }

  /// What the user should know.
  var warnings: [StreamWarning] {
    let layers = [path]
    var warnings = configuredNames()
    for (name, looksLike) in unusedNames {
      switch looksLike {
      case .role(let role) where isOpen(role):
        warnings.append(.similarName(layers: layers, missing: role, found: name))
      case .batchSizes where isOpen(.batchOffsets):
        warnings.append(.batchSizesNotRead(layers: layers, found: name))
      case .weights: warnings.append(.weightsNotRead(layers: layers, found: name))
      case .setting(let key) where isOpen(key):
        warnings.append(.settingNotRead(layers: layers, key: key, found: name, place: .dataset))
      default: break
      }
    }
    return warnings + nearAttributes
  }

  /// True if a dataset could serve a role that none serves; not if the configuration names one, or none.
  private func isOpen(_ role: DatasetRole) -> Bool {
    names[role] == nil && configuration.datasets.configured[role] == nil && configuration.reads(role)
      && role.servesResults
  }

  private func isOpen(_ key: JobConfiguration.Key) -> Bool { settings[key]?.origin == .byDefault }

  /// Names in the configuration that are missing here, while one much like them is there. To do without a dataset, one names what
  /// does not exist.
  private func configuredNames() -> [StreamWarning] {
    configuration.datasets.configured.sorted { $0.key.rawValue < $1.key.rawValue }.compactMap { role, name in
      guard names[role] == nil, configuration.reads(role), role.servesResults, name != DatasetNames.nothing
      else { return nil }
      return unusedNames.first { NearName.isNear($0.name, name) }.map {
        .configuredNameMissing(layers: [path], role: role, name: name, found: $0.name)
      }
    }
  }

  private var nearAttributes: [StreamWarning] {
    func warnings(_ attributes: [Attribute], _ place: StreamWarning.SettingPlace) -> [StreamWarning] {
      attributes.filter { isOpen($0.key) }.map {
        .settingNotRead(layers: [path], key: $0.key, found: $0.name, place: place)
      }
    }
    var found = warnings(Self.settings(of: attributes, rightNames: false), .group)
    // Where a layer has no group, its attributes are those of its activations.
    if let activations, attributes is Group {
      found += warnings(Self.settings(of: activations, rightNames: true), .activations)
    }
    return found + warnings(settingsOfRoot, .root)
  }

  /// The attributes of an object that are called like settings. What cannot be read is nobody's setting, and stops nothing.
  /// - Parameter rightNames: true to find those that have a setting's very name, too.
  static func settings(of holder: some AttributeHolder, rightNames: Bool) -> [Attribute] {
    func has(_ name: String) -> Bool { (try? holder.attributeExists(name)) ?? false }
    let keys = JobConfiguration.Key.ofLayers
    let right = keys.filter { has($0.rawValue) }
    // Where all attributes are known ones, as nearly always, there is nothing to look for.
    let known = right.count + (has("framework") ? 1 : 0)
    guard let count = try? holder.attributeCount, count > (rightNames ? 0 : known) else { return [] }
    let others = count > known ? JobConfiguration.Key.namesLikeSettings.filter { has($0.name) } : []
    return (rightNames ? right.map { Attribute(name: $0.rawValue, key: $0) } : [])
      + others.map { Attribute(name: $0.name, key: $0.key) }
  }
}
