import Arithmetic

/// dγ and dβ of a layer over all batches: sums in double-double, so that the order of many batches does not show.
///
/// Used by one thread at a time.
public final class GradientSums {
  private let featureCount: Int
  private var dgammaSums: [DoubleDouble<Lanes>]
  private var dbetaSums: [DoubleDouble<Lanes>]

  /// Sums over no batches, for C features.
  public init(featureCount: Int) {
    self.featureCount = featureCount
    dgammaSums = Array(repeating: DoubleDouble(.zero), count: FeatureOctets.count(featureCount))
    dbetaSums = dgammaSums
  }

  /// Adds a batch.
  public func add(_ batch: BatchCoefficients) {
    for octet in dgammaSums.indices {
      dgammaSums[octet] = dgammaSums[octet] + DoubleDouble(batch.octets[octet].dgamma)
      dbetaSums[octet] = dbetaSums[octet] + DoubleDouble(batch.octets[octet].dbeta)
    }
  }

  /// Σdγ, [C]
  public var dgamma: [Double] { dgammaSums.map(\.value).numbers(featureCount) }

  /// Σdβ, [C]
  public var dbeta: [Double] { dbetaSums.map(\.value).numbers(featureCount) }
}
