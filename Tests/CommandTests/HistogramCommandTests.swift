import HDF5
import TestSupport
import Testing

/// Histograms of one job, however it is done, and what others make of them.
@Suite(.timeLimit(.minutes(30))) struct HistogramCommandTests {
  private func program() throws -> Program {
    let program = try Program()
    try program.make { try $0.createGroup("layer").addTensors([40, 3]) }
    try program.write(
      #"{"outputs": ["output", "grad_input", "population", "batches", "histograms"], "batch_size": 10}"#,
      to: "c.json")
    return program
  }

  @Test func shardsGiveTheSameBytes() throws {
    let program = try program()
    let command = ["--in", "in.h5", "--config", "c.json", "--out"]
    #expect(try program.run(command + ["whole.h5"]).exitCode == 0)
    for shard in ["1/2", "0/2"] {
      #expect(try program.run(command + ["shards.h5", "--shard", shard]).exitCode == 0)
    }
    let same = try program.run(shell: "cmp whole.h5 shards.h5")
    #expect(same.exitCode == 0 && same.output == "")
  }

  /// For them and for quantiles the activations alone are read again, of samples that no batch has none; how often follows from both tensors'
  /// types, and how much from their own.
  @Test(arguments: [(4, 8), (3, 6)]) func thePlanSaysHowMuchIsRead(batchSize: Int, samples: Int) throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([8, 3], gradient: false, type: .float32)
      try layer.add("grad_output", Group.numbers([8, 3], seed: 2), shape: [8, 3])
    }
    try program.write(
      #"{"batch_size": \#(batchSize), "partial_batch": "drop", "quantiles": [50]}"#, to: "c.json")
    let result = try program.run("--in", "in.h5", "--config", "c.json", "--histograms", "--dry-run", "--json")
    let layers = try #require(try program.object(result)["layers"] as? [[String: Any]])
    #expect(layers[0]["quantile_reads"] as? Int == 6)
    let words = "; then read 6 times for quantiles; then read 2 times for histograms"
    #expect((layers[0]["arrangement"] as? String)?.hasSuffix(words) == true)
    // x and dy once, and x six times and twice more.
    let (x, dy): (Int, Int) = (samples * 12, samples * 24)
    let expected: Int = x + dy + 8 * x
    #expect(layers[0]["bytes_to_read"] as? Int == expected)
  }

  /// Counts of numbers that were rounded are no results to verify, and nothing unknown.
  @Test func verifyPassesOverThem() throws {
    let program = try program()
    #expect(try program.run("--in", "in.h5", "--config", "c.json", "--out", "out.h5").exitCode == 0)
    let result = try program.run("verify", "--in", "in.h5", "--against", "out.h5", "--config", "c.json")
    #expect(result.exitCode == 0 && !result.output.contains("histograms/"))
  }

  /// The page and the JSON beside it have both, and how long a layer took, which is in no file.
  @Test func theyAreReported() throws {
    let program = try program()
    let run = try program.run(
      "--in", "in.h5", "--config", "c.json", "--out", "out.h5", "--report", "page.html", "--json")
    let layers = try #require(program.object(run)["layers"] as? [[String: Any]])
    #expect(layers[0]["seconds"] as? Double ?? -1 > 0)
    let page = try program.text("page.html")
    #expect(page.contains("<b>Values before</b>: 120 values, half below"))
    #expect(page.contains("<b>Values after</b>: 120 values") && page.contains("seconds taken <b>"))
    let report = try program.object(program.run("report", "out.h5", "--json"))
    let reported = try #require(report["layers"] as? [[String: Any]])
    let distributions = try #require(reported[0]["distributions"] as? [String: Any])
    for name in ["input", "output"] {
      let distribution = try #require(distributions[name] as? [String: Any])
      #expect(distribution["values"] as? Int == 120)
      #expect((distribution["bars"] as? [Double])?.count == 40)
    }
    // Without histograms neither, and of a file nobody knows how long it took.
    #expect(try program.run("--in", "in.h5", "--out", "plain.h5").exitCode == 0)
    #expect(try program.run("report", "plain.h5", "--out", "plain.html").exitCode == 0)
    let plain = try program.text("plain.html")
    #expect(!plain.contains("Values before") && !plain.contains("seconds taken"))
  }
}
