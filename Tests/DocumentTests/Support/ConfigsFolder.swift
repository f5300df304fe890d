import Foundation

/// The project's folder `configs`.
enum ConfigsFolder {
  /// Found by walking up from this file's real place, because a package may reach the tests through symbolic
  /// links.
  static let url: URL = {
    var folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    while folder.path != "/" {
      folder.deleteLastPathComponent()
      let configs = folder.appendingPathComponent("configs")
      if FileManager.default.fileExists(atPath: configs.appendingPathComponent("schema.json").path) {
        return configs
      }
    }
    preconditionFailure("no folder configs above \(#filePath)")
  }()

  /// The names of the worked examples.
  static let examples: [String] = {
    let names = try? FileManager.default.contentsOfDirectory(atPath: url.path)
    return (names ?? []).filter { $0.hasSuffix(".json") && $0 != "schema.json" }.sorted()
  }()

  static func path(of name: String) -> String {
    url.appendingPathComponent(name).path
  }

  static func bytes(of name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: url.appendingPathComponent(name)))
  }
}
