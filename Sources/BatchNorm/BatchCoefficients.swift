import Arithmetic

/// The coefficients of all features of a layer for one batch, and how its last visit uses them.
///
/// Tiles write their own features only. Used by one thread at a time while it is written.
public final class BatchCoefficients {
  /// How the batch is cut; the last visit follows it.
  public let decomposition: Decomposition
  private let rule: NormalizationRule
  /// [⌈C/8⌉]
  let groups: UnsafeMutablePointer<FeatureCoefficients<Lanes>>
  /// [groupCount], the same for the columns of the decomposition, multiplied out for the last visit.
  let columns: UnsafeMutablePointer<ColumnCoefficients>

  /// Coefficients of a batch without values.
  public init(_ decomposition: Decomposition, _ rule: NormalizationRule) {
    self.decomposition = decomposition
    self.rule = rule
    let featureCount = decomposition.layout.featureCount
    groups = .allocate(capacity: FeatureGroups.count(featureCount))
    columns = .allocate(capacity: decomposition.groupCount)
    let empty = BatchMoments(featureCount: featureCount)
    update(0..<featureCount, all: empty, statistics: empty)
  }

  deinit {
    groups.deallocate()
    columns.deallocate()
  }

  /// Bytes that they take.
  public static func memory(_ decomposition: Decomposition) -> Int {
    FeatureGroups.count(decomposition.layout.featureCount) * MemoryLayout<FeatureCoefficients<Lanes>>.stride
      + decomposition.groupCount * MemoryLayout<ColumnCoefficients>.stride
  }

  /// Computes the coefficients of some features from their moments.
  /// - Parameters:
  ///   - features: those of a tile.
  ///   - all: the moments of all values of the batch, whose y and dy there are.
  ///   - statistics: the moments of the values that count in the statistics; `all` again if there is no mask.
  public func update(_ features: Range<Int>, all: BatchMoments, statistics: BatchMoments) {
    let tile = FeatureGroups.of(features)
    for group in tile {
      groups[group] = FeatureCoefficients(all: all, statistics: statistics, rule: rule, group: group)
    }
    if decomposition.groupsAreFeatures {
      for group in tile { columns[group] = groups[group].columns }
    } else {
      for group in 0..<decomposition.groupCount { columns[group] = spread(group).columns }
    }
  }

  /// The coefficients of the features that the eight columns of a group belong to.
  private func spread(_ group: Int) -> FeatureCoefficients<Lanes> {
    var spread = groups[0]
    for lane in 0..<min(8, decomposition.columnCount - 8 * group) {
      let feature = self[decomposition.feature(ofColumn: 8 * group + lane)]
      spread.mean[lane] = feature.mean
      spread.scale[lane] = feature.scale
      spread.beta[lane] = feature.beta
      spread.invStd[lane] = feature.invStd
      spread.gradientMean[lane] = feature.gradientMean
      spread.slope[lane] = feature.slope
    }
    return spread
  }

  /// The coefficients of one feature.
  public subscript(feature: Int) -> FeatureCoefficients<Double> { groups[feature / 8][feature % 8] }
}

extension BatchCoefficients {
  private var featureCount: Int { decomposition.layout.featureCount }

  /// Appends 1/√(variance + ε) of every feature.
  public func appendInvStds(to row: inout [Double]) {
    row.append(featureCount: featureCount) { groups[$0].invStd }
  }

  /// Appends dγ of every feature.
  public func appendGammaGradients(to row: inout [Double]) {
    row.append(featureCount: featureCount) { groups[$0].dgamma }
  }

  /// Appends dβ of every feature.
  public func appendBetaGradients(to row: inout [Double]) {
    row.append(featureCount: featureCount) { groups[$0].dbeta }
  }
}
