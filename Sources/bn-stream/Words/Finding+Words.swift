import Configuration
import Foundation
import Report

/// What findings are called, what they say, and what to do about them.
struct FindingWords: ReportWords {
  func title(_ kind: FindingKind) -> String {
    switch kind {
    case .nonfinite: "Numbers that are not finite"
    case .constant: "Constant features"
    case .zeroVariance: "Features constant in a batch"
    case .withoutGradient: "Features without gradient"
    case .exploding: "Exploding features"
    case .scaleGrowth: "Exploding from layer to layer"
    case .sorted: "Sorted batches"
    case .runningMean: "Running mean off"
    case .runningVariance: "Running variance off"
    case .gradientShare: "Gradient removed"
    case .gradientGrowth: "Growing gradient"
    case .gradientDecay: "Vanishing gradient"
    case .batchNoise: "Noisy batches"
    case .identityError: "Gradients that contradict theorem 4.1"
    }
  }

  func reason(_ finding: Finding) -> String {
    let value = number(finding.value)
    let feature = finding.feature.map { "feature \($0)" } ?? "a feature"
    let some = "\(finding.features ?? 0) of \(finding.of) \(finding.of == 1 ? "feature" : "features")"
    let isOne = finding.features == 1
    switch finding.kind {
    case .nonfinite:
      return "\(some) \(isOne ? "has" : "have") NaN or infinite statistics or gradients, \(feature) first"
        + (finding.batch.map { ", in batch \($0)" } ?? "")
    case .constant:
      return "\(some) \(isOne ? "has" : "have") one value in all samples (variance 0), \(feature) first"
    case .zeroVariance:
      return "\(some) \(isOne ? "varies" : "vary"), but not within some batches, \(feature) first"
    case .withoutGradient:
      return "dγ and dβ of \(some) are 0 in all batches, \(feature) first"
    case .exploding:
      return "the root mean square of \(feature) is \(value)" + others(finding, "such a size")
    case .scaleGrowth:
      return "the root mean square of x is \(value) times that of \(finding.other ?? "the layer before it")"
    case .sorted:
      return "the means of \(feature) differ between batches more than in shuffled ones, F = \(value)"
        + others(finding, "such an F")
    case .runningMean:
      return
        "the running mean of \(feature) is \(value) standard deviation\(value == "1" ? "" : "s") from the population's"
        + others(finding, "such a distance")
    case .runningVariance:
      return "the running variance of \(feature) and the population's differ by a factor of \(value)"
        + others(finding, "such a ratio")
    case .gradientShare:
      return "mean and x̂ take away \(percent(finding.value)) of the gradient's square"
    case .gradientGrowth:
      return "Σdx² is \(value) times that of \(finding.other ?? "the next layer")"
    case .gradientDecay:
      return "Σdx² is \(value) times smaller than that of \(finding.other ?? "the next layer")"
    case .batchNoise:
      return "batches add noise of \(value) to x̂, whose variance is 1"
    case .identityError:
      return "Σdx² is off by \(value) of what theorem 4.1 says"
    }
  }

  private func others(_ finding: Finding, _ what: String) -> String {
    guard let features = finding.features, features > 1 else { return "" }
    return "; \(features) of \(finding.of) features have \(what)"
  }

  func advice(_ kind: FindingKind) -> String {
    switch kind {
    case .nonfinite:
      "find where it begins: \"nonfinite\": \"error\" in the configuration of run stops at the first one and names batch and feature. Then lower the learning rate, or look at the input."
    case .constant:
      "these features carry nothing, and γ/√ε multiplies what little comes later. Look at the layer before (dead ReLU, weights of 0, a mask), or prune them."
    case .zeroVariance:
      "make batches larger or shuffle them: in such a batch 1/√ε multiplies rounding noise."
    case .withoutGradient:
      "nothing trains these features. Look at what comes after the layer: detached, multiplied by 0, or a dead ReLU."
    case .exploding:
      "look at the layer before: weights or learning rate too large, a missing normalization of the input. Batch normalization hides it until running statistics are used."
    case .scaleGrowth:
      "what lies between the two layers makes values grow: look at its weights, learning rate and initialization."
    case .sorted:
      "shuffle the samples before they are divided into batches; statistics and gradients are otherwise those of another network."
    case .runningMean, .runningVariance:
      "predictions with running statistics are those of another network. Recalibrate: take population_mean and population_var of this file, train longer, or raise the momentum."
    case .gradientShare:
      "most of the gradient asks for another β or γ only, and does not reach the layers below. Look at the loss's scale, and whether γ and β are trained."
    case .gradientGrowth:
      "gradients explode towards the input. Use fewer normalized layers in a row, skip connections, or a smaller learning rate for the first layers."
    case .gradientDecay:
      "gradients vanish towards the input. Look for saturated activations, or γ near 0, between the two layers."
    case .batchNoise:
      "batches are too small for their statistics: make them larger, or accumulate statistics over several."
    case .identityError:
      "that is no fault of the data: run check on the input, and verify on another machine."
    }
  }

  func measure(_ kind: FindingKind) -> String {
    switch kind {
    case .nonfinite:
      "share of features with a NaN or an infinity in a batch's mean, variance, dγ or dβ, or in the totals"
    case .constant: "share of features whose population variance is 0"
    case .zeroVariance: "share of features that vary, but not within at least one batch"
    case .withoutGradient: "share of features that vary and whose dγ and dβ are 0 in all batches"
    case .exploding: "largest √(mean² + variance) of a feature"
    case .scaleGrowth: "√(mean² + variance) over all features, divided by that of the layer before"
    case .sorted: "largest F over samples that is less likely than 1e-6"
    case .runningMean: "largest |running − population mean|/√(population variance + ε)"
    case .runningVariance: "largest (running variance + ε)/(population variance + ε), or its inverse"
    case .gradientShare: "what mean and x̂ take away of Σdy² over all batches and features"
    case .gradientGrowth: "Σdx² divided by that of the next layer"
    case .gradientDecay: "Σdx² of the next layer divided by that of this one"
    case .batchNoise: "mean over the features of N², the noise of batches"
    case .identityError: "largest error of Σdx² beside theorem 4.1"
    }
  }

  func remedy(_ kinds: [FindingKind]) -> String {
    func lacks(_ some: FindingKind...) -> Bool { some.contains { kinds.contains($0) } }
    var remedies: [String] = []
    var diagnosed: [String] = []
    if lacks(.gradientShare, .gradientGrowth, .gradientDecay) {
      diagnosed.append("of gradients, in layers with `grad_output`")
    }
    if lacks(.sorted) { diagnosed.append("of sorted batches, in layers without a mask") }
    if !diagnosed.isEmpty {
      remedies.append("run with --diagnose tells \(diagnosed.joined(separator: ", and "))")
    }
    if lacks(.zeroVariance, .batchNoise) {
      remedies.append("`batches` in outputs, with the batches' own statistics, writes what it takes")
    }
    if lacks(.runningMean, .runningVariance) {
      remedies.append("`running` in outputs writes running statistics")
    }
    if lacks(.withoutGradient) { remedies.append("layers without `grad_output` have no gradients") }
    return remedies.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: ". ")
      + (remedies.isEmpty ? "" : ".")
  }

  func settings(_ settings: LayerSettings) -> [String] {
    settings.entries.map { "\($0.key.rawValue) \($0.value.settingWords) by \($0.origin.rawValue)" }
  }

  private func number(_ value: Double) -> String { String(format: "%.3g", value) }
  private func percent(_ value: Double) -> String { String(format: "%.3g %%", 100 * value) }
}
