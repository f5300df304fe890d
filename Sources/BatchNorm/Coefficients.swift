import Arithmetic

/// All that the apply pass of a batch needs to know of a feature, or of eight:
///
///     x̂ = (x - mean) · invStd
///     y = (x - mean) · scale + beta                                  scale = γ·invStd
///     dx = scale · ((dy - gradientMean) - (x - mean) · slope)        gradientMean = dβ/m, slope = invStd·dγ/m
///
/// The mean is a double-double: a Double's rounding of a mean of 10⁷ alone would cost 10⁻⁹ in every x̂.
public struct FeatureCoefficients<Vector: LaneVector>: Sendable {
  /// The mean in use, with its low part.
  public internal(set) var mean: DoubleDouble<Vector>
  /// 1/√(variance + ε)
  public internal(set) var invStd: Vector
  /// γ·invStd
  public internal(set) var scale: Vector
  /// β
  public internal(set) var beta: Vector
  /// dβ/m, or 0 where the statistics are constants.
  public internal(set) var gradientMean: DoubleDouble<Vector>
  /// invStd·dγ/m, or 0 where the statistics are constants.
  public internal(set) var slope: Vector
  /// dγ = Σdy·x̂
  public internal(set) var dgamma: Vector
  /// dβ = Σdy
  public internal(set) var dbeta: Vector
}

extension FeatureCoefficients where Vector == Lanes {
  /// The coefficients of the eight features of an octet.
  /// - Parameters:
  ///   - all: the moments of all values of the batch, whose y and dy there are.
  ///   - statistics: the moments of the values that count in the statistics; `all` again if there is no mask.
  ///   - weighed: under a mask the sums of all values, as `MaskedMoments` describes them; else nil.
  @inline(__always)
  init(
    all: BatchMoments, statistics: BatchMoments, weighed: BatchMoments?, rule: NormalizationRule.Lines,
    octet: Int
  ) {
    let zero = Lanes.zero
    let variance: Lanes
    if rule.normalization == .running {
      mean = DoubleDouble(rule.givenMean.unsafelyUnwrapped[octet])
      variance = rule.givenVariance.unsafelyUnwrapped[octet]
    } else if statistics.count == 0 {
      // No value counts: y = β, dx = 0.
      mean = DoubleDouble(zero)
      variance = Lanes(repeating: .infinity)
    } else {
      mean = statistics.exactMean(octet: octet)
      variance = statistics.variance(octet: octet)
    }
    let std = (variance + rule.epsilon).squareRoots
    invStd = (1 / std).replacing(with: zero, where: std .== zero)
    if let gamma = rule.gamma, let betas = rule.beta {
      scale = gamma[octet] * invStd
      beta = betas[octet]
    } else {
      // The inverse of the normalization; where no value counts, both parameters are 0.
      let isEmpty = variance .== Lanes(repeating: .infinity)
      scale = std.replacing(with: zero, where: isEmpty) * invStd
      beta = mean.value.replacing(with: zero, where: isEmpty)
    }

    let sum = all.gradientSum(octet: octet)
    dbeta = sum
    // Σdy·(x - mean) for the mean in use.
    let product: Lanes
    if let weighed {
      let center = rule.normalization == .running ? mean.high : zero
      let sums = weighed.octets[octet]
      product = (sums.mean - (mean - DoubleDouble(center)) * sums.gradientMean).value
    } else if rule.normalization == .running {
      product = all.octets[octet].comoment
    } else {
      // The mean of all values; NaN where one of them is not finite.
      let distance = (all.octets[octet].mean - mean).value
      product = all.octets[octet].comoment + distance
    }
    dgamma = product * invStd

    if rule.normalization == .batch && statistics.count > 0 {
      let count = Lanes(repeating: Double(statistics.count))
      gradientMean =
        statistics.count == all.count
        ? all.octets[octet].gradientMean
        : all.octets[octet].gradientMean * DoubleDouble(Lanes(repeating: Double(all.count))) / count
      slope = invStd * invStd * product / count
    } else {
      gradientMean = DoubleDouble(zero)
      slope = zero
    }
    if !rule.mistakes.isEmpty, rule.normalization != .running, weighed == nil {
      become(rule.mistakes, all, rule: rule, octet: octet)
    }
  }

