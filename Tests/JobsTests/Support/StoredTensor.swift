import HDF5

/// A dataset's values, converted to Double by the HDF5 library.
struct StoredTensor: Sendable {
  let shape: [Int]
  let values: [Double]
  let type: NumericType?

  init(_ dataset: Dataset) throws {
    shape = dataset.shape
    type = dataset.type.numericType
    values = try dataset.readDoubles()
  }

  /// All datasets below a group, by their paths relative to it.
  static func all(in group: Group) throws -> [String: StoredTensor] {
    var tensors: [String: StoredTensor] = [:]
    for link in try group.links() {
      switch link.kind {
      case .dataset: tensors[link.name] = try StoredTensor(group.dataset(link.name))
      case .group:
        for (path, tensor) in try all(in: group.group(link.name)) { tensors["\(link.name)/\(path)"] = tensor }
      default: break
      }
    }
    return tensors
  }
}
