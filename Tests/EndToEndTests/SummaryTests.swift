import Foundation
import HDF5
import TestSupport
import Testing

/// Every number that is printed of a run and of a plan, beside numbers that are counted here: of several layers at once,
/// each of several batches and pieces, for one thread and for many.
@Suite(.timeLimit(.minutes(30))) struct SummaryTests {
  /// Attributes of the layers and defaults decide the rest, so the layers differ.
  private static func settings(dropsIncomplete: Bool) -> Settings {
    Settings(hasBatchSize: false, dropsIncomplete: dropsIncomplete)
  }

  private static let arrangements = [
    Arrangement(1), Arrangement(2), Arrangement(7), Arrangement(2, "24MiB"),
  ]

  /// A file whose layers hold something of everything, what is to be expected of each, and the counts.
  private static func makeInput(_ settings: Settings) throws -> (
    Program, [InputLayer], [ExpectedResults], [Counts]
  ) {
    let program = try Program()
    let layers = EventfulLayers.all(seed: 71)
    try layers.write(to: program.path("input.h5"))
    let expected = layers.map { ExpectedResults($0, settings) }
    return (program, layers, expected, zip(layers, expected).map { Counts($0, settings, $1) })
  }

  @Test(.timeLimit(.minutes(30)), arguments: [false, true])
  func runAsJSON(dropsIncomplete: Bool) throws {
    let settings = Self.settings(dropsIncomplete: dropsIncomplete)
    let (program, layers, expected, counts) = try Self.makeInput(settings)
    // What is to be found is there at all.
    #expect(counts[0].nonfiniteInputs > 5 && counts[0].zeroVarianceFeatures == (dropsIncomplete ? 2 : 3))
    #expect(counts[1].outputOverflow > 20_000 && counts[3].emptyBatches == 3)
    for arrangement in Self.arrangements {
      let report = try program.runSuccessfully(settings, arrangement.options + ["--json"])
        .report(RunReport.self)
      try program.expectEveryResult(layers, settings, expected, "\(arrangement)")
      #expect(report.status == "done")
      #expect(report.input == "input.h5" && report.output == "output.h5")
      #expect(report.warnings == [])
      #expect(report.threads == arrangement.threads)
      #expect(report.memoryLimit == (arrangement.memory == "1GiB" ? 1 << 30 : 24 << 20))
      #expect(report.peakMemoryBytes > 1 << 20)
      #expect(report.layers.map(Counts.init) == counts, "\(arrangement)")
      #expect(report.layers.map(\.path) == layers.map { "/\($0.path)" })
      #expect(report.layers.map(\.shape) == layers.map(\.shape))
      #expect(report.layers.map(\.elementType) == layers.map(\.type.kind.rawValue))
      #expect(report.layers.map(\.outputType) == layers.map { settings.outputType(of: $0).kind.rawValue })
      #expect(report.layers.map(\.featureAxis) == layers.map(\.featureAxis))
      #expect(report.layers.map(\.features) == layers.map(\.featureCount))
      #expect(report.layers.map(\.samples) == layers.map(\.sampleCount))
      #expect(report.layers.map(\.batchSize) == [500, 200, 256, "batch_offsets"])
      #expect(report.layers.map(\.passes) == [1, 1, 1, 1])
      #expect(report.layers.map(\.forwardOnly) == [false, false, true, false])
      for layer in report.layers {
        #expect(layer.statistics == "batch" && layer.gradient == "full")
        #expect(layer.epsilon == settings.epsilon && layer.momentum == settings.momentum)
      }
      let totals = report.totals
      #expect(totals.batches == counts.reduce(0) { $0 + $1.batches })
      #expect(totals.bytesRead == counts.reduce(0) { $0 + $1.inputBytes })
      #expect(totals.bytesWritten == counts.reduce(0) { $0 + $1.outputBytes })
      // Of dropped samples the documents say neither that they count here nor that they do not.
      if !dropsIncomplete { #expect(totals.samples == layers.reduce(0) { $0 + $1.sampleCount }) }
      let speed = Double(totals.bytesRead + totals.bytesWritten) / totals.seconds / 1e9
      #expect(abs(totals.gigabytesPerSecond - speed) <= 1e-9 * speed)
      // Of the processors that there are, and a tick of their clock more.
      let processors = Double(ProcessInfo.processInfo.processorCount)
      #expect(totals.processorSeconds > 0 && totals.processorSeconds <= processors * totals.seconds + 0.05)
    }
  }

  @Test(.timeLimit(.minutes(30)), arguments: [1, 7])
  func runAsText(threads: Int) throws {
    let settings = Self.settings(dropsIncomplete: true)
    let (program, layers, _, counts) = try Self.makeInput(settings)
    let lines = try program.runSuccessfully(settings, Arrangement(threads).options).output
      .split(separator: "\n").map(String.init)
    let rows = lines.prefix(5).map(cells)
    #expect(rows[0] == ["layer", "shape", "type", "batches", "direction", "wrote"])
    for (index, layer) in layers.enumerated() {
      #expect(
        rows[index + 1] == [
          "/\(layer.path)", "\(layer.shape)", layer.type.kind.rawValue,
          ["2 × 500", "2 × 200", "1 × 256", "6 by offsets"][index],
          layer.dy == nil ? "forward only" : "forward, backward", size(counts[index].outputBytes),
        ])
    }
    let used = [
      "all layers: epsilon 0.001, partial_batch drop, outputs (output normalized grad_input grad_gamma grad_beta running "
        + "population batches) by configuration",
      "/a/masked: batch_size 500 by attribute", "/b: batch_size 200 by attribute",
      "/c/d/e: feature_axis 3 by attribute",
    ]
    #expect(Array(lines.dropFirst(5).prefix(4)) == used)
    let notes = lines.dropFirst(9).dropLast().filter { !$0.hasPrefix("of the threads' time") }
    #expect(
      notes == [
        "/a/masked: 103 samples of an incomplete last batch dropped",
        "/a/masked: \(counts[0].maskedPositions) positions masked: in no statistic",
        "/a/masked: \(counts[0].nonfiniteInputs) infinite or NaN inputs in \(counts[0].nonfiniteFeatures) features, "
          + "whose results are not finite",
        "/a/masked: 2 features of variance 0 in a batch: there y = beta where values count",
        "/b: 21 samples of an incomplete last batch dropped",
        "/b: \(counts[1].outputOverflow) values too large for float16, now infinite",
        "/c/d/e: no grad_output, so no gradients",
        "/c/d/e: 55 samples of an incomplete last batch dropped",
        "/z: 3 empty batches, skipped",
        "/z: \(counts[3].maskedPositions) positions masked: in no statistic",
        "/z: \(counts[3].nonfiniteInputs) infinite or NaN inputs in \(counts[3].nonfiniteFeatures) features, "
          + "whose results are not finite",
      ])
    let read = counts.reduce(0) { $0 + $1.inputBytes }
    let written = counts.reduce(0) { $0 + $1.outputBytes }
    let last = try #require(lines.last { $0.hasPrefix("output.h5: ") })
    #expect(last.hasPrefix("output.h5: \(size(read)) read, \(size(written)) written in "))
    #expect(last.contains(" GB/s, \(threads) thread\(threads == 1 ? "" : "s"), "))
  }

  /// The plan says before what the summary says afterwards, and writes nothing.
  @Test(.timeLimit(.minutes(30)), arguments: [false, true])
  func plan(dropsIncomplete: Bool) throws {
    let settings = Self.settings(dropsIncomplete: dropsIncomplete)
    let (program, layers, _, counts) = try Self.makeInput(settings)
    try program.write(settings.json, to: "configuration.json")
    let options = ["--in", "input.h5", "--dry-run", "--config", "configuration.json"]
    for arrangement in Self.arrangements {
      let result = try program.run(options + arrangement.options + ["--json"])
      let plan = try result.report(PlanReport.self)
      #expect(result.exitCode == 0 && result.error == "")
      #expect(plan.input == "input.h5" && plan.output == nil && plan.warnings == [])
      #expect(plan.threads == arrangement.threads)
      #expect(plan.memoryLimit == (arrangement.memory == "1GiB" ? 1 << 30 : 24 << 20))
      #expect(plan.layers.map(\.path) == layers.map { "/\($0.path)" })
      #expect(plan.layers.map(\.shape) == layers.map(\.shape))
      #expect(plan.layers.map(\.elementType) == layers.map(\.type.kind.rawValue))
      #expect(plan.layers.map(\.outputType) == layers.map { settings.outputType(of: $0).kind.rawValue })
      #expect(plan.layers.map(\.featureAxis) == layers.map(\.featureAxis))
      #expect(plan.layers.map(\.features) == layers.map(\.featureCount))
      #expect(plan.layers.map(\.samples) == layers.map(\.sampleCount))
      #expect(plan.layers.map(\.batches) == counts.map(\.batches))
      #expect(plan.layers.map(\.batchSize) == [500, 200, 256, "batch_offsets"])
      #expect(plan.layers.map(\.passes) == [1, 1, 1, 1])
      #expect(plan.layers.map(\.forwardOnly) == [false, false, true, false])
      #expect(plan.layers.map(\.bytesToRead) == counts.map(\.inputBytes))
      #expect(plan.layers.map(\.bytesToWrite) == counts.map(\.outputBytes))
      #expect(plan.bytesToRead == counts.reduce(0) { $0 + $1.inputBytes })
      #expect(plan.bytesToWrite == counts.reduce(0) { $0 + $1.outputBytes })

      let lines = try program.run(options + arrangement.options).output.split(separator: "\n").map(
        String.init)
      // Between the table and the last line stands what the layers hold.
      let facts = lines[5..<lines.count - 1]
      #expect(facts.filter { $0.hasPrefix("/") } == layers.map { "/\($0.path)" })
      #expect(facts.allSatisfy { $0.count <= 80 })
      for (index, layer) in layers.enumerated() {
        let row = cells(lines[index + 1])
        let types = "\(layer.type.kind.rawValue) → \(settings.outputType(of: layer).kind.rawValue)"
        #expect(row.prefix(3) == ["/\(layer.path)", "\(layer.shape)", types])
        #expect(row[3].hasPrefix("\(counts[index].batches) "))
        #expect(row[4...6] == [size(counts[index].inputBytes), size(counts[index].outputBytes), "1"])
        #expect(row.last?.hasSuffix("; forward only") == (layer.dy == nil))
      }
      #expect(
        lines[lines.count - 1].hasPrefix(
          "Would read \(size(plan.bytesToRead)) and write \(size(plan.bytesToWrite)) with "
            + "\(arrangement.threads) thread\(arrangement.threads == 1 ? "" : "s") and at most "
            + (arrangement.memory == "1GiB" ? "1 GiB" : "24 MiB")))
    }
    #expect(try program.files == ["configuration.json", "input.h5"])
  }

  /// Columns are two spaces or more apart.
  private func cells(_ line: String) -> [String] {
    line.components(separatedBy: "  ").map { $0.trimmingCharacters(in: .whitespaces) }.filter { $0 != "" }
  }

  /// In the largest binary unit that is not larger, to one decimal.
  private func size(_ bytes: Int) -> String {
    let (unit, name) = bytes >= 1 << 20 ? (Double(1 << 20), "MiB") : (1024, "KiB")
    let tenths = (Double(bytes) / unit * 10).rounded() / 10
    return (tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)") + " \(name)"
  }
}
