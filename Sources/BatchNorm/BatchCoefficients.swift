import Arithmetic

/// The coefficients of all features of a layer for one batch, and how its apply pass uses them.
///
/// Tiles write their own features only. Used by one thread at a time while it is written.
public final class BatchCoefficients {
  /// How the batch is cut; the apply pass follows it.
  public let decomposition: Decomposition
  private let rule: NormalizationRule
  /// [⌈C/8⌉]
  let octets: UnsafeMutablePointer<FeatureCoefficients<Lanes>>
  /// [octetCount], the same for the columns of the decomposition, multiplied out for the apply pass.
  let columns: UnsafeMutablePointer<ColumnCoefficients>

  /// Coefficients of a batch without values.
  public init(_ decomposition: Decomposition, _ rule: NormalizationRule) {
    self.decomposition = decomposition
    self.rule = rule
    let featureCount = decomposition.layout.featureCount
    octets = .allocate(capacity: FeatureOctets.count(featureCount))
    columns = .allocate(capacity: decomposition.octetCount)
    let empty = BatchMoments(featureCount: featureCount)
    update(0..<featureCount, all: empty, statistics: empty)
  }

  deinit {
    octets.deallocate()
    columns.deallocate()
  }

  /// Bytes that they take.
  public static func memory(_ decomposition: Decomposition) -> Int {
    FeatureOctets.count(decomposition.layout.featureCount) * MemoryLayout<FeatureCoefficients<Lanes>>.stride
      + decomposition.octetCount * MemoryLayout<ColumnCoefficients>.stride
  }

  /// Computes the coefficients of some features from their moments.
  /// - Parameters:
  ///   - features: those of a tile.
  ///   - all: the moments of all values of the batch, whose y and dy there are.
  ///   - statistics: the moments of the values that count in the statistics; `all` again if there is no mask.
  public func update(_ features: Range<Int>, all: BatchMoments, statistics: BatchMoments) {
    let tile = FeatureOctets.of(features)
    for octet in tile {
      octets[octet] = FeatureCoefficients(all: all, statistics: statistics, rule: rule, octet: octet)
    }
    if decomposition.octetsAreFeatures {
      for octet in tile { columns[octet] = octets[octet].columns }
    } else {
      for octet in 0..<decomposition.octetCount { columns[octet] = coefficients(ofColumns: octet).columns }
    }
  }

  /// The coefficients of the features that the eight columns of an octet belong to.
  private func coefficients(ofColumns octet: Int) -> FeatureCoefficients<Lanes> {
    var result = octets[0]
    for lane in 0..<min(8, decomposition.columnCount - 8 * octet) {
      let feature = self[decomposition.feature(ofColumn: 8 * octet + lane)]
      result.mean[lane] = feature.mean
      result.scale[lane] = feature.scale
      result.beta[lane] = feature.beta
      result.invStd[lane] = feature.invStd
      result.gradientMean[lane] = feature.gradientMean
      result.slope[lane] = feature.slope
    }
    return result
  }

  /// The coefficients of one feature.
  public subscript(feature: Int) -> FeatureCoefficients<Double> { octets[feature / 8][feature % 8] }
}

extension BatchCoefficients {
  private var featureCount: Int { decomposition.layout.featureCount }

  /// Appends 1/√(variance + ε) of every feature.
  public func appendInvStds(to row: inout [Double]) {
    row.append(featureCount: featureCount) { octets[$0].invStd }
  }

  /// Appends dγ of every feature.
  public func appendGammaGradients(to row: inout [Double]) {
    row.append(featureCount: featureCount) { octets[$0].dgamma }
  }

  /// Appends dβ of every feature.
  public func appendBetaGradients(to row: inout [Double]) {
    row.append(featureCount: featureCount) { octets[$0].dbeta }
  }
}
