import Arithmetic

/// How running statistics follow the batches.
public enum RunningAverage: Hashable, Sendable {
  /// new = (1 - momentum) · old + momentum · batch, as PyTorch does it.
  case exponential(momentum: Double)
  /// The average over all batches so far (Ioffe & Szegedy 2015, Algorithm 2); PyTorch's `momentum=None`. What was there
  /// before counts for nothing.
  case cumulative
}

/// The running statistics of one layer, and the pooled statistics of its whole population, fed batch by batch in order.
///
/// Used by one thread at a time.
public final class RunningStatistics {
  /// How `mean` and `variance` follow the batches.
  public let average: RunningAverage
  /// True if `variance` follows the batches' biased variances.
  public let isBiased: Bool
  private let featureCount: Int
  private var means: [Lanes]
  private var variances: [Lanes]
  /// The moments over all batches so far, as if they had been one.
  public let population: BatchMoments
  private var batchCount = 0

  /// - Parameters:
  ///   - average: how much a new batch weighs.
  ///   - isBiased: true if the variance is to follow the batches' biased variances, Σ(x - mean)²/m, as in Keras, Flax and ONNX.
  ///   - mean: [C], before the first batch.
  ///   - variance: [C], before the first batch.
  public init(average: RunningAverage, isBiased: Bool = false, mean: [Double], variance: [Double]) {
    self.average = average
    self.isBiased = isBiased
    featureCount = mean.count
    means = mean.inLanes
    variances = variance.inLanes
    population = BatchMoments(featureCount: mean.count)
  }

  /// Bytes that the statistics of C features take: mean, variance, and the population's moments.
  public static func memory(featureCount: Int) -> Int {
    2 * Extent<Lanes>(FeatureOctets.count(featureCount)).byteCount
      + BatchMoments.memory(featureCount: featureCount)
  }

  /// [C]
  public var mean: [Double] { means.numbers(featureCount) }

  /// [C]; from the batches' unbiased variances, m/(m-1) times the biased one, as in PyTorch; or from the biased ones.
  public var variance: [Double] { variances.numbers(featureCount) }

  /// Adds one batch.
  /// - Parameters:
  ///   - batch: its moments. A batch without values, or with a mask that lets none count, changes nothing.
  ///   - updatesAverage: false if only the population is to follow, as for frozen statistics.
  public func add(_ batch: BatchMoments, updatesAverage: Bool = true) {
    guard batch.count > 0 else { return }
    population.add(batch)
    guard updatesAverage else { return }
    batchCount += 1
    let weight =
      switch average {
      case .exponential(let momentum): momentum
      case .cumulative: 1 / Double(batchCount)
      }
    for octet in means.indices {
      // The variance of a single value says nothing; such a batch leaves the variance as it is.
      if batch.count > 1 {
        let variance = isBiased ? batch.variance(octet: octet) : batch.unbiasedVariance(octet: octet)
        variances[octet] = blend(variances[octet], variance, weight)
      }
      means[octet] = blend(means[octet], batch.mean(octet: octet), weight)
    }
  }

  private func blend(_ old: Lanes, _ new: Lanes, _ weight: Double) -> Lanes {
    // With full weight the old value is forgotten, even where it is not finite.
    weight == 1 ? new : (1 - weight) * old + weight * new
  }
}

/// Numbers as the machine holds them, to go on with in the same program later: the very bits, also of NaNs.
extension RunningStatistics {
  /// The state after the batches so far, for `restore`.
  public func state() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bitsOf: [batchCount, population.count])
    bytes.append(bitsOf: means)
    bytes.append(bitsOf: variances)
    bytes.append(bitsOf: UnsafeBufferPointer(start: population.octets, count: population.octetRange.count))
    for counts in [population.nonfiniteValues, population.nonfiniteGradients] {
      bytes.append(bitsOf: [counts.count])
      for (feature, counts) in counts.sorted(by: { $0.key < $1.key }) {
        bytes.append(bitsOf: [feature, counts.nan, counts.positive, counts.negative])
      }
    }
    return bytes
  }

  /// Becomes what `state` was taken of.
  /// - Returns: false if the bytes are no state of as many features; what the statistics are then is undefined.
  public func restore(_ state: [UInt8]) -> Bool {
    var rest = state[...]
    guard let counts = rest.take(2, of: Int.self), let means = rest.take(means.count, of: Lanes.self),
      let variances = rest.take(variances.count, of: Lanes.self),
      let octets = rest.take(population.octetRange.count, of: PairMoments<Lanes>.self)
    else { return false }
    func nonfinite() -> [Int: NonfiniteCounts]? {
      guard let count = rest.take(1, of: Int.self)?.first, (0...featureCount).contains(count) else {
        return nil
      }
      var all: [Int: NonfiniteCounts] = [:]
      for _ in 0..<count {
        guard let numbers = rest.take(4, of: Int.self), (0..<featureCount).contains(numbers[0]) else {
          return nil
        }
        var counts = NonfiniteCounts()
        (counts.nan, counts.positive, counts.negative) = (numbers[1], numbers[2], numbers[3])
        all[numbers[0]] = counts
      }
      return all
    }
    guard let values = nonfinite(), let gradients = nonfinite(), rest.isEmpty else { return false }
    batchCount = counts[0]
    population.count = counts[1]
    (self.means, self.variances) = (means, variances)
    for (octet, moments) in octets.enumerated() { population.octets[octet] = moments }
    (population.nonfiniteValues, population.nonfiniteGradients) = (values, gradients)
    return true
  }
}

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
    dgammaSums = Self.extent(featureCount).array(of: DoubleDouble(Lanes.zero))
    dbetaSums = Self.extent(featureCount).array(of: DoubleDouble(Lanes.zero))
  }

  /// Bytes that the sums of C features take.
  public static func memory(featureCount: Int) -> Int {
    2 * extent(featureCount).byteCount
  }

  private static func extent(_ featureCount: Int) -> Extent<DoubleDouble<Lanes>> {
    Extent(FeatureOctets.count(featureCount))
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

extension GradientSums {
  /// The state after the batches so far, for `restore`.
  public func state() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bitsOf: dgammaSums)
    bytes.append(bitsOf: dbetaSums)
    return bytes
  }

  /// Becomes what `state` was taken of.
  /// - Returns: false if the bytes are no state of as many features; nothing has changed then.
  public func restore(_ state: [UInt8]) -> Bool {
    var rest = state[...]
    guard let dgamma = rest.take(dgammaSums.count, of: DoubleDouble<Lanes>.self),
      let dbeta = rest.take(dbetaSums.count, of: DoubleDouble<Lanes>.self), rest.isEmpty
    else { return false }
    (dgammaSums, dbetaSums) = (dgamma, dbeta)
    return true
  }
}

extension [UInt8] {
  /// Appends values as they lie in memory.
  mutating func append<Value: BitwiseCopyable>(bitsOf values: some Collection<Value>) {
    reserveCapacity(count + values.count * MemoryLayout<Value>.stride)
    for value in values { Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) } }
  }
}

extension ArraySlice<UInt8> {
  /// Takes values as they lay in memory from the front; nil if there are not so many.
  mutating func take<Value: BitwiseCopyable>(_ number: Int, of type: Value.Type) -> [Value]? {
    let size = MemoryLayout<Value>.size
    guard count >= number * size else { return nil }
    let values = withUnsafeBytes { bytes in
      (0..<number).map { bytes.loadUnaligned(fromByteOffset: $0 * size, as: type) }
    }
    removeFirst(number * size)
    return values
  }
}
