import Foundation
import TestSupport
import Testing

/// A text file of the project.
struct ProjectFile: Sendable, CustomTestStringConvertible {
  /// From the project's folder, as `Sources/Jobs/Run.swift`.
  let path: String

  var text: String {
    get throws { try String(contentsOf: Repository.url.appending(path: path), encoding: .utf8) }
  }

  var name: String { path.split(separator: "/").last.map(String.init) ?? path }
  /// The folder in `Sources` or `Tests`.
  var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
  var testDescription: String { path }
}

/// What lies in the project's folder, without what is built or downloaded.
enum Project {
  /// Every file, by its path from the project's folder.
  static let paths: Set<String> = {
    let root = Repository.url.path + "/"
    var found: Set<String> = []
    let enumerator = FileManager.default.enumerator(
      at: Repository.url, includingPropertiesForKeys: [.isDirectoryKey, .isSymbolicLinkKey])
    while let url = enumerator?.nextObject() as? URL {
      let name = url.lastPathComponent
      if name.hasPrefix(".build") || [".git", ".swiftpm", "__pycache__"].contains(name) {
        enumerator?.skipDescendants()
        continue
      }
      // What a link leads to is there under its own path.
      if (try? url.resourceValues(forKeys: [.isSymbolicLinkKey]).isSymbolicLink) == true { continue }
      let isFolder = (try? url.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) ?? false
      found.insert(url.path.replacing(root, with: "", maxReplacements: 1) + (isFolder ? "/" : ""))
    }
    return found
  }()

  /// The files whose names end so, sorted.
  static func files(in folder: String = "", endingWith ending: String...) -> [ProjectFile] {
    paths.filter { path in path.hasPrefix(folder) && ending.contains { path.hasSuffix($0) } }
      .sorted().map(ProjectFile.init)
  }

  static let sources = files(in: "Sources/", endingWith: ".swift")
  static let swift = sources + files(in: "Tests/", endingWith: ".swift")

  /// The subcommands of the Python package, with their options.
  static let pythonCommands = files(in: "tools/python/bn_stream/commands/", endingWith: ".py")

  /// The documents that name what there is.
  static let documents =
    files(in: "docs/", endingWith: ".md") + files(in: "Sources/", endingWith: "README.md")
    + ["README.md", "CONTRIBUTING.md", "SECURITY.md", "tools/README.md"].map(ProjectFile.init)

  /// True if a file or folder has this path; `*` stands for any part of a name.
  static func has(_ path: String) -> Bool {
    let path = path.hasSuffix("/") ? String(path.dropLast()) : path
    if !path.contains("*") { return paths.contains(path) || paths.contains(path + "/") }
    let pattern = NSRegularExpression.escapedPattern(for: path).replacing("\\*", with: "[^/]*")
    return paths.contains { $0.range(of: "^\(pattern)/?$", options: .regularExpression) != nil }
  }
}
