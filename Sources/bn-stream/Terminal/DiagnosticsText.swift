import FileNames
import Foundation
import Jobs

/// What diagnostics say of a layer, as people read it: a line each for its gradient, its batches and its statistics.
struct DiagnosticsText {
  let layer: LayerSummary

  /// The lines, without the layer's name.
  var lines: [String] {
    guard let found = layer.diagnostics else { return [] }
    return [
      gradient(found), identity(found), coherence(found), shuffling(found), noise(found), precision(found),
    ]
    .compactMap(\.self)
  }

  private func gradient(_ found: DiagnosticsSummary) -> String? {
    guard let mean = found.meanShare, let normalized = found.normalizedShare else { return nil }
    return "of the gradient's square the mean takes away \(percent(mean)), x̂ \(percent(normalized))"
  }

  /// What the error of the gradient identity may be; see docs/diagnostics.md.
  private static let identityBound = 1e-12

  private func identity(_ found: DiagnosticsSummary) -> String? {
    if let error = found.gradientIdentityError {
      return error <= Self.identityBound
        ? "the square of dx is what theorem 4.1 says, to \(short(error))"
        : "the square of dx is off from what theorem 4.1 says by \(short(error)): compare with bn-stream check"
    }
    return layer.forwardOnly
      ? nil
      : "no output, normalized or grad_input is written, so nothing is said of dx: ask for one in outputs"
  }

  private func coherence(_ found: DiagnosticsSummary) -> String? {
    guard let gamma = found.gammaCoherence, let beta = found.betaCoherence else { return nil }
    return "coherence of dγ \(short(gamma)), of dβ \(short(beta)): 1 is all of one sign"
  }

  private func shuffling(_ found: DiagnosticsSummary) -> String? {
    guard let f = found.shufflingF else { return nil }
    return found.unshuffledFeatures > 0
      ? "batches look sorted: F = \(short(f)) over samples, \(found.unshuffledFeatures) of \(counted(layer.features, "feature", "features")); "
        + "shuffle before recording"
      : "batches look shuffled: F = \(short(f)) over samples at most"
  }

  private func noise(_ found: DiagnosticsSummary) -> String? {
    found.batchNoise.map { noise in
      "batches add noise of \(short(noise)) to x̂, whose variance is 1"
        + (found.gaussianBatchNoise.map { "; Gaussian data \(short($0))" } ?? "")
    }
  }

  private func precision(_ found: DiagnosticsSummary) -> String? {
    guard let mean = found.meanError, let variance = found.varianceError, let means = found.meanBatches,
      let variances = found.varianceBatches
    else { return nil }
    return
      "after \(counted(found.wholeBatches, "batch", "batches")) means are known to \(percent(mean)) of a standard deviation, variances to "
      + "\(percent(variance)); 1 % takes \(short(means, digits: 9)) and \(short(variances, digits: 9)) \(variances == 1 ? "batch" : "batches")"
  }

  /// How the gradient grows, a line for each step.
  static func lines(of growth: GradientGrowth) -> [String] {
    var lines = growth.steps.map { step in
      "from \(step.from) back to \(step.to) the square of dx is \(short(step.growth, digits: 4)) times as large"
        + (step.relu.map { "; with ReLU at initialization \(short($0, digits: 4)) times" } ?? "")
    }
    if growth.order == .names {
      lines.append("the order of the layers is that of their names: a layer's attribute depth says another")
    }
    return lines
  }

  private func percent(_ share: Double) -> String { "\(short(100 * share)) %" }

  private static func short(_ number: Double, digits: Int = 2) -> String {
    String(format: "%.\(digits)g", number)
  }

  private func short(_ number: Double, digits: Int = 2) -> String { Self.short(number, digits: digits) }
}
