import Arithmetic

/// The moments of all features of a layer over one batch, eight features side by side.
///
/// m, the number of values, is the same for all features, also under a mask, which leaves out whole positions.
/// Collectors of tiles write their own features only. Used by one thread at a time.
public final class BatchMoments {
  /// C.
  public let featureCount: Int
  /// m, the number of values of each feature.
  public internal(set) var count = 0
  /// [⌈C/8⌉]; lanes beyond the last feature mean nothing.
  let octets: UnsafeMutablePointer<PairMoments<Lanes>>
  /// What is not finite among x, of the features that have such values.
  var nonfiniteValues: [Int: NonfiniteCounts] = [:] { didSet { valuesAreFinite = nonfiniteValues.isEmpty } }
  /// What is not finite among dy, of the features that have such values.
  var nonfiniteGradients: [Int: NonfiniteCounts] = [:] {
    didSet { gradientsAreFinite = nonfiniteGradients.isEmpty }
  }
  /// True if all of x is finite.
  private(set) var valuesAreFinite = true
  /// True if all of dy is finite.
  private(set) var gradientsAreFinite = true

  /// The moments of no values, for C features.
  public init(featureCount: Int) {
    self.featureCount = featureCount
    let extent = Self.extent(featureCount)
    octets = extent.allocate()
    octets.initialize(repeating: .empty, count: extent.count)
  }

  private static func extent(_ featureCount: Int) -> Extent<PairMoments<Lanes>> {
    Extent(FeatureOctets.count(featureCount))
  }

  deinit { octets.deallocate() }

  /// Bytes that the moments of C features take.
  public static func memory(featureCount: Int) -> Int { extent(featureCount).byteCount }

  /// The octets of features; the last one may hold fewer.
  public var octetRange: Range<Int> { 0..<FeatureOctets.count(featureCount) }

  /// The moments of one feature.
  public subscript(feature: Int) -> FeatureMoments {
    var result = FeatureMoments(count: count, moments: octets[feature / 8][feature % 8])
    if let counts = nonfiniteValues[feature] { result.nonfiniteValues = counts }
    if let counts = nonfiniteGradients[feature] { result.nonfiniteGradients = counts }
    return result
  }

  /// Replaces what is known of the values of some features that are not finite.
  func setNonfinite(
    _ features: Range<Int>, values: [Int: NonfiniteCounts], gradients: [Int: NonfiniteCounts]
  ) {
    if !nonfiniteValues.isEmpty { nonfiniteValues = nonfiniteValues.filter { !features.contains($0.key) } }
    if !nonfiniteGradients.isEmpty {
      nonfiniteGradients = nonfiniteGradients.filter { !features.contains($0.key) }
    }
    if !values.isEmpty { nonfiniteValues.merge(values) { _, new in new } }
    if !gradients.isEmpty { nonfiniteGradients.merge(gradients) { _, new in new } }
  }

  // MARK: - Eight features at once

  /// Σx / m; NaN for m = 0. With an infinite value the sum that IEEE arithmetic gives, ±∞ or NaN, without a low part: a poisoned
  /// feature stays poisoned.
  @inline(__always)
  func exactMean(octet: Int) -> DoubleDouble<Lanes> {
    if count == 0 { return DoubleDouble(Lanes(repeating: .nan)) }
    let mean = octets[octet].mean
    if valuesAreFinite { return mean }
    return DoubleDouble(
      replacing(mean.high, octet, nonfiniteValues) { $0.sum ?? .nan },
      replacing(mean.low, octet, nonfiniteValues) { _ in 0 })
  }

  /// Σx / m.
  @inline(__always)
  func mean(octet: Int) -> Lanes { exactMean(octet: octet).value }

  /// Σ(x - mean)² / m, the biased variance; NaN for m = 0, where a value is not finite, and where the sum is beyond the range of
  /// Double.
  @inline(__always)
  func variance(octet: Int) -> Lanes { variance(octet: octet, count: count) }

  /// Σ(x - mean)² / (m - 1), as PyTorch keeps it in `running_var`; NaN for m < 2 or where a value is not finite.
  @inline(__always)
  func unbiasedVariance(octet: Int) -> Lanes { variance(octet: octet, count: count - 1) }

