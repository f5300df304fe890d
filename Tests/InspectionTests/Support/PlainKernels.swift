import Jobs
import LayerFiles

@testable import Inspection

/// Batch normalization of an N×C layer in plain loops, right or deliberately wrong in one place.
struct PlainKernels: BatchKernels {
  enum Flaw: CaseIterable {
    case none
    /// + x̂·dγ/m for - x̂·dγ/m in dx.
    case signInGradient
    /// dγ and dβ not divided by m in dx.
    case missingDivision
    /// dβ left out of dx.
    case missingTerm
    /// Statistics taken for constants by the gradient.
    case detached
    /// The variance divided by m - 1.
    case unbiasedVariance
    /// ε added to the standard deviation, not to the variance.
    case epsilonOutsideRoot
    /// Σdy·x for Σdy·x̂.
    case gammaOfRawInput
    /// The last feature gets the statistics of the first.
    case wrongFeature
    /// β left out of y.
    case missingBeta
  }

  let plan: JobPlan
  let flaw: Flaw

  func results(of samples: Range<Int>, layer: Layer) throws -> KernelResults {
    let values = try plan.values(of: layer, samples: samples)
    let (m, features) = (samples.count, layer.featureCount)
    let dy = values.dy ?? []
    let zeros = [Double](repeating: 0, count: features)
    var mean = zeros
    var variance = zeros
    var invStd = zeros
    var dgamma = zeros
    var dbeta = zeros
    var output = [Double](repeating: 0, count: values.x.count)
    var dx = output
    let parameters = try layer.given.parameters(0..<features)
    for feature in 0..<features {
      let source = flaw == .wrongFeature && feature == features - 1 ? 0 : feature
      let column = (0..<m).map { values.x[$0 * features + source] }
      mean[feature] = column.reduce(0, +) / Double(m)
      let squares = column.reduce(0) { $0 + ($1 - mean[feature]) * ($1 - mean[feature]) }
      variance[feature] = squares / Double(flaw == .unbiasedVariance ? m - 1 : m)
      invStd[feature] =
        flaw == .epsilonOutsideRoot
        ? 1 / (variance[feature].squareRoot() + layer.epsilon)
        : 1 / (variance[feature] + layer.epsilon).squareRoot()
      let gamma = parameters?[feature].gamma ?? 1
      let beta = flaw == .missingBeta ? 0 : parameters?[feature].beta ?? 0
      let xHat = (0..<m).map { (values.x[$0 * features + feature] - mean[feature]) * invStd[feature] }
      for row in 0..<m { output[row * features + feature] = gamma * xHat[row] + beta }
      guard !dy.isEmpty else { continue }
      for row in 0..<m {
        let gradient = dy[row * features + feature]
        dbeta[feature] += gradient
        dgamma[feature] +=
          gradient * (flaw == .gammaOfRawInput ? values.x[row * features + feature] : xHat[row])
      }
      let divisor = flaw == .missingDivision ? 1 : Double(m)
      let betaTerm = [.missingTerm, .detached].contains(flaw) ? 0 : dbeta[feature] / divisor
      let gammaTerm = flaw == .detached ? 0 : dgamma[feature] / divisor
      for row in 0..<m {
        let term = flaw == .signInGradient ? -xHat[row] * gammaTerm : xHat[row] * gammaTerm
        dx[row * features + feature] =
          gamma * invStd[feature] * (dy[row * features + feature] - betaTerm - term)
      }
    }
    var results: KernelResults = [
      .batchMean: mean, .batchVariance: variance, .batchInvStd: invStd, .output: output,
    ]
    if !dy.isEmpty {
      results[.batchGradGamma] = dgamma
      results[.batchGradBeta] = dbeta
      results[.gradInput] = dx
    }
    return results
  }
}
