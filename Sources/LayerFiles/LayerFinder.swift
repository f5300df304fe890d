import Configuration
import HDF5

/// The layers of a file that a configuration selects.
package struct FoundLayers: Sendable {
  /// By path, checked and ready.
  package let layers: [Layer]
  /// What was passed over in looking for them.
  package let warnings: [StreamWarning]
}

extension InputFile {
  /// All layers, by path, that a configuration selects, checked and ready.
  /// - Throws: `StreamError`.
  package func layers(_ configuration: JobConfiguration) throws -> FoundLayers {
    do {
      var finder = LayerFinder(file: self, configuration: configuration)
      let layers = try finder.groups().map { found in
        // Opened again for its turn only: what is open takes memory, and files have thousands of layers.
        let group = found.path == "/" ? library.root : try library.root.group(found.path)
        return try LayerReader(group, found.links, named: found.name, in: self, configuration).layer()
      }
      return FoundLayers(layers: layers, warnings: StreamWarning.merged(finder.warnings))
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: path, error)
    }
  }
}

/// Finds the layers of a file: groups, the root included, that hold activations.
///
/// Only a layer that is selected can stop the job. What else the file holds, and cannot be followed or read, is passed over with
/// a warning.
private struct LayerFinder {
  let file: InputFile
  let configuration: JobConfiguration

  private(set) var warnings: [StreamWarning] = []
  private var found: [FoundGroup] = []
  /// The path by which each group was met first.
  private var visited: [ObjectAddress: String] = [:]
  /// Other paths of groups: by hard links, and by soft ones.
  private var aliases: [(path: String, of: String)] = []
  private var softLinks: [(group: String, name: String)] = []
  /// Something that is called like activations and is no dataset.
  private var namesake: String?
  /// The first datasets of the file, to show where no layer is found.
  private var datasets: [String] = []

  /// A group that holds activations.
  struct FoundGroup {
    /// By hard links.
    let path: String
    /// What it is called: by whichever of its paths it was asked for.
    var name: String
    /// What it holds; listing it opens every object in it.
    let links: [Link]
  }

  init(file: InputFile, configuration: JobConfiguration) {
    self.file = file
    self.configuration = configuration
  }

  /// Groups deeper than this are taken for damage.
  private static let deepest = 64
  /// So many datasets are looked at to say what a file without layers holds.
  private static let mostDatasets = 64

  mutating func groups() throws -> [FoundGroup] {
    try visit(file.library.root, depth: 0)
    let leading = try followSoftLinks()
    guard !found.isEmpty else {
      if let namesake { throw StreamError.notADataset(file: file.path, path: namesake) }
      throw StreamError.noLayers(
        path: file.path, wanted: configuration.datasets.names(for: .activations)[0],
        present: describedDatasets(), skipped: StreamWarning.merged(warnings + leading))
    }
    let selected = found.compactMap(selected)
    guard !selected.isEmpty else {
      throw StreamError.noLayerSelected(
        path: file.path, patterns: configuration.layers.map(\.text), available: found.map(\.path),
        skipped: StreamWarning.merged(warnings + leading))
    }
    // A selected layer whose activations are elsewhere is an error of its own.
    warnings += leading
    return selected
  }

  /// Follows hard links only, and each group once: a file can link a group into itself.
  private mutating func visit(_ group: Group, depth: Int) throws(HDF5Error) {
    let address = try group.address
    if let path = visited[address] {
      aliases.append((group.path, path))
      return
    }
    visited[address] = group.path
    let links = try group.links()
    let names = configuration.datasets.names(for: .activations)
    if let link = links.first(where: { $0.isCalled(one: names) }) {
      if link.kind == .group {
        namesake = group.pathOfChild(link.name)  // Worth a word if there is no layer at all.
      } else {
        found.append(FoundGroup(path: group.path, name: group.path, links: links))
      }
    }
    for link in links {
      let path = group.pathOfChild(link.name)
      switch link.kind {
      case .group where !link.isText: warnings.append(.skipped(.nameIsNotText, [path]))
      case .group where depth == Self.deepest: warnings.append(.skipped(.tooDeep, [path]))
      case .group:
        do {
          try visit(group.group(link.name), depth: depth + 1)
        } catch {
          warnings.append(.skipped(.unreadable, [path]))
        }
      case .dataset: if datasets.count < Self.mostDatasets, link.isText { datasets.append(path) }
      case .softLink, .externalLink: if link.isText { softLinks.append((group.path, link.name)) }
      case .damaged: warnings.append(.skipped(.unreadable, [path]))
      case .namedType, .other: break
      }
    }
  }

  /// Notes the groups that soft links lead to.
  /// - Returns: warnings of those links that lead out of the file, or nowhere.
  private mutating func followSoftLinks() throws(HDF5Error) -> [StreamWarning] {
    var leading: [StreamWarning] = []
    for (path, name) in softLinks {
      let group = path == "/" ? file.library.root : try file.library.root.group(path)
      let link = group.pathOfChild(name)
      switch try? group.end(of: name) {
      case .object(let target, .group): aliases.append((link, target))
      case .object: break
      case .otherFile(let file, let target):
        leading.append(.skipped(.otherFile, ["\(link) (\(file):\(target))"]))
      case .nowhere(let target): leading.append(.skipped(.leadsNowhere, ["\(link) (\(target))"]))
      case nil: leading.append(.skipped(.unreadable, [link]))
      }
    }
    return leading
  }

  /// The group by the first of its paths that is selected; nil if none is.
  private func selected(_ found: FoundGroup) -> FoundGroup? {
    var result = found
    for name in paths(of: found.path) where configuration.selectsLayer(atPath: name) {
      result.name = name
      return result
    }
    return nil
  }

  /// A group's paths, that by which it was met first of all.
  private func paths(of path: String) -> [String] {
    // Without patterns the first one is taken; a few rounds find what people link, and circles have no end.
    guard !configuration.layers.isEmpty, !aliases.isEmpty else { return [path] }
    var paths = [path]
    var next = 0
    while next < paths.count, paths.count < 256 {
      let path = paths[next]
      next += 1
      for alias in aliases {
        guard let rest = path.suffix(below: alias.of) else { continue }
        let other = alias.path + rest
        if !paths.contains(where: { $0.isSameName(as: other) }) { paths.append(other) }
      }
    }
    return paths
  }

  /// The datasets of a file without layers that are most like activations: those with samples and features, the largest first.
  private func describedDatasets() -> [StreamError.PresentDataset] {
    let described = datasets.compactMap { path in
      (try? file.library.root.dataset(path)).map {
        StreamError.PresentDataset(path: path, shape: $0.shape)
      }
    }
    let large = described.filter { $0.shape.count >= 2 }
    return (large.isEmpty ? described : large).sorted {
      $0.shape.reduce(1.0) { $0 * Double($1) } > $1.shape.reduce(1.0) { $0 * Double($1) }
    }
  }
}

extension Link {
  /// Whether it has one of these names.
  func isCalled(one names: [String]) -> Bool {
    isText && names.contains { $0.isSameName(as: name) }
  }
}

extension String {
  /// What follows a group's path in this one; empty for the group itself, nil if this is no path below it.
  fileprivate func suffix(below group: String) -> String? {
    if isSameName(as: group) { return "" }
    let prefix = group == "/" ? "/" : group + "/"
    guard utf8.starts(with: prefix.utf8) else { return nil }
    return "/" + String(Substring(utf8.dropFirst(prefix.utf8.count)))
  }
}

extension Group {
  /// The path of what is called `name` in this group.
  func pathOfChild(_ name: String) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }
}
