import Arithmetic

/// A number that diagnoses a feature over all batches.
public enum FeatureDiagnostic: CaseIterable, Sendable {
  /// N² = (v̄ + μ̄²)·Var(i) - 2μ̄·Cov(i, μᵦi) + Var(μᵦi), v̄ and μ̄ of all values, i = 1/√(variance + ε), over the batches
  /// (Huang et al. 2019, arXiv:1904.03441)
  case batchNoise
  /// F = [Σᵦ nᵦ(μᵦ - μ)²/(B - 1)] / [Σᵦ Σₙ (x̄ₙ - μᵦ)²/(N - B)], x̄ₙ the mean of a sample's positions
  case shufflingF
  /// How likely an F as large is where samples are independent and normal
  case shufflingP
  /// The standard deviation of the batches' means / √batches
  case meanStandardError
  /// The same of their variances
  case varianceStandardError
  /// Batches after which the mean is known to 1 % of a standard deviation
  case meanBatches
  /// Batches after which the variance is known to 1 %
  case varianceBatches
}

/// What the batches of a layer show together, fed batch by batch in order. Used by one thread at a time.
///
/// Noise and standard errors are over batches of one size: a smaller last one is another kind of batch.
public final class DiagnosticsOverBatches {
  private let featureCount: Int
  private let layout: FeatureLayout
  private let hasMask: Bool
  /// [⌈C/8⌉]
  private var octets: [OctetSums]
  /// Batches with values, samples in them, and values of each feature that count.
  private var (batches, samples, values) = (0, 0, 0)
  /// Batches that are not a smaller last one.
  public private(set) var wholeBatches = 0
  /// Values of each feature in all of these; nil if that differs.
  private var wholeCount: Int?

  /// Nothing of C features.
  public init(_ layout: FeatureLayout, hasMask: Bool) {
    featureCount = layout.featureCount
    self.layout = layout
    self.hasMask = hasMask
    octets = Self.extent(layout.featureCount).array(of: OctetSums())
  }

  private static func extent(_ featureCount: Int) -> Extent<OctetSums> {
    Extent(FeatureOctets.count(featureCount))
  }

  /// Bytes that it takes for C features.
  public static func memory(featureCount: Int) -> Int { extent(featureCount).byteCount }

  /// Adds the next batch.
  /// - Parameters:
  ///   - result: made to hold diagnostics.
  ///   - samples: how many it has.
  ///   - isWhole: false for a smaller last batch.
  public func add(_ result: BatchResult, samples: Int, isWhole: Bool) {
    guard result.counted.count > 0 else { return }
    if isWhole {
      wholeCount = wholeBatches == 0 || wholeCount == result.counted.count ? result.counted.count : nil
      wholeBatches += 1
    }
    for octet in octets.indices {
      octets[octet].add(result, octet: octet, before: values)
      if isWhole { octets[octet].addWhole(result, octet: octet, batches: wholeBatches) }
    }
    batches += 1
    self.samples += samples
    values += result.counted.count
  }

