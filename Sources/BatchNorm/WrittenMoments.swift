import Arithmetic

/// Moments of all values of a layer as four vectors of Doubles, which lose nothing: what `moments/` of a result holds.
///
///     mean + meanRest = Σx / n      m2 + m2Rest = Σ(x - mean)²
///
/// Each pair is a double-double. A feature with a value that is not finite is NaN, or has the infinite mean.
public struct WrittenMoments: Sendable, Equatable {
  /// n, how many values of each feature count.
  public var count: Int
  /// [C] each.
  public var mean: [Double]
  public var meanRest: [Double]
  public var m2: [Double]
  public var m2Rest: [Double]

  /// Moments as they were written; the vectors have one length.
  public init(count: Int, mean: [Double], meanRest: [Double], m2: [Double], m2Rest: [Double]) {
    self.count = count
    self.mean = mean
    self.meanRest = meanRest
    self.m2 = m2
    self.m2Rest = m2Rest
  }
}

extension BatchMoments {
  /// The moments as vectors.
  public var written: WrittenMoments {
    func numbers(_ lanes: (Int) -> Lanes) -> [Double] {
      var row: [Double] = []
      row.append(featureCount: featureCount, lanes)
      return row
    }
    var moments = WrittenMoments(
      count: count, mean: numbers { self.exactMean(octet: $0).high },
      meanRest: numbers { self.exactMean(octet: $0).low }, m2: numbers { self.octets[$0].m2.high },
      m2Rest: numbers { self.octets[$0].m2.low })
    if count == 0 { moments.meanRest = Array(repeating: 0, count: featureCount) }
    for feature in nonfiniteValues.keys { (moments.m2[feature], moments.m2Rest[feature]) = (.nan, 0) }
    return moments
  }

  /// Adds values of which only the moments are known: pools them by the formulas of Chan, Golub and LeVeque (1979), in double-double.
  /// - Parameter moments: of as many features.
  public func add(_ moments: WrittenMoments) {
    precondition(moments.mean.count == featureCount)
    guard moments.count > 0 else { return }
    let (means, meanRests) = (moments.mean.inLanes, moments.meanRest.inLanes)
    let (m2s, m2Rests) = (moments.m2.inLanes, moments.m2Rest.inLanes)
    let other = BatchMoments(featureCount: featureCount)
    other.count = moments.count
    for octet in octetRange {
      other.octets[octet] = PairMoments(
        mean: DoubleDouble(means[octet], meanRests[octet]), m2: DoubleDouble(m2s[octet], m2Rests[octet]),
        gradientMean: DoubleDouble(Lanes.zero), comoment: .zero)
    }
    add(other)
  }
}
