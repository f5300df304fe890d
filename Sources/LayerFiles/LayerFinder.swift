import Configuration
import FileNames
import HDF5

/// Finds the layers of a file: groups, the root included, that hold activations.
///
/// Only a layer that is selected can stop the job. What else the file holds, and cannot be followed or read, is passed over with
/// a warning.
struct LayerFinder {
  let file: InputFile
  let configuration: JobConfiguration

  private(set) var warnings: [StreamWarning] = []
  private var found: [FoundLayer] = []
  /// Groups that hold something of a layer, but no activations.
  private(set) var near: [FoundLayer] = []
  /// The path by which each group was met first.
  private var visited: [ObjectAddress: String] = [:]
  /// Other paths of groups: by hard links, and by soft ones.
  private var aliases: [(path: String, of: String)] = []
  private var softLinks: [(group: String, name: String)] = []
  /// Something that is called like activations and is no dataset.
  private var namesake: String?
  /// The first datasets of the file, to show where no layer is found.
  private var datasets: [String] = []

  init(file: InputFile, configuration: JobConfiguration) {
    self.file = file
    self.configuration = configuration
  }

  /// Groups deeper than this are taken for damage.
  private static let deepest = 64
  /// So many datasets are looked at to say what a file without layers holds.
  private static let mostDatasets = 64

  mutating func layers() throws -> [FoundLayer] {
    let (layers, problem) = try search()
    if let problem { throw problem }
    return layers
  }

  /// The same whatever is wrong, as far as it comes, with what stops a run.
  mutating func survey() -> (layers: [FoundLayer], problem: StreamError?) {
    do {
      return try search()
    } catch {
      return (found.compactMap(selected), .libraryReadFailed(path: file.path, error))
    }
  }

  /// The layers that the configuration selects, and what is wrong with them as a whole.
  private mutating func search() throws(HDF5Error) -> (layers: [FoundLayer], problem: StreamError?) {
    try visit(file.library.root, depth: 0)
    let leading = try followSoftLinks()
    guard !found.isEmpty else {
      if let namesake { return ([], .notADataset(file: file.path, path: namesake)) }
      return (
        [],
        .noLayers(
          path: file.path,
          wanted: configuration.groupedBy == .none
            ? DatasetPattern.placeholder
            : configuration.patterns(for: .activations)?.first?.text
              ?? configuration.datasets.names(for: .activations).first ?? DatasetNames.nothing,
          present: describedDatasets(), skipped: StreamWarning.merged(warnings + leading))
      )
    }
    let selected = found.compactMap(selected)
    if configuration.layers.isEmpty {
      let unselected = found.map(\.name).filter { !$0.isFileNameText }
      guard !selected.isEmpty else { return ([], .noLayerIsText(path: file.path, layers: unselected)) }
      warnings += unselected.map { .skipped(.nameIsNotText, [$0]) }
    }
    let unmatched = configuration.layers.filter { pattern in
      !found.contains { paths(of: $0.name).contains { pattern.matches(path: $0) } }
    }
    guard unmatched.isEmpty else {
      return (
        selected,
        .noLayerSelected(
          path: file.path, patterns: unmatched.map(\.text), available: found.map(\.name),
          skipped: StreamWarning.merged(warnings + leading))
      )
    }
    // A selected layer whose activations are elsewhere is an error of its own.
    warnings += leading
    try lookForUnusedPatterns(selected.map(\.name))
    return (selected, nil)
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
    lookForLayers(in: group, links)
    for link in links {
      let path = group.pathOfChild(link.name)
      switch link.kind {
      case .group where depth == Self.deepest: warnings.append(.skipped(.tooDeep, [path]))
      case .group:
        do {
          try visit(group.group(link.name), depth: depth + 1)
        } catch {
          warnings.append(.skipped(.unreadable, [path]))
        }
      case .dataset: if datasets.count < Self.mostDatasets { datasets.append(path) }
      case .softLink, .externalLink: softLinks.append((group.path, link.name))
      case .damaged: warnings.append(.skipped(.unreadable, [path]))
      case .namedType, .other: break
      }
    }
  }

