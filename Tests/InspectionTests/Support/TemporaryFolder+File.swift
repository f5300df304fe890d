import HDF5
import TestSupport

extension TemporaryFolder {
  /// A file with datasets by their paths.
  func file(_ name: String, _ datasets: [String: Stored]) throws -> String {
    let file = try File(anew: path(name))
    for (path, stored) in datasets.sorted(by: { $0.key < $1.key }) {
      var group = file.root
      let names = path.split(separator: "/").map(String.init)
      for name in names.dropLast() {
        group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
      }
      let dataset = try group.createDataset(
        names[names.count - 1], type: NumericType(kind: stored.type, byteOrder: stored.byteOrder),
        shape: stored.shape, storage: stored.storage)
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
    var byteOrder = ByteOrder.native
    var storage = StorageRequest.contiguous
  }
}
