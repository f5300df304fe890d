import Configuration
import FileNames
import Foundation
import Jobs
import StrictJSON

/// How far an unfinished output is, as people read it.
struct WorkspaceText {
  private let report: WorkspaceReport
  private let width: Int

  /// So many unfinished layers are named.
  private static let mostLayers = 20

  init(_ report: WorkspaceReport, width: Int = Terminal.width) {
    self.report = report
    self.width = width
  }

  var text: String {
    var lines: [String] = []
    if let job = report.job {
      let options = settings(job.configuration).joined(separator: ", ")
      lines.append(line("job", "from \(job.input), by bn-stream \(job.version)"))
      lines.append(line("configuration", options.isEmpty ? "all defaults" : options))
    }
    lines.append(line("on disk", ByteCount.text(report.byteCount)))
    if let layers = report.layers {
      let finished = layers.count { $0.share >= 1 }
      lines.append(line("layers", "\(finished) of \(layers.count) finished"))
      let begun = layers.filter { $0.share > 0 && $0.share < 1 }
      for layer in begun.prefix(Self.mostLayers) {
        lines.append(line("", "\(layer.path): \(percent(layer.share))"))
      }
      if begun.count > Self.mostLayers { lines.append(line("", "and \(begun.count - Self.mostLayers) more")) }
    }
    if let shards = report.shards {
      let done = shards.count { $0.state == .done }
      lines.append(line("shards", "\(done) of \(shards.count) finished"))
      for state in [WorkspaceReport.ShardState.State.running, .waiting, .interrupted, .missing] {
        let numbers = shards.filter { $0.state == state }.map { "\($0.index)" }
        guard !numbers.isEmpty else { continue }
        let more = numbers.count > Self.mostLayers ? " and \(numbers.count - Self.mostLayers) more" : ""
        lines.append(
          line("", "\(state.rawValue): \(numbers.prefix(Self.mostLayers).joined(separator: ", "))\(more)"))
      }
    }
    return ([report.workspace.shown + ": " + headline] + lines + [FactLines.line(verdict, width: width)])
      .joined(separator: "\n")
  }

  /// The keys whose values are not the defaults.
  private func settings(_ configuration: JSONValue) -> [String] {
    guard case .object(let members) = configuration.content else { return [] }
    let other = Set(configuration.differingKeys(from: JobConfiguration().jsonValue))
    return members.filter { other.contains($0.key) }
      .map { "\($0.key) \(canonicalJSON($0.value, isPretty: false))" }
  }

  private var headline: String {
    report.share.map { "unfinished output, of which \(percent($0)) is done" } ?? "unfinished output"
  }

  private var verdict: String {
    switch (report.isRunning, report.refusal, report.isResumable) {
    case (true, _, _) where report.shards == nil: "A process works on it."
    case (_, let refusal?, _): "A run that would go on ends with \(refusal.code) and says: \(refusal.message)"
    case (_, _, true) where report.shards?.allSatisfy { $0.state == .done } == true:
      "All shards are finished; any of them, run again with the same command, finishes the output, if no process does so now."
    case (_, _, true) where report.shards != nil:
      "What is not finished and not running is to be run again, with the same command and its --shard."
    case (_, _, true): "Nobody works on it; the same command as before goes on with it."
    default:
      "Nobody works on it, and nothing is written down that a run could go on with: the next one begins anew."
    }
  }

  private func line(_ label: String, _ text: String) -> String {
    let start = "  " + label + String(repeating: " ", count: max(1, 15 - label.count))
    return FactLines.line(start + text.shown, width: width, indent: start.count, from: start.count)
  }

  /// Never 100 while something is left.
  private func percent(_ share: Double) -> String { "\(min(share < 1 ? 99 : 100, Int(share * 100))) %" }
}
