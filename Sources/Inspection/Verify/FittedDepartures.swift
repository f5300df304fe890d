import BatchNorm
import LayerFiles

/// Variances of features in batches that a program lost by cancellation.
public struct CancelledVariances: Encodable, Sendable, Equatable {
  /// How many were looked at, and how many of them are off.
  public let count: Int
  public let wrong: Int
  /// Those of them that are whole multiples of the distance of float32 numbers at E[x]².
  public let wholeSteps: Int
  /// By which part of itself a variance is off at most.
  public let largestError: Double
  /// E[x]² / variance where it is largest.
  public let largestRatio: Double

  private enum CodingKeys: String, CodingKey {
    case count, wrong
    case wholeSteps = "whole_steps"
    case largestError = "largest_error"
    case largestRatio = "largest_ratio"
  }
}

/// The spread with which another program normalizes a feature of a batch, as its y tells.
struct FittedSpread {
  /// m.
  let count: Double
  let mean: Double
  let variance: Double
  /// What stands for √(v + ε) there, and how far off it may be, relatively.
  let deviation: Double
  let precision: Double
  /// Its mean - ours.
  let meanError: Double
}

extension DepartureSearch {
  /// What cannot be listed beforehand: another ε, whose value is fitted and then tried like a listed one; and float32's cancellation,
  /// which is told from how it looks.
  func fitted() throws -> [ConsistentDeparture] {
    guard let spreads = try spreads() else { return [] }
    let epsilons = fittedEpsilons(spreads)
    let found = try epsilons.compactMap(consistent)
    if !found.isEmpty { return likely(found) }
    guard let variances = cancelled(spreads) else { return [] }
    return [ConsistentDeparture(.cancellation, results: forward, relativeError: 0, variances: variances)]
  }

  /// The results that differ and that a wrong variance makes wrong.
  private var forward: [String] {
    differing.filter { layer.shows(.cancellation, in: $0) }.map(\.rawValue)
  }

  /// - Returns: nil unless y or x̂ differs and is a line in every feature and batch that was looked at.
  private func spreads() throws -> [FittedSpread]? {
    guard let result = [LayerResult.output, .normalized].first(where: differing.contains),
      let dataset = other.results[result], layer.normalization != .running, layer.mask == nil,
      let parameters = try layer.given.parameters(0..<layer.featureCount)
    else { return nil }
    var asked = layer
    asked = asked.with(outputs: asked.outputs.union([.batches]), outputType: .float64)
    let writer = FittingWriter(asked, result, dataset)
    let plan = verification.plan
    try plan.run(
      asked, configuration: plan.job.configuration, into: writer,
      reserved: LayerComparison.memory(asked, other.only([result]), threads: plan.job.threads),
      cancellation: cancellation)
    let found = writer.found
    let features = min(layer.featureCount, LineFits.most.features)
    let allowed = Tolerance(dataset.type.kind, verification.tolerance).relative
    var spreads: [FittedSpread] = []
    for (index, sums) in found.sums.enumerated() {
      let parameters =
        result == .output ? parameters[index % features] : FeatureParameters(gamma: 1, beta: 0)
      let (mean, variance) = (found.means[index], found.variances[index])
      // A feature of which nothing can be seen, or too little; or whose variance may have become negative where it cancels.
      guard parameters.gamma != 0, sums.count >= 3, variance > 0 else { continue }
      if sums.theirs.isNaN, mean * mean * 0x1p-24 * (8 + sums.count.squareRoot()) > variance { continue }
      guard let line = sums.line, line.rest <= 4 * allowed, line.slope > 0 else { return nil }
      let deviation = (variance + layer.epsilon).squareRoot() / line.slope
      spreads.append(
        FittedSpread(
          count: sums.count, mean: mean, variance: variance, deviation: deviation,
          precision: max(line.rest, allowed / 1000) / sums.count.squareRoot(),
          meanError: -(line.offset + (line.slope - 1) * parameters.beta) * deviation / parameters.gamma))
    }
    return spreads.count >= 2 ? spreads : nil
  }

  // MARK: - ε

  /// ε inside of the root and outside of it, where one explains all spreads and nothing simpler does: a factor that all have in common
  /// is no ε.
  private func fittedEpsilons(_ spreads: [FittedSpread]) -> [LayerDeparture] {
    let allowed =
      comparison.comparisons(verification.tolerance).filter { !$0.agrees }
      .map(\.tolerance.relative).max() ?? 0
    let slopes = spreads.map { ($0.variance + layer.epsilon).squareRoot() / $0.deviation }
    guard let least = slopes.min(), let most = slopes.max(), most - least > 4 * allowed * most else {
      return []
    }
    let inside = fit(spreads) { ($0.deviation * $0.deviation - $0.variance, 2 * $0.deviation * $0.deviation) }
    let outside = fit(spreads) { ($0.deviation - $0.variance.squareRoot(), $0.deviation) }
    return [
      inside.map { LayerDeparture.epsilon($0) }, outside.map { .mistake(.epsilonOutsideRoot($0)) },
    ].compactMap { $0 }
  }