  @inline(__always)
  private func variance(octet: Int, count: Int) -> Lanes {
    if count <= 0 { return Lanes(repeating: .nan) }
    // Beyond the range of Double it is NaN, which is what double-doubles make of an infinity.
    let variance = octets[octet].variance(count: count)
    return valuesAreFinite ? variance : replacing(variance, octet, nonfiniteValues) { _ in .nan }
  }

  /// Σdy.
  @inline(__always)
  func gradientSum(octet: Int) -> Lanes {
    if count == 0 { return .zero }
    let sum = octets[octet].gradientSum(count: count)
    return gradientsAreFinite ? sum : replacing(sum, octet, nonfiniteGradients) { $0.sum ?? .nan }
  }

  /// `lanes`, but for features with values that are not finite what `replacement` gives.
  private func replacing(
    _ lanes: Lanes, _ octet: Int, _ counts: [Int: NonfiniteCounts], _ replacement: (NonfiniteCounts) -> Double
  ) -> Lanes {
    var lanes = lanes
    for lane in 0..<8 {
      if let counts = counts[8 * octet + lane] { lanes[lane] = replacement(counts) }
    }
    return lanes
  }
}

extension BatchMoments {
  /// Adds all values of another batch: the pooled moments of both.
  func add(_ other: BatchMoments) {
    if other.count == 0 { return }
    if count == 0 {
      octets.update(from: other.octets, count: octetRange.count)
    } else {
      let weights = MergeWeights(count, other.count)
      for octet in octetRange { octets[octet] = octets[octet].merged(with: other.octets[octet], weights) }
    }
    count += other.count
    nonfiniteValues.add(other.nonfiniteValues)
    nonfiniteGradients.add(other.nonfiniteGradients)
  }

  /// The features that have values or gradients that are not finite, in ascending order, and how many.
  public var nonfiniteFeatures: [(feature: Int, count: Int)] {
    if nonfiniteValues.isEmpty && nonfiniteGradients.isEmpty { return [] }
    let counts = nonfiniteValues.mapValues(\.total)
      .merging(nonfiniteGradients.mapValues(\.total), uniquingKeysWith: +)
    return counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The features that a test holds for, in ascending order; `isSuspect` sorts out eight at once.
  ///
  /// - Parameter isSuspect: is told where the moments of the eight are; false only if the test holds for none of them.
  @inline(__always)
  func features(_ isSuspect: (UnsafePointer<PairMoments<Lanes>>) -> Bool, where holds: (Int) -> Bool) -> [Int]
  {
    var features: [Int] = []
    for octet in octetRange where isSuspect(octets + octet) {
      features += (8 * octet..<min(8 * octet + 8, featureCount)).filter(holds)
    }
    return features
  }

  /// The features whose variance does not fit into a Double though their values are finite.
  public var overflows: [Int] {
    features({ (($0.pointee.m2.high + $0.pointee.mean.high) * 0).total != 0 }, where: { self[$0].overflows })
  }

  /// Reports the features whose values are all the same.
  public func forEachFeatureWithoutVariance(_ report: (Int) -> Void) {
    guard count > 0 else { return }
    for octet in octetRange {
      let isZero = variance(octet: octet) .== Lanes.zero
      if isZero == SIMDMask(repeating: false) { continue }
      for lane in 0..<8 where isZero[lane] && 8 * octet + lane < featureCount { report(8 * octet + lane) }
    }
  }
}

extension BatchMoments {
  /// Appends the mean of every feature.
  public func appendMeans(to row: inout [Double]) { row.append(featureCount: featureCount, mean) }

  /// Appends the biased variance of every feature.
  public func appendVariances(to row: inout [Double]) { row.append(featureCount: featureCount, variance) }

  /// The mean of every feature, [C].
  public var means: [Double] {
    var row: [Double] = []
    appendMeans(to: &row)
    return row
  }

  /// The biased variance of every feature, [C].
  public var variances: [Double] {
    var row: [Double] = []
    appendVariances(to: &row)
    return row
  }
}

// MARK: - Octets

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