  /// The coefficients of one of the eight features.
  subscript(lane: Int) -> FeatureCoefficients<Double> {
    FeatureCoefficients<Double>(
      mean: mean[lane], invStd: invStd[lane], scale: scale[lane], beta: beta[lane],
      gradientMean: gradientMean[lane], slope: slope[lane], dgamma: dgamma[lane], dbeta: dbeta[lane])
  }

  /// The same, multiplied out for the apply pass.
  var columns: ColumnCoefficients {
    ColumnCoefficients(
      mean: mean, scale: scale, beta: beta, invStd: invStd, gradientMean: gradientMean, slope: slope)
  }
}

extension FeatureCoefficients where Vector == Double {
  /// False if a parameter or statistic of the feature is infinite or NaN.
  public var isFinite: Bool {
    (mean.value + scale + beta + gradientMean.value + slope).isFinite
  }
}

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

  /// Coefficients that mean nothing until they are updated.
  public init(_ decomposition: Decomposition, _ rule: NormalizationRule) {
    self.decomposition = decomposition
    self.rule = rule
    let (octetExtent, columnExtent) = Self.extents(decomposition)
    octets = octetExtent.allocate()
    columns = columnExtent.allocate()
    UnsafeMutableRawBufferPointer(start: octets, count: octetExtent.byteCount).initializeMemory(
      as: UInt8.self, repeating: 0)
    UnsafeMutableRawBufferPointer(start: columns, count: columnExtent.byteCount).initializeMemory(
      as: UInt8.self, repeating: 0)
  }

  private static func extents(
    _ decomposition: Decomposition
  ) -> (octets: Extent<FeatureCoefficients<Lanes>>, columns: Extent<ColumnCoefficients>) {
    (Extent(FeatureOctets.count(decomposition.layout.featureCount)), Extent(decomposition.octetCount))
  }

  deinit {
    octets.deallocate()
    columns.deallocate()
  }

  /// True if the gradient flows through the statistics.
  var centersGradient: Bool { rule.normalization == .batch }

  /// True if products with dy are summed around given means.
  var isCentered: Bool { rule.normalization == .running }

  /// Bytes that they take.
  public static func memory(_ decomposition: Decomposition) -> Int {
    let extents = extents(decomposition)
    return extents.octets.byteCount + extents.columns.byteCount
  }

  /// Computes the coefficients of some features from their moments.
  /// - Parameters:
  ///   - features: those of a tile.
  ///   - all: the moments of all values of the batch, whose y and dy there are.
  ///   - statistics: the moments of the values that count in the statistics; `all` again if there is no mask.
  ///   - weighed: under a mask the sums of all values; else nil.
  func update(
    _ features: Range<Int>, all: BatchMoments, statistics: BatchMoments, weighed: BatchMoments?
  ) {
    let tile = FeatureOctets.of(features)
    rule.withLines { lines in
      for octet in tile {
        octets[octet] = FeatureCoefficients(
          all: all, statistics: statistics, weighed: weighed, rule: lines, octet: octet)
      }
    }
    if decomposition.octetsAreFeatures {
      for octet in tile { columns[octet] = octets[octet].columns }
    } else {
      let period = decomposition.octetPeriod
      for octet in 0..<decomposition.octetCount {
        columns[octet] =
          octet < period ? coefficients(ofColumns: octet).columns : columns[octet - period]
      }
    }
  }

  /// The coefficients of the features that the eight columns of an octet belong to.
  private func coefficients(ofColumns octet: Int) -> FeatureCoefficients<Lanes> {
    if decomposition.columnsAreFeaturesInTurn { return octets[octet] }
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
