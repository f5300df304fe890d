import Arithmetic

/// How many values of a feature are not finite, by kind.
public struct NonfiniteCounts: Hashable, Sendable {
  /// NaN.
  public var nan = 0
  /// +∞.
  public var positive = 0
  /// -∞.
  public var negative = 0

  /// No value at all.
  public init() {}

  /// All three kinds together.
  public var total: Int { nan + positive + negative }

  /// What a plain sum of the values would give: NaN, or an infinity of one sign; nil if all are finite.
  var sum: Double? {
    if total == 0 { return nil }
    if nan > 0 || (positive > 0 && negative > 0) { return .nan }
    return positive > 0 ? .infinity : -.infinity
  }

  mutating func count(_ value: Double) {
    if value.isNaN {
      nan += 1
    } else if value == .infinity {
      positive += 1
    } else if value == -.infinity {
      negative += 1
    }
  }

  func adding(_ other: NonfiniteCounts) -> NonfiniteCounts {
    var sum = self
    sum.nan += other.nan
    sum.positive += other.positive
    sum.negative += other.negative
    return sum
  }
}

extension [Int: NonfiniteCounts] {
  /// Adds the counts of more values, feature by feature.
  mutating func add(_ other: [Int: NonfiniteCounts]) {
    if !other.isEmpty { merge(other) { $0.adding($1) } }
  }
}

/// The moments of one feature over one batch, or over several.
public struct FeatureMoments: Sendable {
  /// m, the number of values.
  public var count = 0
  /// Σx/m, Σ(x - mean)², Σdy/m and the comoment; without meaning where a value is not finite.
  public var moments = PairMoments<Double>.empty
  /// What is not finite among x.
  public var nonfiniteValues = NonfiniteCounts()
  /// What is not finite among dy.
  public var nonfiniteGradients = NonfiniteCounts()

  /// The moments of no values.
  public init() {}

  init(count: Int, moments: PairMoments<Double>) {
    self.count = count
    self.moments = moments
  }

  /// True if the values are finite and their variance still does not fit into a Double.
  public var overflows: Bool {
    nonfiniteValues.total == 0 && !(moments.m2.high.isFinite && moments.mean.high.isFinite)
  }

  /// True if values and gradients are finite and dγ or dβ still does not fit into a Double; without a mask.
  public var gradientOverflows: Bool {
    nonfiniteValues.total == 0 && nonfiniteGradients.total == 0 && !overflows
      && !(moments.comoment.isFinite && (moments.gradientMean.high * Double(count)).isFinite)
  }

  /// Adds values: `count` of them, with the given moments.
  /// - Parameter isCentered: true if their products with dy are around a center that all values have in common.
  mutating func add(_ moments: PairMoments<Double>, count added: Int, isCentered: Bool = false) {
    if added == 0 { return }
    if count == 0 {
      self.moments = moments
    } else if isCentered {
      self.moments = self.moments.mergedAroundCenter(with: moments, MergeWeights(count, added))
    } else {
      self.moments = self.moments.merged(with: moments, MergeWeights(count, added))
    }
    count += added
  }
}
