import Configuration
import FileNames
import Foundation
import Jobs
import LayerFiles
import Parallel

/// The summary of a run as people read it: a row for each layer, then what it was computed with, then what there is to
/// know, then the totals.
struct SummaryText {
  let summary: JobSummary
  /// How long a line may be; nil for any length, as for another program to read.
  let columns: Int?

  init(_ summary: JobSummary, columns: Int? = Terminal.outputColumns) {
    self.summary = summary
    self.columns = columns
  }

  var text: String {
    if let shard = summary.shard, summary.status == .part || summary.layers.isEmpty {
      return words(shard)
    }
    var table = TextTable(["layer", "shape", "type", "batches", "direction", "wrote"])
    for layer in summary.layers {
      table.add([
        layer.path, "\(layer.shape)", layer.elementType, batches(layer.batches, layer.batchSize),
        layer.forwardOnly ? "forward only" : "forward, backward",
        ByteCount.text(layer.bytesWritten),
      ])
    }
    var lines = [table.text]
    lines += UsedSettings(summary.layers).lines.map(\.shown)
    lines += self.notes.map(\.shown)
    if let growth = summary.gradientGrowth { lines += DiagnosticsText.lines(of: growth).map(\.shown) }
    lines += (summary.limits ?? []).map(\.words)
    let totals = summary.totals
    lines.append(
      String(
        format: "%@: %@ read, %@ written in %.2f s, %.2f GB/s, %d thread%@, %@ of memory",
        summary.output ?? "", ByteCount.text(totals.bytesRead),
        ByteCount.text(totals.bytesWritten), totals.seconds, totals.gigabytesPerSecond,
        summary.threads ?? 1, summary.threads == 1 ? "" : "s",
        ByteCount.text(summary.peakMemoryBytes ?? 0)))
    if totals.seconds >= 1 { lines.append(shares(summary.time)) }
    guard let columns else { return lines.joined(separator: "\n") }
    let fitted = table.text(columns: columns, dropping: ["type", "direction", "batches", "shape"])
    return ([fitted] + lines.dropFirst().map { FactLines.line($0, width: columns) }).joined(separator: "\n")
  }

  /// How far a job in shards is.
  private func words(_ shard: ShardSummary) -> String {
    let done = "\(summary.output ?? ""): shard \(shard.index)/\(shard.count) is finished"
    guard !shard.missing.isEmpty else { return "\(done); another shard's process finished the output" }
    let missing = shard.missing.prefix(10).map { "\($0)" }.joined(separator: ", ")
    let more = shard.missing.count > 10 ? " and \(shard.missing.count - 10) more" : ""
    return "\(done); not finished: \(missing)\(more)"
  }

  /// What the threads spent their time on, so that a user sees what bounds the job.
  private func shares(_ time: StageTimes) -> String {
    let total = time.named.reduce(0) { $0 + $1.seconds }
    let shares = time.named.compactMap { name, seconds in
      let percent = Int((seconds / max(total, 1e-9) * 100).rounded())
      return percent > 0 ? "\(name) \(percent) %" : nil
    }
    let bound = summary.bound.map { "; \(words($0))" } ?? ""
    return "of the threads' time: \(shares.joined(separator: ", "))\(bound)"
  }

  private func words(_ bound: JobBound) -> String {
    let busy = "\(Int((bound.processorShare * 100).rounded())) % busy"
    return switch bound.cause {
    case .processors: "bound by the processors, \(busy)"
    case .reading: "bound by reading, the processors \(busy)"
    case .writing: "bound by writing, the processors \(busy)"
    case .waiting: "bound by threads that wait for each other, the processors \(busy)"
    }
  }

  /// What there is to know, once for all layers of which it is true.
  private var notes: [String] {
    var notes: [(text: String, layers: [String])] = []
    var places: [String: Int] = [:]
    for layer in summary.layers {
      for text in self.notes(layer) {
        if let place = places[text] {
          notes[place].layers.append(layer.path)
        } else {
          places[text] = notes.count
          notes.append((text, [layer.path]))
        }
      }
    }
    return notes.map { "\(listed($0.layers)): \($0.text)" }
  }

