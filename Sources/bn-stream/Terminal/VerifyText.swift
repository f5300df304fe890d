import Configuration
import FileNames
import Foundation
import Inspection

/// What a verification found as people read it: a line for each dataset, then what was not compared, then the verdict.
struct VerifyText {
  private let report: VerifyReport
  private let allowsMissing: Bool

  /// - Parameter allowsMissing: true if results that a layer is there for may be missing.
  init(_ report: VerifyReport, allowsMissing: Bool = false) {
    self.report = report
    self.allowsMissing = allowsMissing
  }

  var text: String {
    var table = TextTable([
      "dataset", "type", "numbers", "max error", "of scale", "allowed", "mean error", "ulp", "worst at",
      "ours", "theirs", "",
    ])
    for comparison in report.layers.flatMap(\.comparisons) { table.add(row(comparison)) }
    return ([table.text] + notes.map(\.shown) + [verdict]).joined(separator: "\n")
  }

  private func row(_ comparison: ResultComparison) -> [String] {
    let isEqual = comparison.index.isEmpty
    return [
      comparison.dataset, comparison.elementType, "\(comparison.count)", short(comparison.maximumError),
      short(comparison.relativeError), allowed(comparison.tolerance), short(comparison.meanError),
      String(format: "%.3g", comparison.ulps), isEqual ? "equal" : "\(comparison.index)",
      isEqual ? "" : distinct(comparison.ours, from: comparison.theirs),
      isEqual ? "" : distinct(comparison.theirs, from: comparison.ours),
      comparison.agrees ? "agrees" : "DIFFERS",
    ]
  }

  private func short(_ value: Double) -> String { String(format: "%.1e", value) }

  private func allowed(_ tolerance: Tolerance) -> String {
    let relative = short(tolerance.relative)
    return tolerance.absolute == 0 ? relative : "\(relative) + \(short(tolerance.absolute))"
  }

  private var notes: [String] {
    report.layers.flatMap { layer -> [String] in
      guard let group = layer.group else { return ["\(layer.path): not in \(report.against)"] }
      var notes: [String] = []
      if let statistics = layer.foldedWith {
        let words = statistics == "running" ? "the given running statistics" : "the statistics of all values"
        notes.append("\(group): folded with \(words)")
      }
      if !layer.absent.isEmpty {
        notes.append("\(group): not in \(report.against): \(layer.absent.joined(separator: ", "))")
      }
      let known = layer.ignored.filter { !layer.unknown.contains($0) }
      if !known.isEmpty { notes.append("\(group): not compared: \(known.joined(separator: ", "))") }
      if !layer.unknown.isEmpty {
        let names = layer.unknown.map { "\($0)\(near($0, layer.absent))" }
        notes.append("\(group): not compared, unknown: \(names.joined(separator: ", "))")
      }
      for comparison in layer.comparisons {
        if let wrong = comparison.wrong { notes += WrongValuesText(wrong, of: comparison).lines }
        if !comparison.agrees, comparison.elementType.contains("uint16") {
          notes.append(
            "\(comparison.dataset): integers; if they are the bits of bfloat16, set uint16_as_bfloat16 in --config"
          )
        }
      }
      for departure in layer.departures { notes.append("\(group): \(words(departure))") }
      if !layer.unexplained.isEmpty {
        notes.append("\(group): nothing that is known explains \(layer.unexplained.joined(separator: ", "))")
      }
      return notes
    }
  }

  /// Which absent result a name was perhaps meant for.
  private func near(_ name: String, _ absent: [String]) -> String {
    absent.first { NearName.isNear(name, $0) }.map { " (\($0)?)" } ?? ""
  }

  /// Why results differ, and what to do.
  private func words(_ departure: ConsistentDeparture) -> String {
    if case .runningVariance(let estimate) = departure.kind { return words(estimate) }
    let results = departure.results.joined(separator: ", ")
    if let variances = departure.variances {
      return
        "consistent with \(departure.words): \(results); of \(counted(variances.count, "variance", "variances")) "
        + "\(variances.wrong) \(variances.wrong == 1 ? "is" : "are") off, by up to "
        + "\(short(variances.largestError)) of themselves, where E[x]^2 is up to \(short(variances.largestRatio)) of them; "
        + "\(variances.wholeSteps) \(variances.wholeSteps == 1 ? "is a whole step" : "are whole steps") of float32"
    }
    let agreement = departure.results.count == 1 ? "agrees" : "agree"
    return
      "consistent with \(departure.words): computed so, \(results) \(agreement) to \(short(departure.relativeError)) of scale"
  }

  private func words(_ estimate: RunningVarianceEstimate) -> String {
    let (theirs, ours) =
      estimate == .biased
      ? ("biased (divided by m, as in Keras, Flax and ONNX)", "unbiased (divided by m - 1)")
      : ("unbiased (divided by m - 1, as in PyTorch)", "biased (divided by m)")
    return "the running variance agrees if it follows the \(theirs) variance of each batch instead of the "
      + "\(ours) one: the factor is m/(m - 1); give --running-variance \(estimate.rawValue)"
  }

  private var verdict: String {
    let comparisons = report.layers.flatMap(\.comparisons)
    let differing = comparisons.count { !$0.agrees }
    let count = comparisons.count
    let datasets = counted(count, "dataset", "datasets")
    let agree =
      "\(count == 1 ? "the" : "all") \(datasets) of \(report.against) agree\(count == 1 ? "s" : "") with"
    let differ =
      "\(differing) of \(datasets) of \(report.against) \(differing == 1 ? "DIFFERS" : "DIFFER") from"
    let verdict = "\(differing == 0 ? agree : differ) what bn-stream computes in float64"
    return allowsMissing || report.isComplete ? verdict : "\(verdict)\n\(missing.shown)"
  }

  /// Which results are missing that a layer is there for, and what to do.
  private var missing: String {
    let all = report.layers.flatMap { layer in layer.missing.map { "\($0) of \(layer.path)" } }
    let more = all.count > 6 ? " and \(all.count - 6) more" : ""
    return
      "MISSING: \(all.prefix(6).joined(separator: ", "))\(more); write what is missing, choose layers with --layer, or "
      + "accept this with --allow-missing"
  }
}