  /// Notes the layers of which the activations are in this group, under whatever name.
  private mutating func lookForLayers(in group: Group, _ links: [Link]) {
    if let patterns = configuration.patterns(for: .activations) {
      for link in links where mayBeDataset(link, in: group) {
        let path = group.pathOfChild(link.name)
        guard let name = patterns.lazy.compactMap({ $0.layer(ofPath: path) }).first else { continue }
        found.append(FoundLayer(name: name, place: .named(activations: path)))
      }
      return
    }
    let names = configuration.datasets.names(for: .activations)
    switch configuration.groupedBy {
    case .layer:
      guard let link = links.first(where: { $0.isCalled(one: names) }) else {
        if Self.isNearlyALayer(links) {
          near.append(FoundLayer(name: group.path, place: .group(path: group.path, links: links)))
        }
        return
      }
      if link.kind == .group {
        namesake = group.pathOfChild(link.name)  // Worth a word if there is no layer at all.
      } else {
        found.append(FoundLayer(name: group.path, place: .group(path: group.path, links: links)))
      }
    case .role: break  // These are patterns, too.
    case .none:
      guard group.path == "/" else { return }
      for link in links where link.kind != .externalLink && mayBeDataset(link, in: group) {
        // A vector is no layer, and neither is text: a file may hold whatever it likes beside them.
        if let dataset = try? group.dataset(link.name), dataset.shape.count < 2 || !dataset.mayBeNumbers {
          continue
        }
        found.append(FoundLayer(name: "/\(link.name)", place: .dataset))
      }
    }
  }

  /// Whether a name stands for a dataset, or for one in another file, which is an error if it is selected.
  private func mayBeDataset(_ link: Link, in group: Group) -> Bool {
    switch link.kind {
    case .dataset, .externalLink: true
    case .softLink:
      if case .object(_, .dataset)? = try? group.end(of: link.name) { true } else { false }
    case .group, .namedType, .damaged, .other: false
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

  /// Warns of configured patterns by which no selected layer has a dataset.
  private mutating func lookForUnusedPatterns(_ layers: [String]) throws(HDF5Error) {
    for role in DatasetRole.ofResults
    where configuration.reads(role) && configuration.datasets.configured[role] != nil {
      guard let pattern = configuration.patterns(for: role)?.first else { continue }
      var isUsed = false
      for layer in layers where !isUsed {
        isUsed = try file.library.root.hasPath(pattern.path(ofLayer: layer))
      }
      if !isUsed { warnings.append(.patternUnused(layers: layers, role: role, pattern: pattern.text)) }
    }
  }

  /// The layer by the first of its paths that is selected; nil if none is.
  private func selected(_ found: FoundLayer) -> FoundLayer? {
    // Programs that read the output may not know what to do with such a name, so that somebody has to want it.
    if configuration.layers.isEmpty, !found.name.isFileNameText { return nil }
    var result = found
    for name in paths(of: found.name) where configuration.selectsLayer(atPath: name) {
      result.name = name
      // Elsewhere the name is what the datasets are found by.
      if case .group = found.place { return result }
      return found
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

extension LayerFinder {
  /// True if a group holds datasets of some roles, and no results: those have statistics, too.
  private static func isNearlyALayer(_ links: [Link]) -> Bool {
    let datasets = links.filter { $0.kind == .dataset }.map(\.name)
    func looksLikeARole(_ name: String) -> Bool {
      if case .role(let role) = NearName(ofDataset: name) { role.servesResults } else { false }
    }
    // A mean may be either; what only results are called tells.
    let isOfResults = datasets.contains { name in
      LayerResult.allCases.contains { $0.name == name } && !looksLikeARole(name)
    }
    return !isOfResults && datasets.contains(where: looksLikeARole)
  }
}

extension Dataset {
  /// False if no configuration can make numbers of its elements.
  fileprivate var mayBeNumbers: Bool { NumberFormat(type, readsUInt16AsBFloat16: true) != nil }
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
