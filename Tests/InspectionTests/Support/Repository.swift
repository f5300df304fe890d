import Foundation
import HDF5
import Pipeline
import RunModel

/// The project's files.
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

  static let digits = url.appending(path: "tools/samples/digits.h5").path

  static func fixture(_ name: String) -> String { url.appending(path: "Tests/Fixtures/\(name)").path }

  /// The files in Tests/Fixtures that hold a configuration and what it should give.
  static let fixtures: [String] = {
    let names = try? FileManager.default.contentsOfDirectory(atPath: fixture(""))
    return (names ?? []).filter { $0.hasSuffix(".h5") && $0 != "nist.h5" }.sorted()
  }()

  /// The plan that a fixture's own configuration asks for.
  static func plan(fixture name: String) throws -> RunPlan {
    let path = fixture(name)
    let json = try File(reading: path).root.readString(attribute: "configuration") ?? "{}"
    return try plan(path, RunConfiguration(json: json, source: name))
  }

  static func plan(_ path: String, _ configuration: RunConfiguration = RunConfiguration()) throws -> RunPlan {
    try RunPlan(Job(input: path, output: nil, configuration: configuration, replacesOutput: false))
  }
}