  /// The state after the batches so far, for `restore`: numbers as the machine holds them.
  public func state() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bitsOf: [batches, samples, values, wholeBatches, wholeCount ?? -1])
    bytes.append(bitsOf: octets)
    return bytes
  }

  /// Becomes what `state` was taken of.
  /// - Returns: false if the bytes are no state of as many features; nothing changed then.
  public func restore(_ state: [UInt8]) -> Bool {
    var rest = state[...]
    guard let counts = rest.take(5, of: Int.self), let octets = rest.take(octets.count, of: OctetSums.self),
      rest.isEmpty
    else { return false }
    (batches, samples, values) = (counts[0], counts[1], counts[2])
    (wholeBatches, wholeCount) = (counts[3], counts[4] < 0 ? nil : counts[4])
    self.octets = octets
    return true
  }

  /// What `FeatureDiagnostic.batchNoise` is for Gaussian data; nil where samples have several positions, a mask leaves some out, or batches
  /// differ in size or have no more than 3 values.
  public var gaussianNoise: Double? {
    guard layout.valuesPerFeatureAndSample == 1, !hasMask, let wholeCount else { return nil }
    return BatchNoise.ofGaussianData(wholeCount)
  }

  /// A diagnostic of every feature, [C]; NaN where batches or samples are too few for it.
  public func values(of diagnostic: FeatureDiagnostic) -> [Double] {
    (0..<featureCount).map { value(of: diagnostic, $0) }
  }

  private func value(of diagnostic: FeatureDiagnostic, _ feature: Int) -> Double {
    let (sums, lane) = (octets[feature / 8], feature % 8)
    let variance = (sums.within[lane] + sums.between[lane]) / Double(values)
    let count = Double(wholeBatches)
    switch diagnostic {
    case .batchNoise:
      guard wholeBatches > 1 else { return .nan }
      let mean = sums.mean[lane] - sums.center[lane]
      let noise =
        (variance + mean * mean) * sums.invStdSpread[lane] - 2 * mean * sums.jointSpread[lane]
        + sums.shiftSpread[lane]
      return noise / (count - 1)
    case .shufflingF:
      guard batches > 1, samples > batches else { return .nan }
      let between = sums.between[lane] / Double(layout.valuesPerFeatureAndSample) / Double(batches - 1)
      return between / (sums.samplesWithin[lane] / Double(samples - batches))
    case .shufflingP:
      return FDistribution.upperTail(
        value(of: .shufflingF, feature), Double(batches - 1), Double(samples - batches))
    case .meanStandardError:
      return wholeBatches > 1 ? (sums.meanSpread[lane] / (count - 1) / count).squareRoot() : .nan
    case .varianceStandardError:
      return wholeBatches > 1 ? (sums.varianceSpread[lane] / (count - 1) / count).squareRoot() : .nan
    case .meanBatches:
      guard wholeBatches > 1 else { return .nan }
      let error = Self.wantedError * Self.wantedError * variance
      return (sums.meanSpread[lane] / (count - 1) / error).rounded(.up)
    case .varianceBatches:
      guard wholeBatches > 1 else { return .nan }
      let error = Self.wantedError * variance
      return (sums.varianceSpread[lane] / (count - 1) / (error * error)).rounded(.up)
    }
  }

  /// The error to which statistics are to be known: of the standard deviation for the mean, of itself for the variance.
  public static let wantedError = 0.01

  /// What some features have in common. Features that are not finite are in none of it.
  public func totals(_ features: Range<Int>) -> DiagnosticTotals {
    var totals = DiagnosticTotals()
    for feature in features {
      let (sums, lane) = (octets[feature / 8], feature % 8)
      totals.add(sums, lane)
      let variance = (sums.within[lane] + sums.between[lane]) / Double(values)
      let noise = value(of: .batchNoise, feature)
      if noise.isFinite {
        totals.noise += noise
        totals.noisyFeatures += 1
      }
      let (f, p) = (value(of: .shufflingF, feature), value(of: .shufflingP, feature))
      if f.isFinite { totals.largestF = max(totals.largestF ?? f, f) }
      if f > Self.suspiciousF, p < Self.suspiciousP { totals.unshuffledFeatures += 1 }
      totals.raise(\.meanError, value(of: .meanStandardError, feature) / variance.squareRoot())
      totals.raise(\.varianceError, value(of: .varianceStandardError, feature) / variance)
      totals.raise(\.meanBatches, value(of: .meanBatches, feature))
      totals.raise(\.varianceBatches, value(of: .varianceBatches, feature))
    }
    return totals
  }

  /// Batches look sorted where F is larger, and an F as large is less likely than `suspiciousP`.
  public static let suspiciousF = 2.0
  public static let suspiciousP = 1e-6
}

/// What features have in common over all batches; the totals of several ranges of features add up.
public struct DiagnosticTotals: Sendable {
  /// Σdy² and Σdx²
  public fileprivate(set) var gradientSquares = 0.0, inputGradientSquares = 0.0
  /// What the mean and x̂ take away of Σdy²
  public fileprivate(set) var byMean = 0.0, byNormalized = 0.0
  /// Σ|dy·x̂| and Σ|dy| over all, Σ|dγ| and Σ|dβ| over batches and features
  public fileprivate(set) var absoluteProducts = 0.0, absoluteGradients = 0.0, dgammas = 0.0, dbetas = 0.0
  /// The largest error of the gradient identity
  public fileprivate(set) var identityError: Double?
  /// ΣN², and of how many features
  public fileprivate(set) var noise = 0.0, noisyFeatures = 0
  /// The largest F, and how many features look sorted
  public fileprivate(set) var largestF: Double?, unshuffledFeatures = 0
  /// The largest standard errors: of a mean in standard deviations, of a variance as a share of it
  public fileprivate(set) var meanError: Double?, varianceError: Double?
  /// The most batches after which means and variances are known
  public fileprivate(set) var meanBatches: Double?, varianceBatches: Double?

  /// Of no feature.
  public init() {}

  /// Adds what other features have.
  public mutating func add(_ other: DiagnosticTotals) {
    for sum in Self.sums { self[keyPath: sum] += other[keyPath: sum] }
    noisyFeatures += other.noisyFeatures
    unshuffledFeatures += other.unshuffledFeatures
    for largest in Self.largest { raise(largest, other[keyPath: largest] ?? .nan) }
  }

  private static var sums: [WritableKeyPath<DiagnosticTotals, Double>] {
    [
      \.gradientSquares, \.inputGradientSquares, \.byMean, \.byNormalized, \.absoluteProducts,
      \.absoluteGradients, \.dgammas, \.dbetas, \.noise,
    ]
  }

