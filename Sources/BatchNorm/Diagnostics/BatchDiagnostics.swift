import Arithmetic

/// What is summed of a batch for the diagnostics of docs/diagnostics.md beside its moments: a number for each feature and sum.
///
/// Tiles write their own features only. Used by one thread at a time.
public final class BatchDiagnostics {
  /// One of the sums over a batch.
  enum Sum: Int, CaseIterable {
    /// Σdy²
    case gradientSquares
    /// Σ(x̄ₙ - mean)² over the samples, x̄ₙ the mean of a sample's positions; only where a sample has several and nothing is masked.
    case sampleSpread
    /// Σ|dy|
    case absoluteGradient
    /// Σ|dy·x̂|
    case absoluteProduct
    /// Σdx
    case inputGradient
    /// Σdx²
    case inputGradientSquares
    /// Σdx·x̂
    case inputGradientProduct
    /// Σdy over the values that count, under a mask
    case countedGradient
    /// Σdy·x̂ over the values that count, under a mask
    case countedProduct
  }

  private let octetCount: Int
  /// [sums, ⌈C/8⌉]
  private let values: UnsafeMutablePointer<Lanes>

  init(featureCount: Int) {
    octetCount = FeatureOctets.count(featureCount)
    let extent = Self.extent(featureCount)
    values = extent.allocate()
    values.initialize(repeating: .zero, count: extent.count)
  }

  deinit { values.deallocate() }

  private static func extent(_ featureCount: Int) -> Extent<Lanes> {
    Extent(Sum.allCases.count * FeatureOctets.count(featureCount))
  }

  /// Bytes that the sums of C features take.
  static func memory(featureCount: Int) -> Int { extent(featureCount).byteCount }

  /// One of the sums of the eight features of an octet.
  subscript(sum: Sum, octet octet: Int) -> Lanes {
    get { values[sum.rawValue * octetCount + octet] }
    set { values[sum.rawValue * octetCount + octet] = newValue }
  }

  /// Takes the sums of the columns of a tile; those of the columns of one feature are added up, in the columns' order.
  /// - Parameters:
  ///   - sums: those that a node holds for each octet, in order.
  ///   - node: [octets, sums]; nil for zeros.
  func take(
    _ sums: [Sum], of node: UnsafePointer<Lanes>?, _ octets: Range<Int>, _ decomposition: Decomposition
  ) {
    let features = decomposition.features(of: octets)
    if let node, decomposition.octetsAreFeatures {
      for (index, octet) in octets.enumerated() {
        for (place, sum) in sums.enumerated() { self[sum, octet: octet] = node[index * sums.count + place] }
      }
      return
    }
    for (place, sum) in sums.enumerated() {
      for octet in FeatureOctets.of(features) { self[sum, octet: octet] = .zero }
      guard let node else { continue }
      for column in decomposition.columns(of: octets) {
        let feature = decomposition.feature(ofColumn: column)
        let value = node[(column / 8 - octets.lowerBound) * sums.count + place][column % 8]
        self[sum, octet: feature / 8][feature % 8] += value
      }
    }
  }
}

// MARK: - As bytes

extension BatchDiagnostics {
  /// All sums of all features, for a record.
  func numbers(featureCount: Int) -> [Double] {
    Sum.allCases.flatMap { sum in
      (0..<featureCount).map { feature in
        let value = self[sum, octet: feature / 8][feature % 8]
        return value.isNaN ? .nan : value
      }
    }
  }

  /// Becomes the sums of a record.
  /// - Parameter numbers: [sums, C]
  func become(_ numbers: [Double], featureCount: Int) {
    for sum in Sum.allCases {
      for feature in 0..<featureCount {
        self[sum, octet: feature / 8][feature % 8] = numbers[sum.rawValue * featureCount + feature]
      }
    }
  }
}
