import Arithmetic

/// Features in groups of eight, a feature in each lane; the last group may hold fewer.
enum FeatureGroups {
  /// ⌈C/8⌉, the groups of C features.
  static func count(_ featureCount: Int) -> Int { (featureCount + 7) / 8 }

  /// The groups of a tile of features, which begins at a multiple of eight.
  static func of(_ features: Range<Int>) -> Range<Int> {
    features.lowerBound / 8..<count(features.upperBound)
  }
}

extension [Double] {
  /// Appends one number a feature, given for groups of eight.
  @inline(__always)
  mutating func append(featureCount: Int, _ lanes: (Int) -> Lanes) {
    let start = count
    let groupCount = FeatureGroups.count(featureCount)
    append(contentsOf: repeatElement(0, count: groupCount * 8))
    withUnsafeMutableBytes { bytes in
      for group in 0..<groupCount {
        bytes.storeBytes(of: lanes(group), toByteOffset: 8 * (start + 8 * group), as: Lanes.self)
      }
    }
    removeLast(count - start - featureCount)
  }

  /// The numbers in groups of eight; lanes beyond the last one repeat it.
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
