import Configuration
import HDF5

extension InputFile {
  /// All layers, by path, that a configuration selects, checked and ready.
  /// - Throws: `StreamError`.
  package func layers(_ configuration: JobConfiguration) throws -> [Layer] {
    do {
      return try LayerFinder(file: self, configuration: configuration).groups().map { found in
        // Opened again for its turn only: what is open takes memory, and files have thousands of layers.
        let group = found.path == "/" ? library.root : try library.root.group(found.path)
        return try LayerReader(group, found.links, in: self, configuration).layer()
      }
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: path, error)
    }
  }
}

/// Finds the layers of a file: groups, the root included, that hold activations.
private struct LayerFinder {
  let file: InputFile
  let configuration: JobConfiguration

  private var found: [FoundGroup] = []
  private var visited: Set<ObjectAddress> = []
  /// Something that is called like activations and is no dataset.
  private var namesake: String?

  /// A group that holds activations.
  struct FoundGroup {
    let path: String
    /// What it holds; listing it opens every object in it.
    let links: [Link]
  }

  init(file: InputFile, configuration: JobConfiguration) {
    self.file = file
    self.configuration = configuration
  }

  /// Groups deeper than this are taken for damage.
  private static let deepest = 64

  consuming func groups() throws -> [FoundGroup] {
    try visit(file.library.root, depth: 0)
    guard !found.isEmpty else {
      if let namesake { throw StreamError.notADataset(file: file.path, path: namesake) }
      throw StreamError.noLayers(path: file.path)
    }
    let selected = found.filter { configuration.selectsLayer(atPath: $0.path) }
    guard !selected.isEmpty else {
      throw StreamError.noLayerSelected(
        path: file.path, patterns: configuration.layers.map(\.text), available: found.map(\.path))
    }
    return selected
  }

  /// Follows hard links only, and each group once: a file can link a group into itself.
  private mutating func visit(_ group: Group, depth: Int) throws {
    guard visited.insert(try group.address).inserted else { return }
    guard depth <= Self.deepest else {
      throw StreamError.groupsTooDeep(file: file.path, group: group.path)
    }
    let names = configuration.datasets.names(for: .activations)
    let links = try group.links()
    if let link = links.first(where: { names.contains($0.name) }) {
      switch link.kind {
      case .dataset: found.append(FoundGroup(path: group.path, links: links))
      case .softLink, .externalLink:
        throw StreamError.linkNotFollowed(file: file.path, dataset: group.pathOfChild(link.name))
      case .group: namesake = group.pathOfChild(link.name)  // Worth a word if there is no layer at all.
      case .namedType, .other:
        throw StreamError.notADataset(file: file.path, path: group.pathOfChild(link.name))
      }
    }
    for link in links where link.kind == .group {
      try visit(group.group(link.name), depth: depth + 1)
    }
  }
}

extension Group {
  /// The path of what is called `name` in this group.
  func pathOfChild(_ name: String) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }
}
