import Arithmetic

/// Numbers, one for each feature, around which products with dy are summed: Σdy·(x - center).
///
/// The comoment, around the mean of all values, is Σdy·(x - mean) only for that mean. Where another one normalizes, what the two
/// differ by would have to be taken away again, and takes the digits with it: a value that dy does not weigh may lie anywhere. So
/// where the mean in use is known before the data is read, it is the center.
public struct ProductCenters: Sendable {
  /// [C]
  private let centers: [Double]

  /// - Parameter centers: [C]
  init(_ centers: [Double]) { self.centers = centers }

  /// Bytes that a tile of columns takes.
  static func memory(octetCount: Int) -> Int { Extent<Lanes>(octetCount).byteCount }

  /// The center of a feature.
  subscript(feature: Int) -> Double { centers[feature] }

  /// The centers of the columns of some octets, 0 where there are no more columns.
  func columns(_ octets: Range<Int>, of decomposition: Decomposition) -> [Lanes] {
    octets.map { octet in
      var lanes = Lanes.zero
      for lane in 0..<min(8, decomposition.columnCount - 8 * octet) {
        lanes[lane] = centers[decomposition.feature(ofColumn: 8 * octet + lane)]
      }
      return lanes
    }
  }
}
