import Foundation

/// The project's folders.
enum Repository {
  /// Found by walking up from this file's real place, because a package may reach the tests through symbolic links.
  static let url: URL = {
    var folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    while folder.path != "/" {
      folder.deleteLastPathComponent()
      if FileManager.default.fileExists(atPath: folder.appending(path: "Tests/Fixtures").path) {
        return folder
      }
    }
    preconditionFailure("no folder Tests/Fixtures above \(#filePath)")
  }()

  /// The path of a file in Tests/Fixtures.
  static func fixture(_ name: String) -> String { url.appending(path: "Tests/Fixtures/\(name)").path }
}
