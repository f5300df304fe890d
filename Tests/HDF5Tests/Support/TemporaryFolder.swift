import Foundation

/// A new folder, removed with everything in it when released.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "hdf5-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// The path of a file in the folder.
  func path(_ name: String = "file.h5") -> String { url.appending(path: name).path }

  /// The bytes of a file in the folder.
  func bytes(_ name: String = "file.h5") throws -> Data { try Data(contentsOf: url.appending(path: name)) }
}
