import HDF5

/// Which HDF5 library is there: newer ones refuse some of what crashes 1.10.8.
enum HDF5Version {
  /// 1.10.8 and before.
  static let isOld: Bool = {
    let numbers = HDF5Library.version.split(separator: ".").compactMap { Int($0) }
    return numbers.lexicographicallyPrecedes([1, 10, 9])
  }()
}
