import BatchNorm
import BatchNormReference
import Configuration
import LayerFiles

/// Data that kernels are known to compute wrongly: each is a layer of its name.
public enum HardCase: String, CaseIterable, Sendable, Encodable {
  /// [N, C] in three batches, of which the last is the smallest.
  case unevenBatches = "uneven_batches"
  /// [N, C, 3, 4] and [N, 3, 4, C].
  case channelsFirst = "channels_first"
  case channelsLast = "channels_last"
  /// Means of 10⁵ to 10 deviations.
  case largeMean = "large_mean"
  /// Deviations of 10⁻¹ to 10⁻⁸, so that ε decides.
  case tinyVariance = "tiny_variance"
  /// Deviations of 10¹⁹ to 10¹², whose squares' sums leave float32.
  case hugeValues = "huge_values"
  /// Every second feature has one value only.
  case constantFeature = "constant_feature"
  /// A value in each batch that is a thousand deviations away.
  case outlier
  /// [N, C, 3, 4] in batches of one sample.
  case oneSample = "one_sample"
  /// [3, C] in batches of one value: where the configuration allows it.
  case oneValue = "one_value"
  /// NaN and infinities in some features: on request.
  case nonfinite

  /// Which of them there are.
  /// - Parameter hasNonfinite: true for numbers that are not finite, too.
  static func all(_ configuration: JobConfiguration, hasNonfinite: Bool) -> [HardCase] {
    allCases.filter { hardCase in
      switch hardCase {
      case .oneValue: configuration.singleValueBatch == .allow
      case .nonfinite: hasNonfinite
      default: true
      }
    }
  }

  /// The path of its layer.
  public var path: String { "/\(rawValue)" }
}

extension GoldenLayer {
  /// The shape of a case's layer.
  static func shape(_ hardCase: HardCase, _ size: GoldenSize) -> [Int] {
    let samples = hardCase.offsets(samples: size.samples).last ?? 0
    return hardCase == .channelsLast
      ? [samples] + hardCase.positions + [size.features] : [samples, size.features] + hardCase.positions
  }

  /// A layer of a case, the same for equal arguments, in numbers that float32 holds.
  init(_ hardCase: HardCase, _ size: GoldenSize, _ configuration: JobConfiguration) {
    let features = size.features
    let positions = hardCase.positions.reduce(1, *)
    let offsets = hardCase.offsets(samples: size.samples)
    let samples = offsets[offsets.count - 1]
    let isLast = hardCase == .channelsLast
    var random = SplitMix64(seed: hardCase.seed)
    var x = [Double](repeating: 0, count: samples * features * positions)
    var dy = x
    let batches = zip(offsets, offsets.dropFirst()).map { $0..<$1 }
    for samples in batches {
      for (order, sample) in samples.enumerated() {
        for feature in 0..<features {
          for position in 0..<positions {
            let place =
              isLast
              ? (sample * positions + position) * features + feature
              : (sample * features + feature) * positions + position
            let (first, second) = (random.deviate(), random.deviate())
            let isFirst = order == 0 && position == 0
            x[place] = hardCase.value(first, feature: feature, isFirst: isFirst)
            // Not uniform, and not without a part along x̂, or dγ would be about 0.
            dy[place] = Double(Float((second + first / 2) * (1 + Double(feature % 4) / 4) + 0.25))
          }
        }
      }
    }
    func row(_ value: (Int) -> Double) -> [Double] { (0..<features).map { Double(Float(value($0))) } }
    let statistics = configuration.statistics ?? JobConfiguration.defaultStatistics
    self.init(
      path: hardCase.path, hardCase: hardCase,
      shape: Self.shape(hardCase, size),
      featureAxis: isLast ? 1 + hardCase.positions.count : 1, x: x, dy: dy, type: .float32,
      gamma: row { [1, -0.5, 2, 0.25, 1.5, -1, 0, 3][$0 % 8] },
      beta: row { [0.5, -1, 0, 2, -0.25, 1, 3, -2][$0 % 8] },
      runningMean: row { hardCase.mean($0) + hardCase.deviation($0) / 2 },
      runningVariance: row { 2.25 * hardCase.deviation($0) * hardCase.deviation($0) },
      hasParameters: configuration.parameters == .file, offsets: offsets,
      epsilon: (configuration.epsilon ?? JobConfiguration.defaultEpsilon).value,
      momentum: configuration.momentum ?? JobConfiguration.defaultMomentum,
      runningVarianceEstimate: configuration.runningVariance ?? JobConfiguration.defaultRunningVariance,
      normalization: statistics == .running
        ? .running : configuration.gradient == .detached ? .batchDetached : .batch)
  }
}

extension HardCase {
  fileprivate var seed: UInt64 { UInt64(Self.allCases.firstIndex(of: self) ?? 0) + 1 }

  /// The axes beside samples and features.
  fileprivate var positions: [Int] {
    switch self {
    case .channelsFirst, .channelsLast, .oneSample: [3, 4]
    default: []
    }
  }

  /// Two fifths of the samples in each batch, and the rest in the last; never a single one there.
  fileprivate func offsets(samples: Int) -> [Int] {
    switch self {
    case .oneSample: return Array(0...min(samples, 8))
    case .oneValue: return [0, 1, 2, 3]
    default:
      var size = (2 * samples + 4) / 5
      if samples - 2 * size == 1 { size += 1 }
      return [0, size, min(2 * size, samples)] + (2 * size < samples ? [samples] : [])
    }
  }

  /// What values of a feature are about.
  fileprivate func mean(_ feature: Int) -> Double {
    let sign: Double = feature.isMultiple(of: 2) ? 1 : -1
    return switch self {
    case .largeMean: sign * power(5 - feature % 5)
    case .tinyVariance: sign * 3 * deviation(feature)
    case .hugeValues, .outlier: 0
    case .constantFeature: sign * Double(feature + 1) / 10
    default: sign * Double(feature % 3)
    }
  }

  fileprivate func deviation(_ feature: Int) -> Double {
    switch self {
    case .tinyVariance: 1 / power(1 + (feature + 2) % 8)
    case .hugeValues: power(19 - feature % 8)
    case .constantFeature: feature.isMultiple(of: 2) ? 0 : 1
    case .largeMean: 1
    default: 1 + Double(feature % 4) / 2
    }
  }

  /// A value from a number that is as likely below 0 as above, with a deviation of 1.
  fileprivate func value(_ deviate: Double, feature: Int, isFirst: Bool) -> Double {
    if isFirst {
      switch (self, feature % 4) {
      case (.outlier, _): return Double(Float(1000 * deviation(feature)))
      case (.nonfinite, 0): return .nan
      case (.nonfinite, 1): return .infinity
      case (.nonfinite, 2): return -.infinity
      default: break
      }
    }
    return Double(Float(mean(feature) + deviation(feature) * deviate))
  }

  private func power(_ exponent: Int) -> Double { (0..<exponent).reduce(1) { product, _ in 10 * product } }
}

extension SplitMix64 {
  /// Four uniform numbers' sum, with mean 0 and deviation 1: no function of a library, which may differ between machines.
  fileprivate mutating func deviate() -> Double {
    let sum = (0..<4).reduce(0.0) { sum, _ in sum + Double(next() >> 11) * 0x1p-53 }
    return (sum - 2) * 3.0.squareRoot()
  }
}
