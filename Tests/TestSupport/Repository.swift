import Foundation

/// The project's folders and files, for the tests of every target.
public enum Repository {
  /// Found by walking up from this file's real place, because a package may reach the tests through symbolic links.
  public static let url: URL = {
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
  public static func fixture(_ name: String) -> String { url.appending(path: "Tests/Fixtures/\(name)").path }

  /// The names of the files in Tests/Fixtures that hold a configuration and what it should give.
  public static let fixtures: [String] = {
    let names = try? FileManager.default.contentsOfDirectory(atPath: fixture(""))
    return (names ?? []).filter { $0.hasSuffix(".h5") && !["nist.h5", "onnx.h5"].contains($0) }.sorted()
  }()
}
