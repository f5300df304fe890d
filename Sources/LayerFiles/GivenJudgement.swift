import BatchNorm
import Configuration

/// What is wrong with γ, β and the running statistics that a file gives: judged where a result needs them, and nowhere else.
extension Layer {
  /// True if a result that is asked for is computed from the given vector, or from its default.
  func needs(_ role: DatasetRole) -> Bool {
    let written = Set(LayerResult.allCases.filter(writes))
    // Diagnostics are also of dx, and of what x̂ takes of dy. Those of x alone need nothing that is given.
    let diagnosesGradient = diagnoses && gradOutput != nil
    switch role {
    case .gamma:
      return diagnosesGradient || !written.isDisjoint(with: [.output, .outputHistogram, .gradInput])
    case .beta: return !written.isDisjoint(with: [.output, .outputHistogram])
    case .runningMean where normalization == .running:
      return diagnosesGradient
        || !written.isDisjoint(
          with: [.output, .outputHistogram, .normalized, .gradGamma, .batchGradGamma, .runningMean])
    case .runningVariance where normalization == .running:
      return diagnosesGradient
        || !written.isDisjoint(
          with: [
            .output, .outputHistogram, .normalized, .gradInput, .gradGamma, .batchGradGamma, .runningVariance,
          ])
    case .runningMean, .runningVariance:
      // What full weight forgets is not needed.
      return written.contains(.runningMean) && momentum != .cumulative && momentum != .exponential(1)
    case .activations, .gradOutput, .batchOffsets, .mask: return true
    case .labels: return false
    }
  }

  /// Counts infinities and NaN in the vectors that are needed, and looks for variances that are none.
  /// - Parameter policy: whether infinities and NaN are an error.
  /// - Throws: `StreamError.nonfiniteGiven`; `.negativeVariance` if the variance that normalizes is less than -ε.
  mutating func judgeGiven(file: String, _ policy: NonfinitePolicy) throws {
    let vectors: [(DatasetRole, FeatureVector?)] = [
      (.gamma, given.gamma), (.beta, given.beta), (.runningMean, given.runningMean),
      (.runningVariance, given.runningVariance),
    ]
    for (role, vector) in vectors {
      guard let vector, needs(role) else { continue }
      let nonfinite = try vector.find(featureCount) { !$0.isFinite }
      if let first = nonfinite.first {
        if policy == .error {
          throw StreamError.nonfiniteGiven(
            file: file, dataset: vector.path, feature: first.feature, value: first.value,
            count: nonfinite.count)
        }
        nonfiniteGiven[role] = nonfinite.count
        warnings.append(
          .nonfiniteGiven(datasets: [vector.path], feature: first.feature, count: nonfinite.count))
      }
      guard role == .runningVariance else { continue }
      // Some programs store variances less their ε: what counts is what comes of them.
      if normalization == .running, let first = try vector.find(featureCount, { $0 + epsilon < 0 }).first {
        throw StreamError.negativeVariance(
          file: file, dataset: vector.path, feature: first.feature, value: first.value, epsilon: epsilon)
      }
      if let first = try vector.find(featureCount, { $0 < 0 && $0.isFinite }).first {
        warnings.append(
          .negativeVariance(datasets: [vector.path], feature: first.feature, value: first.value))
      }
    }
  }
}

extension FeatureVector {
  /// The first number that a test holds for, and how many there are.
  fileprivate func find(
    _ featureCount: Int, _ test: (Double) -> Bool
  ) throws -> (first: (feature: Int, value: Double)?, count: Int) {
    var (first, count): ((feature: Int, value: Double)?, Int) = (nil, 0)
    for start in stride(from: 0, to: featureCount, by: Self.mostKept) {
      let values = try values(start..<min(start + Self.mostKept, featureCount))
      for (index, value) in values.enumerated() where test(value) {
        if count == 0 { first = (start + index, value) }
        count += 1
      }
    }
    return (first, count)
  }
}
