import Foundation
import RunModel

/// The summary of a run as people read it: a row for each layer, then what there is to know, then the totals.
struct SummaryText {
  let summary: RunSummary

  init(_ summary: RunSummary) { self.summary = summary }

  var text: String {
    var table = TextTable(["layer", "shape", "type", "batches", "direction", "wrote"])
    for layer in summary.layers {
      table.add([
        layer.path, "\(layer.shape)", layer.elementType, "\(layer.batches) × \(layer.batchSize)",
        layer.forwardOnly ? "forward only" : "forward, backward",
        ByteCount(clamping: layer.bytesWritten).description,
      ])
    }
    var lines = [table.text]
    lines += summary.layers.flatMap(notes)
    let totals = summary.totals
    lines.append(
      String(
        format: "%@: %@ read, %@ written in %.2f s, %.2f GB/s, %d thread%@, %@ of memory",
        summary.output ?? "", ByteCount(clamping: totals.bytesRead).description,
        ByteCount(clamping: totals.bytesWritten).description, totals.seconds, totals.gigabytesPerSecond,
        summary.threads ?? 1, summary.threads == 1 ? "" : "s",
        ByteCount(clamping: summary.peakMemoryBytes ?? 0).description))
    return lines.joined(separator: "\n")
  }

  /// What a user should know of a layer beside its row.
  private func notes(_ layer: LayerSummary) -> [String] {
    var notes: [String] = []
    func note(_ count: Int, _ words: String) {
      if count > 0 { notes.append("\(layer.path): \(count) \(words)") }
    }
    if layer.forwardOnly { notes.append("\(layer.path): no grad_output, so no gradients") }
    if layer.passes > 1 {
      notes.append(
        "\(layer.path): a batch exceeds the memory limit, so the input was read \(layer.passes) times")
    }
    note(layer.emptyBatches, "empty batches, skipped")
    note(layer.droppedSamples, "samples of an incomplete last batch dropped")
    note(layer.maskedPositions, "positions masked: in no statistic")
    if layer.nonfiniteInputs > 0 {
      notes.append(
        "\(layer.path): \(layer.nonfiniteInputs) infinite or NaN inputs in \(layer.nonfiniteFeatures) features, "
          + "whose results are not finite")
    }
    note(layer.zeroVarianceFeatures, "features with a batch of variance 0: there y = beta")
    note(layer.outputOverflow, "values do not fit \(layer.outputType) and became infinite")
    return notes
  }
}

/// The plan of a run as people read it.
struct PlanText {
  let plan: PlanSummary

  init(_ plan: PlanSummary) { self.plan = plan }

  var text: String {
    var table = TextTable([
      "layer", "shape", "type", "batches", "reads", "writes", "passes", "memory", "work",
    ])
    for layer in plan.layers {
      table.add([
        layer.path, "\(layer.shape)", "\(layer.elementType) → \(layer.outputType)",
        "\(layer.batches) × \(layer.batchSize)", ByteCount(clamping: layer.bytesToRead).description,
        layer.bytesToWrite == 0 ? "0 B" : ByteCount(clamping: layer.bytesToWrite).description,
        "\(layer.passes)", "\(layer.bufferSets) × \(ByteCount(clamping: layer.bufferSetBytes))",
        layer.arrangement + (layer.forwardOnly ? "; forward only" : ""),
      ])
    }
    return """
      \(table.text)
      Would read \(ByteCount(clamping: plan.bytesToRead)) and write \(ByteCount(clamping: plan.bytesToWrite)) with \
      \(plan.threads) thread\(plan.threads == 1 ? "" : "s") and at most \(ByteCount(clamping: plan.memoryLimit)) \
      of buffers. Nothing was written.
      """
  }
}