  /// What a user should know of a layer beside its row.
  private func notes(_ layer: LayerSummary) -> [String] {
    var notes: [String] = []
    func note(_ count: Int, _ singular: String, _ plural: String, _ rest: String) {
      if count > 0 { notes.append(counted(count, singular, plural) + rest) }
    }
    if layer.forwardOnly { notes.append("no grad_output, so no gradients") }
    if layer.passes > 1 {
      notes.append(
        "a batch exceeds the memory limit, so the input was read \(layer.passes) times")
    }
    note(layer.emptyBatches, "empty batch", "empty batches", ", skipped")
    note(layer.droppedSamples, "sample", "samples", " of an incomplete last batch dropped")
    let neverWritten = " never written, taken for the fill value"
    note(layer.neverWrittenSamples, "sample", "samples", " of the activations\(neverWritten)")
    note(layer.neverWrittenGradients, "sample", "samples", " of the gradient\(neverWritten)")
    note(layer.maskedPositions, "position", "positions", " masked: in no statistic")
    let spoiling = layer.nonfiniteInputs - layer.nonfiniteMaskedInputs
    note(
      spoiling, "infinite or NaN input", "infinite or NaN inputs",
      " in \(counted(layer.spoiledFeatures, "feature", "features")), whose results are not finite")
    note(
      layer.nonfiniteMaskedInputs, "infinite or NaN input", "infinite or NaN inputs",
      " masked: in no result but their own output")
    let roles = layer.nonfiniteParameters.keys.sorted().joined(separator: ", ")
    note(
      layer.nonfiniteParameters.values.reduce(0, +), "infinity or NaN", "infinities or NaN",
      " in \(roles): the results of such features are not finite")
    for (count, what) in [
      (layer.varianceOverflowFeatures, "variance"), (layer.gradientOverflowFeatures, "gradient"),
    ] {
      note(
        count, "feature", "features",
        " whose \(what) exceeds the range of double precision: \(count == 1 ? "its" : "their") results are not finite"
      )
    }
    note(
      layer.zeroVarianceFeatures, "feature", "features",
      " of variance 0 in a batch: there y = beta" + (layer.maskedPositions > 0 ? " where values count" : ""))
    note(layer.outputOverflow, "value", "values", " too large for \(layer.outputType), now infinite")
    notes += DiagnosticsText(layer: layer).lines
    return notes
  }
}

/// The first of some names, and how many more there are.
func listed(_ names: [String]) -> String {
  let shown = names.prefix(3).joined(separator: ", ")
  return names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown
}

/// How many batches there are, and of how many samples.
func batches(_ count: Int, _ division: BatchDivision) -> String {
  switch division {
  case .samples(let size): "\(count) × \(size)"
  case .all: "all samples"
  case .offsets: "\(count) by offsets"
  }
}

/// The plan of a run as people read it.
struct PlanText {
  let plan: PlanSummary

  init(_ plan: PlanSummary) { self.plan = plan }

  private var shardWords: String {
    guard let shard = plan.shard else { return "" }
    let shards = shard.count == 1 ? "the only shard" : "all \(shard.count) shards together, each"
    return ", \(shards) in \(shard.turns == 1 ? "one turn" : "two turns")"
  }

  var text: String {
    var table = TextTable([
      "layer", "shape", "type", "batches", "reads", "writes", "passes", "memory", "work",
    ])
    for layer in plan.layers {
      table.add([
        layer.path, "\(layer.shape)", "\(layer.elementType) → \(layer.outputType)",
        batches(layer.batches, layer.batchSize), ByteCount.text(layer.bytesToRead),
        ByteCount.text(layer.bytesToWrite),
        "\(layer.passes)", "\(layer.bufferSets) × \(ByteCount.text(layer.bufferSetBytes))",
        layer.schedule + (layer.forwardOnly ? "; forward only" : ""),
      ])
    }
    let facts = plan.layers.map { layer in
      FactLines(path: layer.path, width: Terminal.width).text(
        inputs: layer.inputs ?? [], settings: layer.settings, unusedNames: layer.unusedNames ?? [], end: [])
    }
    return """
      \(([table.text] + (plan.limits ?? []).map(\.words)).joined(separator: "\n"))

      \(facts.joined(separator: "\n\n"))

      Would read \(ByteCount.text(plan.bytesToRead)) and write \(ByteCount.text(plan.bytesToWrite)) with \
      \(plan.threads) thread\(plan.threads == 1 ? "" : "s") and at most \(ByteCount.text(plan.memoryLimit)) \
      of buffers\(shardWords). Nothing was written.
      """
  }
}
