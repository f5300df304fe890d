import HDF5
import TestSupport
import Testing

/// Options of the commands that read results, where there are several files or several values.
@Suite(.timeLimit(.minutes(30))) struct ResultOptionTests {
  /// What nobody asked for of either file is not missing in the other one.
  @Test(arguments: ["first", "second"]) func compareSelectsInBothFiles(layer: String) throws {
    let program = try Program()
    try program.makeTwoResultFiles()
    let command = ["compare", "one.h5", "two.h5", "--layer", layer, "--fail-above", "100"]
    let result = try program.run(command + ["--json"])
    #expect(result.exitCode == 0 && result.error == "")
    let report = try program.object(result)
    let layers = try #require(report["layers"] as? [[String: Any]])
    #expect(layers.map { $0["path"] as? String } == ["/\(layer)"])
    #expect(report["only_in_first"] as? [String] == [])
    #expect(report["only_in_second"] as? [String] == [])
    let text = try program.run(command)
    #expect(text.exitCode == 0 && !text.output.contains("only in "), "\(text.output)")
  }

  /// Of several patterns each selects its layers.
  @Test func everyPatternSelects() throws {
    let program = try Program()
    try program.write(#"{"outputs": ["population", "moments"], "batch_size": 4}"#, to: "config.json")
    try program.make { root in
      for name in ["a", "b", "c", "d"] { try root.createGroup(name).addTensors([8, 2], gradient: false) }
    }
    for name in ["one.h5", "two.h5"] {
      let run = try program.run("--in", "in.h5", "--out", name, "--config", "config.json")
      try #require(run.exitCode == 0, "\(run.error)")
    }
    let patterns = ["--layer", "b", "--layer", "d"]
    let commands = [
      ["report", "one.h5"], ["compare", "one.h5", "two.h5"],
      ["merge", "one.h5", "two.h5", "--out", "merged.h5"],
    ]
    for command in commands {
      let result = try program.run(command + patterns + ["--json"])
      try #require(result.exitCode == 0, "\(command): \(result.error)")
      let layers = try #require(try program.object(result)["layers"] as? [[String: Any]])
      #expect(layers.map { $0["path"] as? String } == ["/b", "/d"], "\(command)")
    }
    #expect(try program.root("merged.h5").links().map(\.name) == ["b", "d"])
  }

  /// What is blended with is said with its weight, which need not be a whole number; without it there is nothing to say.
  @Test func aPriorIsSaid() throws {
    let program = try Program()
    try program.makeTwoMergeableFiles()
    let merge = ["merge", "one.h5", "--out", "out.h5", "--force"]
    let prior = ["--prior", "two.h5:2.5"]
    let blended = try program.object(program.run(merge + prior + ["--json"]))
    #expect(blended["prior"] as? String == "two.h5" && blended["prior_samples"] as? Double == 2.5)
    #expect(blended["inputs"] as? [String] == ["one.h5"])
    let text = try program.run(merge + prior)
    #expect(
      text.output.hasSuffix("\nout.h5: 1 file pooled, blended with two.h5 as 2.5 samples\n"), "\(text.output)"
    )
    let plain = try program.object(program.run(merge + ["--json"]))
    #expect(plain["prior"] == nil && plain["prior_samples"] == nil)
  }
}
