/// A series of numbers in a bounded number of bins: of each the least, the mean and the largest of its finite numbers, and how many are
/// NaN or infinite.
struct BinnedSeries: Sendable {
  /// One bin.
  struct Bin: Sendable {
    var least = Double.infinity, largest = -Double.infinity
    /// NaN without a finite number.
    var mean = Double.nan
    var finite = 0, nonfinite = 0

    mutating func add(_ value: Double) {
      guard value.isFinite else {
        nonfinite += 1
        return
      }
      (least, largest) = (min(least, value), max(largest, value))
      finite += 1
      // Not by a sum, which numbers near the largest Double would make infinite.
      mean = finite == 1 ? value : mean + (value / Double(finite) - mean / Double(finite))
    }
  }

  /// How many numbers there are in all.
  let count: Int
  private(set) var bins: [Bin]

  /// Bins for so many numbers.
  init(of count: Int, bins: Int) {
    self.count = count
    self.bins = [Bin](repeating: Bin(), count: min(bins, max(1, count)))
  }

  /// Adds the number at a place.
  mutating func add(_ value: Double, at index: Int) { bins[bin(of: index)].add(value) }

  /// The bin that a place is in.
  func bin(of index: Int) -> Int { count == 0 ? 0 : index * bins.count / count }

  /// Over all bins: the least, the largest, and how many are not finite.
  var range: (least: Double, largest: Double)? {
    let known = bins.filter { $0.finite > 0 }
    guard !known.isEmpty else { return nil }
    return (known.lazy.map(\.least).min() ?? .nan, known.lazy.map(\.largest).max() ?? .nan)
  }
  var nonfinite: Int { bins.reduce(0) { $0 + $1.nonfinite } }
  var mean: Double {
    let count = bins.reduce(0) { $0 + $1.finite }
    return count == 0 ? .nan : bins.reduce(0) { $0 + $1.mean.orZero * (Double($1.finite) / Double(count)) }
  }
}

extension Double {
  fileprivate var orZero: Double { isNaN ? 0 : self }
}
