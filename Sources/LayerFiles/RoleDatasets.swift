import Configuration
import HDF5

/// Finds which dataset of a file serves which role of a layer, and keeps it open.
struct RoleDatasets {
  /// What the layer is called.
  private let layer: String
  private let place: LayerPlace
  private let attributes: any AttributeHolder
  private let input: InputFile
  private let configuration: JobConfiguration
  private let open = OpenDatasets()

  /// - Parameter attributes: where the layer's attributes are.
  init(
    _ layer: FoundLayer, _ attributes: any AttributeHolder, in input: InputFile,
    _ configuration: JobConfiguration
  ) {
    self.layer = layer.name
    place = layer.place
    self.attributes = attributes
    self.input = input
    self.configuration = configuration
  }

  /// The names of the datasets that serve roles, as the configuration would say them; the path of one outside of the layer's group.
  func names(of roles: [DatasetRole]) throws(HDF5Error) -> [DatasetRole: String] {
    var names: [DatasetRole: String] = [:]
    for role in roles where configuration.reads(role) {
      names[role] = try paths(of: role).first?.name
    }
    return names
  }

  /// The name in the layer's group of a dataset that serves a role, or its path where the layer has none; nil if there is none.
  func shownName(of role: DatasetRole) throws(HDF5Error) -> String? {
    let candidate = try paths(of: role).first
    return if case .group = place { candidate?.name } else { candidate?.path }
  }

  /// The dataset in a role, under whichever of its names it has; nil if there is none. It stays open for the layer's turn.
  func dataset(_ role: DatasetRole) throws -> (Dataset, DatasetPlace)? {
    if let known = open.datasets[role] { return known }
    let found = try findDataset(role)
    open.datasets[role] = .some(found)
    return found
  }

  private func findDataset(_ role: DatasetRole) throws -> (Dataset, DatasetPlace)? {
    let paths = try paths(of: role)
    guard paths.count < 2 else {
      // Where layers have no groups, the last part of each path may be the layer's own name.
      let isInGroup = if case .group = place { true } else { false }
      throw StreamError.twoNames(
        file: input.path, layer: layer,
        names: paths.map { isInGroup ? $0.path.pathComponents.last ?? "" : $0.path })
    }
    guard let found = paths.first else { return nil }
    let path = found.path
    if found.isDataset { return try opened(path) }
    switch try input.library.root.end(of: path) {
    case .object(let path, .dataset), .object(let path, .damaged): return try opened(path)
    case .object: throw StreamError.notADataset(file: input.path, path: path)
    case let end: throw StreamError.linkNotFollowed(file: input.path, dataset: path, end)
    }
  }

  /// What is called like a dataset in a role.
  private struct Candidate {
    let path: String
    /// As the configuration would say it: the name in the layer's group, or the path with `{layer}` in it.
    let name: String
    /// True if it is known to be a dataset.
    var isDataset = false
  }

  private func paths(of role: DatasetRole) throws(HDF5Error) -> [Candidate] {
    let own = try ownPaths(of: role)
    return own.isEmpty && role.isShared ? try sharedPaths(of: role) : own
  }

  /// In the groups around the layer's, the nearest first; where layers have no groups, in the root.
  private func sharedPaths(of role: DatasetRole) throws(HDF5Error) -> [Candidate] {
    let names = configuration.datasets.names(for: role).filter { !$0.contains("/") }
    var around = [[String]()]
    if case .group(let path, _) = place {
      let groups = path.pathComponents
      around = groups.indices.reversed().map { Array(groups[..<$0]) }
    }
    for group in around {
      var candidates: [Candidate] = []
      for name in names {
        let path = "/" + (group + [name]).joined(separator: "/")
        guard try input.library.root.hasPath(path) else { continue }
        if case .object(_, .group) = try input.library.root.end(of: path) { continue }
        candidates.append(Candidate(path: path, name: path))
      }
      if !candidates.isEmpty { return candidates }
    }
    return []
  }

  private func ownPaths(of role: DatasetRole) throws(HDF5Error) -> [Candidate] {
    switch place {
    case .group(let path, let links):
      let (names, above) = (configuration.datasets.names(for: role), path == "/" ? "" : path)
      return links.filter { $0.isCalled(one: names) }.map {
        Candidate(path: "\(above)/\($0.name)", name: $0.name, isDataset: $0.kind == .dataset)
      }
    case .named:
      var candidates: [Candidate] = []
      for pattern in configuration.patterns(for: role) ?? [] {
        let path = pattern.path(ofLayer: layer)
        if try input.library.root.hasPath(path) {
          candidates.append(Candidate(path: path, name: pattern.text))
        }
      }
      return candidates
    case .dataset:
      return role == .activations ? [Candidate(path: layer, name: DatasetPattern.placeholder)] : []
    }
  }

  /// - Parameter path: by hard links.
  private func opened(_ path: String) throws -> (Dataset, DatasetPlace) {
    // Every step from the root costs; the layer's own group is open.
    let dataset =
      if let group = attributes as? Group, let name = path.pathComponents.last,
        path.isSameName(as: group.pathOfChild(name))
      {
        try group.dataset(name)
      } else {
        try input.library.root.dataset(path)
      }
    return (
      dataset,
      DatasetPlace(
        file: input, path: path, chunkCacheByteCount: dataset.neededChunkCache)
    )
  }
}

/// A layer's datasets that are open, since opening one takes longer than all else about it.
private final class OpenDatasets {
  var datasets: [DatasetRole: (Dataset, DatasetPlace)?] = [:]
}