  /// The shortest decimal number that is as good as the weighted mean of what each feature says; nil if they contradict each other.
  /// - Parameter value: what a feature says, and how much a relative error of 1 of its deviation makes of it.
  private func fit(
    _ spreads: [FittedSpread], _ value: (FittedSpread) -> (value: Double, perPrecision: Double)
  ) -> Double? {
    var (sum, weights) = (0.0, 0.0)
    for spread in spreads {
      let (value, per) = value(spread)
      let error = per * spread.precision
      sum += value / (error * error)
      weights += 1 / (error * error)
    }
    let mean = sum / weights
    guard mean > 0, mean.isFinite else { return nil }
    // Roundings of all numbers may lean to one side.
    let error = max(16 / weights.squareRoot(), 1e-6 * mean)
    for digits in 1...12 {
      let short = rounded(mean, digits: digits)
      if (short - mean).magnitude <= error { return short }
    }
    return mean
  }

  private func rounded(_ value: Double, digits: Int) -> Double {
    var exponent = 0
    var scaled = value
    while scaled >= 10 { (scaled, exponent) = (scaled / 10, exponent + 1) }
    while scaled < 1 { (scaled, exponent) = (scaled * 10, exponent - 1) }
    var factor = 1.0
    for _ in 1..<digits { factor *= 10 }
    return Double("\((scaled * factor).rounded() / factor)e\(exponent)") ?? value
  }

  // MARK: - Cancellation

  /// Whether the variances are those of E[x²] - E[x]² in float32. Then they are off by roundings of E[x]², and not by more, so that
  /// only features far from 0 for their deviation differ. And being a difference of two nearby numbers of float32, they are whole
  /// multiples of the distance of such numbers; or, computed otherwise, off to both sides, and the more the further a mean is from 0.
  ///
  /// - Returns: nil if they are not.
  private func cancelled(_ spreads: [FittedSpread]) -> CancelledVariances? {
    let allowed =
      comparison.comparisons(verification.tolerance).filter { !$0.agrees }
      .map(\.tolerance.relative).max() ?? 0
    /// E[x]²/v, and by which part of itself v is off.
    var wrong: [(ratio: Double, error: Double)] = []
    var whole = 0
    for spread in spreads {
      let square = spread.mean * spread.mean
      let rounding = 0x1p-24 * (16 + 4 * spread.count.squareRoot())
      let theirs = spread.deviation * spread.deviation - layer.epsilon
      let error = theirs - spread.variance
      let tolerated = 4 * allowed * (spread.variance + layer.epsilon)
      guard error.magnitude <= rounding * (square + spread.variance) + tolerated,
        spread.meanError.magnitude
          <= rounding * spread.mean.magnitude + 4 * allowed * spread.variance.squareRoot()
      else { return nil }
      guard error.magnitude > tolerated else { continue }
      guard square > 16 * spread.variance else { return nil }
      wrong.append((square / spread.variance, error / spread.variance))
      let unit = Double(Float(square).ulp)
      let steps = theirs / unit
      let precision = 4 * spread.precision * spread.deviation * spread.deviation / unit
      if precision < 0.1, (steps - steps.rounded()).magnitude <= 0.05 + precision { whole += 1 }
    }
    guard wrong.count >= 3 && whole * 10 >= wrong.count * 9 || growsWithTheMean(wrong) else { return nil }
    return CancelledVariances(
      count: spreads.count, wrong: wrong.count, wholeSteps: whole,
      largestError: wrong.reduce(0) { max($0, $1.error.magnitude) },
      largestRatio: wrong.reduce(0) { max($0, $1.ratio) })
  }

  /// True if errors have both signs, and grow as the ratio does.
  private func growsWithTheMean(_ wrong: [(ratio: Double, error: Double)]) -> Bool {
    let above = wrong.count { $0.error > 0 }
    guard wrong.count >= 8, min(above, wrong.count - above) * 5 >= wrong.count else { return false }
    let sorted = wrong.sorted { $0.ratio < $1.ratio }
    func typical(_ some: ArraySlice<(ratio: Double, error: Double)>) -> (ratio: Double, error: Double) {
      let count = Double(some.count)
      return (
        some[some.startIndex + some.count / 2].ratio,
        (some.reduce(0) { $0 + $1.error * $1.error } / count).squareRoot()
      )
    }
    let (near, far) = (typical(sorted[..<(sorted.count / 2)]), typical(sorted[(sorted.count / 2)...]))
    let growth = far.ratio / near.ratio
    return growth >= 16 && far.error / near.error >= growth / 6
  }
}
