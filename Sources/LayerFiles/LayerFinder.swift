import Configuration
import HDF5

/// Finds the layers of a file: groups, the root included, that hold activations.
package struct LayerFinder {
  package let file: File
  package let path: String
  package let configuration: JobConfiguration

  /// Looks into the whole of an open file.
  /// - Parameter path: as the user gave it, for messages.
  package init(file: File, path: String, configuration: JobConfiguration) {
    self.file = file
    self.path = path
    self.configuration = configuration
  }

  /// Groups deeper than this are taken for damage.
  private static let deepest = 64

  /// All layers, by path, that the configuration selects.
  package func layers() throws -> [Group] {
    var found: [Group] = []
    var visited: Set<ObjectAddress> = []
    var namesake: String?
    try visit(file.root, depth: 0, &visited, &found, &namesake)
    guard !found.isEmpty else {
      if let namesake { throw StreamError.notADataset(file: path, path: namesake) }
      throw StreamError.noLayers(path: path)
    }
    let selected = found.filter { configuration.selectsLayer(atPath: $0.path) }
    guard !selected.isEmpty else {
      throw StreamError.noLayerSelected(
        path: path, patterns: configuration.layers.map(\.text), available: found.map(\.path))
    }
    return selected
  }

  /// Follows hard links only, and each group once: a file can link a group into itself.
  private func visit(
    _ group: Group, depth: Int, _ visited: inout Set<ObjectAddress>, _ found: inout [Group],
    _ namesake: inout String?
  ) throws {
    guard visited.insert(try group.address).inserted else { return }
    guard depth <= Self.deepest else { throw StreamError.groupsTooDeep(file: path, group: group.path) }
    let names = configuration.datasets.names(for: .activations)
    let links = try group.links()
    if let link = links.first(where: { names.contains($0.name) }) {
      switch link.kind {
      case .dataset: found.append(group)
      case .softLink, .externalLink:
        throw StreamError.linkNotFollowed(file: path, dataset: group.pathOfChild(link.name))
      case .group: namesake = group.pathOfChild(link.name)  // Worth a word if there is no layer at all.
      case .namedType, .other:
        throw StreamError.notADataset(file: path, path: group.pathOfChild(link.name))
      }
    }
    for link in links where link.kind == .group {
      try visit(group.group(link.name), depth: depth + 1, &visited, &found, &namesake)
    }
  }
}

extension Group {
  /// The path of what is called `name` in this group.
  package func pathOfChild(_ name: String) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }
}
