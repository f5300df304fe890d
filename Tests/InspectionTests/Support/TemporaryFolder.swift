import Foundation
import HDF5

/// A new folder, removed with everything in it when released.
final class TemporaryFolder: Sendable {
  private let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "inspection-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path }

  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
  }

  /// A copy of a file.
  func copy(_ path: String, as name: String = "copy.h5") throws -> String {
    try FileManager.default.copyItem(atPath: path, toPath: self.path(name))
    return self.path(name)
  }

  /// A file with datasets by their paths.
  func file(_ name: String, _ datasets: [String: Stored]) throws -> String {
    let file = try File(creating: path(name))
    for (path, stored) in datasets.sorted(by: { $0.key < $1.key }) {
      var group = file.root
      let names = path.split(separator: "/").map(String.init)
      for name in names.dropLast() {
        group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
      }
      let dataset = try group.createDataset(
        names[names.count - 1], type: .native(stored.type), shape: stored.shape, storage: .contiguous)
      try dataset.writeDoubles(stored.values)
    }
    try file.close()
    return path(name)
  }

  /// What a dataset of a new file holds.
  struct Stored {
    var shape: [Int]
    var values: [Double]
    var type = NumericType.Kind.float64
  }
}
