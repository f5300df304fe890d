import Configuration
import FileNames
import Foundation
import LayerFiles

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The files that `--in` stands for: names, patterns of names, and JSON files that list them.
enum InputNames {
  /// The files, in their samples' order: as they are given, and those of a pattern in natural order, `acts-2.h5` before `acts-10.h5`.
  ///
  /// A file that exists is taken by its name, whatever characters that has.
  /// - Parameters:
  ///   - names: as they are given.
  ///   - lists: those that the names stand in, the outermost first.
  /// - Throws: `StreamError.noInputMatches`; `inputTwice` for a list that is in itself; `ConfigurationError` for one that is none.
  static func files(of names: [String], in lists: [String] = []) throws -> [String] {
    try names.flatMap { name in
      if exists(name) {
        guard isList(name) else { return [name] }
        // It has no end.
        if lists.contains(name) { throw StreamError.inputTwice(path: name, other: name) }
        return try files(of: FileList(jsonFile: name).names, in: lists + [name])
      }
      guard name.contains(where: { "*?[".contains($0) }) else { return [name] }
      let found = matches(of: name)
      if found.isEmpty { throw StreamError.noInputMatches(pattern: name) }
      return found
    }
  }

  /// Those of the names that are of lists, and the lists that these name, as far as they can be read.
  /// - Parameter outer: the lists that the names stand in.
  static func lists(in names: [String], of outer: [String] = []) -> [String] {
    let found = names.filter { exists($0) && isList($0) }
    // What is in a pipe can be read once.
    return found
      + found.filter { isRegular($0) && !outer.contains($0) }.flatMap { list in
        lists(in: (try? FileList(jsonFile: list).names) ?? [], of: outer + [list])
      }
  }

  private static func isList(_ name: String) -> Bool { name.hasSuffix(".json") }

  private static func exists(_ name: String) -> Bool {
    name.withFileName { access($0, F_OK) } == 0
  }

  private static func isRegular(_ name: String) -> Bool {
    FileLayer.current.status(at: name)?.isRegularFile == true
  }

  /// The names of files that a pattern matches, as a shell would find them.
  private static func matches(of pattern: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard pattern.withFileName({ glob($0, GLOB_NOSORT, nil, &found) }) == 0 else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(fileName: $0) } }
      .sorted { $0.comesNaturally(before: $1) }
  }
}