  private static var largest: [WritableKeyPath<DiagnosticTotals, Double?>] {
    [\.identityError, \.largestF, \.meanError, \.varianceError, \.meanBatches, \.varianceBatches]
  }

  fileprivate mutating func raise(_ largest: WritableKeyPath<DiagnosticTotals, Double?>, _ value: Double) {
    if value.isFinite { self[keyPath: largest] = max(self[keyPath: largest] ?? value, value) }
  }

  fileprivate mutating func add(_ sums: OctetSums, _ lane: Int) {
    if (sums.squares[lane] + sums.byMean[lane] + sums.byNormalized[lane]).isFinite {
      gradientSquares += sums.squares[lane]
      byMean += sums.byMean[lane]
      byNormalized += sums.byNormalized[lane]
    }
    if sums.inputSquares[lane].isFinite { inputGradientSquares += sums.inputSquares[lane] }
    if (sums.absoluteProduct[lane] + sums.dgamma[lane]).isFinite {
      absoluteProducts += sums.absoluteProduct[lane]
      dgammas += sums.dgamma[lane]
    }
    if (sums.absoluteGradient[lane] + sums.dbeta[lane]).isFinite {
      absoluteGradients += sums.absoluteGradient[lane]
      dbetas += sums.dbeta[lane]
    }
    raise(\.identityError, sums.error[lane])
  }
}

/// What is kept of eight features.
private struct OctetSums: BitwiseCopyable {
  // Sums over all batches.
  var squares = Lanes.zero, inputSquares = Lanes.zero
  var byMean = Lanes.zero, byNormalized = Lanes.zero
  var absoluteProduct = Lanes.zero, absoluteGradient = Lanes.zero, dgamma = Lanes.zero, dbeta = Lanes.zero
  /// The largest of all batches.
  var error = Lanes.zero
  /// Of all values: the mean, Σ(x - μᵦ)², Σ kᵦ(μᵦ - μ)², and of samples' means Σ(x̄ₙ - μᵦ)².
  var mean = Lanes.zero, within = Lanes.zero, between = Lanes.zero, samplesWithin = Lanes.zero
  // Over batches of one size: means, and sums of squares and products about them.
  var batchMean = Lanes.zero, meanSpread = Lanes.zero
  var batchVariance = Lanes.zero, varianceSpread = Lanes.zero
  var invStd = Lanes.zero, invStdSpread = Lanes.zero
  /// The first batch's mean: noise does not depend on where 0 is, but the roundings of its terms do.
  var center = Lanes.zero
  /// Of (μᵦ - center)·iᵦ
  var shift = Lanes.zero, shiftSpread = Lanes.zero, jointSpread = Lanes.zero

  mutating func add(_ result: BatchResult, octet: Int, before: Int) {
    guard let sums = result.diagnostics else { preconditionFailure("a result without diagnostics") }
    let terms = GradientTerms(result, sums, octet: octet)
    squares += terms.squares
    byMean += terms.byMean
    byNormalized += terms.byNormalized
    inputSquares += sums[.inputGradientSquares, octet: octet]
    absoluteProduct += sums[.absoluteProduct, octet: octet]
    absoluteGradient += sums[.absoluteGradient, octet: octet]
    dgamma += result.coefficients.octets[octet].dgamma.magnitudes
    dbeta += result.coefficients.octets[octet].dbeta.magnitudes
    error.replace(with: terms.identityError, where: terms.identityError .> error)

    let count = Double(result.counted.count)
    let distance = result.counted.mean(octet: octet) - mean
    let share = count / (Double(before) + count)
    mean += distance * share
    between += distance * distance * (Double(before) * share)
    let spread = result.counted.variance(octet: octet) * count
    within += spread
    samplesWithin += result.samplesHaveOneValue ? spread : sums[.sampleSpread, octet: octet]
  }

  /// B. P. Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962).
  mutating func addWhole(_ result: BatchResult, octet: Int, batches: Int) {
    let newMean = result.counted.mean(octet: octet)
    if batches == 1 { center = newMean }
    let newInvStd = result.coefficients.octets[octet].invStd
    func advance(_ mean: inout Lanes, _ spread: inout Lanes, _ value: Lanes) {
      let distance = value - mean
      mean += distance / Double(batches)
      spread += distance * (value - mean)
    }
    advance(&batchMean, &meanSpread, newMean)
    advance(&batchVariance, &varianceSpread, result.counted.variance(octet: octet))
    let newShift = (newMean - center) * newInvStd
    let shiftDistance = newShift - shift
    advance(&invStd, &invStdSpread, newInvStd)
    jointSpread += shiftDistance * (newInvStd - invStd)
    advance(&shift, &shiftSpread, newShift)
  }
}
