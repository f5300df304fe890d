import Foundation
import HDF5
import TestSupport
import Testing

/// What is said of batches that memory cannot hold, and that are therefore read twice.
@Suite(.timeLimit(.minutes(30))) struct TwoPassesTests {
  /// 10.7 MiB of x and dy in one batch; with one thread and 20 MiB nothing stays in memory between the passes, with three
  /// and 24 MiB a part does.
  private static func layer() -> InputLayer {
    var layer = InputLayer([7003, 200], seed: 81)
    layer.maskOut(every: 17)
    for (sample, feature) in [(0, 1), (3000, 1), (3500, 2), (7001, 3), (7002, 199)] {
      layer.x[layer.index(sample: sample, position: 0, feature: feature)] = .nan
    }
    for sample in [100, 6999] { layer.dy?[sample * 200 + 50] = .infinity }
    for sample in 0..<7003 { layer.x[sample * 200 + 77] = -1.5 }
    layer.gamma?[100] = 1e39
    layer.gamma?[101] = -3e38
    return layer
  }

  /// Each value counts once, in whichever pass it is seen; every byte counts as often as it is read.
  @Test(.timeLimit(.minutes(30))) func count() throws {
    let settings = Settings()
    let layer = Self.layer()
    let program = try Program()
    try [layer].write(to: program.path("input.h5"))
    let expected = ExpectedResults(layer, settings)
    let counts = Counts(layer, settings, expected)
    #expect(counts.nonfiniteInputs == 7 && counts.nonfiniteFeatures == 5 && counts.zeroVarianceFeatures == 1)
    #expect(counts.outputOverflow > 7003)
    for arrangement in [Arrangement(1, "22MiB"), Arrangement(3, "26MiB"), Arrangement(2)] {
      let result = try program.runSuccessfully(settings, arrangement.options + ["--json"])
      try program.expectEveryResult([layer], settings, [expected], "\(arrangement)")
      let report = try result.report(RunReport.self).layers[0]
      #expect(report.passes == (arrangement.threads == 2 ? 1 : 2))
      var found = Counts(report)
      if arrangement.threads == 3 {
        #expect(report.bytesRead > counts.inputBytes && report.bytesRead <= 2 * counts.inputBytes)
        found.inputBytes = counts.inputBytes
      }
      #expect(found == counts, "\(arrangement)")
    }
    let text = try program.runSuccessfully(settings, Arrangement(1, "22MiB").options).output
    #expect(text.contains("\n/layer: a batch exceeds the memory limit, so the input was read 2 times\n"))
  }

  /// What the plan wants to read and write is what progress counts up to.
  @Test(.timeLimit(.minutes(30)), arguments: [(1, "20MiB"), (3, "24MiB"), (2, "1GiB")] as [(Int, String)])
  func readAsMuchAsPlanned(threads: Int, memory: String) throws {
    let program = try Program()
    try [InputLayer([7003, 200], seed: 82)].write(to: program.path("input.h5"))
    let options = [
      "--in", "input.h5", "--batch-size", "all", "--json", "--threads", "\(threads)", "--memory", memory,
    ]
    let plan = try program.run(options + ["--dry-run"]).report(PlanReport.self)
    let run = try program.run(options + ["--out", "output.h5"]).report(RunReport.self)
    #expect(plan.layers[0].passes == run.layers[0].passes)
    #expect(run.layers[0].passes == (threads == 2 ? 1 : 2))
    #expect(plan.bytesToWrite == run.totals.bytesWritten)
    #expect(plan.bytesToRead == run.totals.bytesRead)
  }

  /// Two layers without gradients, of zeros that take no room: /a of 96 MiB in one batch, /b of 24 MiB in three, both read
  /// twice and written once. While /a is running, no more can be done than its share; while /b is, no less.
  @Test(.timeLimit(.minutes(30))) func progress() throws {
    let program = try Program()
    let file = try File(anew: program.path("input.h5"))
    for (name, samples) in [("a", 3 << 13), ("b", 3 << 11)] {
      let group = try file.root.createGroup(name)
      _ = try group.createDataset(
        "activations", type: .float32, shape: [samples, 1024], storage: .contiguous)
      try group.createDataset(
        "batch_offsets", type: .int64, shape: [name == "a" ? 2 : 4], storage: .contiguous
      )
      .writeIntegers(name == "a" ? [0, samples] : [0, 500, 1000, samples])
    }
    try file.close()
    try program.write(#"{"output_storage": {"layout": "chunked", "gzip": 6}}"#, to: "configuration.json")

    let process = try program.start([
      "--in", "input.h5", "--out", "output.h5", "--config", "configuration.json", "--memory", "28MiB",
      "--threads", "1", "--progress", "always", "--verbose",
    ])
    // A line follows after each second. The program sleeps for most of it, so that there are many lines however quick it is.
    while process.isRunning {
      kill(process.processIdentifier, SIGTSTP)
      Thread.sleep(forTimeInterval: 1)
      kill(process.processIdentifier, SIGCONT)
      Thread.sleep(forTimeInterval: 0.12)
    }
    let result = try program.wait(for: process)
    #expect(result.exitCode == 0)
    let (bytesOfA, bytesOfB) = (3.0 * 96, 3.0 * 24)
    let shareOfA = 100 * bytesOfA / (bytesOfA + bytesOfB)
    var last = 0
    var layer = ""
    var seen: [String: Int] = [:]
    for line in result.error.split(separator: "\n") {
      if line.hasPrefix("debug: /") {
        layer = String(line.dropFirst(8).prefix { $0 != ":" })
        continue
      }
      let match = try #require(
        try
          #/ *(\d+) %  \d+\.\d\d GB/s(  waiting for the disk|  .+ left|)(  [a-z]+ \d+ %)?(  (\d+\/\d+ )?\/.*)?/#
          .wholeMatch(in: line), "\(line)")
      let percent = try #require(Int(match.1))
      #expect(percent >= last && percent <= 100, "\(line)")
      if layer == "a" { #expect(Double(percent) <= shareOfA + 0.5, "\(line)") }
      // The first line may have been counted just before /b began.
      if layer == "b", seen["b"] != nil { #expect(Double(percent) >= shareOfA - 1, "\(line)") }
      #expect(!line.contains("waiting") || layer == "b", "\(line)")
      last = percent
      seen[layer, default: 0] += 1
    }
    #expect(seen["a", default: 0] > 0)
  }
}
