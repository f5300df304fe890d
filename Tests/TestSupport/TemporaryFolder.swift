import Foundation

/// A new folder, removed with everything in it when released.
public final class TemporaryFolder: Sendable {
  /// Where it is.
  public let url: URL

  /// Makes a folder that nobody else has.
  public init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "bn-stream-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// The path of a file in the folder.
  public func path(_ name: String = "file.h5") -> String { url.appending(path: name).path }

  /// The names of the files in the folder.
  public var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
  }

  /// The bytes of a file in the folder.
  public func bytes(_ name: String = "file.h5") throws -> Data {
    try Data(contentsOf: url.appending(path: name))
  }

  /// A copy of a file.
  public func copy(_ path: String, as name: String = "copy.h5") throws -> String {
    try FileManager.default.copyItem(atPath: path, toPath: self.path(name))
    return self.path(name)
  }
}
