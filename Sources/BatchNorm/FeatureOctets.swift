import Arithmetic

/// Features in octets, a feature in each lane; the last octet may hold fewer.
enum FeatureOctets {
  /// ⌈C/8⌉, the octets of C features.
  static func count(_ featureCount: Int) -> Int { (featureCount + 7) / 8 }

  /// The octets of a tile of features, which begins at a multiple of eight.
  static func of(_ features: Range<Int>) -> Range<Int> {
    features.lowerBound / 8..<count(features.upperBound)
  }
}

extension [Double] {
  /// Appends one number a feature, given for octets.
  @inline(__always)
  mutating func append(featureCount: Int, _ lanes: (Int) -> Lanes) {
    let start = count
    let octetCount = FeatureOctets.count(featureCount)
    append(contentsOf: repeatElement(0, count: octetCount * 8))
    withUnsafeMutableBytes { bytes in
      for octet in 0..<octetCount {
        bytes.storeBytes(of: lanes(octet), toByteOffset: 8 * (start + 8 * octet), as: Lanes.self)
      }
    }
    removeLast(count - start - featureCount)
  }

  /// The numbers in octets; lanes beyond the last one repeat it.
  var inLanes: [Lanes] {
    stride(from: 0, to: count, by: 8).map { start in
      var lanes = Lanes()
      for lane in 0..<8 { lanes[lane] = self[Swift.min(start + lane, count - 1)] }
      return lanes
    }
  }
}

extension [Lanes] {
  /// The first `count` numbers.
  func numbers(_ count: Int) -> [Double] { (0..<count).map { self[$0 / 8][$0 % 8] } }
}
