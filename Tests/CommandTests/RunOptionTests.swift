import Foundation
import HDF5
import TestSupport
import Testing

/// Options of `run` beside one another, and beside what an earlier run has left.
@Suite(.timeLimit(.minutes(30))) struct RunOptionTests {
  private func program(layers: [String] = ["layer"], samples: Int = 8) throws -> Program {
    let program = try Program()
    try program.make { root in
      for layer in layers { try root.createGroup(layer).addTensors([samples, 3]) }
    }
    return program
  }

  /// What each of them adds is written beside what the others add.
  @Test func whatIsAddedIsWrittenTogether() throws {
    let program = try program()
    let result = try program.run(
      "--in", "in.h5", "--out", "out.h5", "--diagnose", "--histograms", "--quantiles", "25,75")
    try #require(result.exitCode == 0, "\(result.error)")
    let layer = try program.root("out.h5").group("layer")
    let names = try layer.links().map(\.name)
    for name in ["diagnostics", "histograms", "quantiles", "output", "grad_input", "population_mean"] {
      #expect(names.contains(name), "\(name)")
    }
    #expect(try layer.dataset("quantiles").shape == [2, 3])
  }

  /// Boundaries are set aside whatever the configuration calls them.
  @Test func offsetsOfAConfiguredNameAreSetAside() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([8, 3])
      try layer.add("cuts", [0, 2, 8], type: .int64)
    }
    try program.write(#"{"datasets": {"batch_offsets": "cuts"}}"#, to: "config.json")
    let command = ["--in", "in.h5", "--out", "out.h5", "--force", "--config", "config.json"]
    for (options, counts) in [([], [2, 6]), (["--ignore-batch-offsets"], [8])] as [([String], [Int])] {
      let result = try program.run(command + options)
      #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
      let found = try program.root("out.h5").dataset("layer/batches/count").readDoubles()
      #expect(found == counts.map(Double.init))
    }
  }

  /// Of a job that is finished the JSON says of which input, and by which settings, as it did when the job ran.
  @Test func aFinishedJobIsSaidInFull() throws {
    let program = try program()
    let command = ["--in", "in.h5", "--out", "out.h5", "--batch-size", "4", "--resume", "--json"]
    for isFinished in [false, true] {
      let result = try program.run(command)
      try #require(result.exitCode == 0, "\(result.error)")
      let summary = try program.object(result)
      #expect((summary["layers"] as? [Any])?.count == (isFinished ? 0 : 1))
      #expect(summary["status"] as? String == "done")
      #expect(summary["input"] as? String == "in.h5" && summary["output"] as? String == "out.h5")
      let configuration = try #require(summary["configuration"] as? [String: Any])
      #expect(configuration["batch_size"] as? Int == 4)
    }
  }

  /// A dry run leaves the folder of an output that was finished, which a run that is none takes away.
  @Test func aDryRunLeavesWhatIsLeftOver() throws {
    let program = try program()
    let command = ["--in", "in.h5", "--out", "out.h5", "--resume"]
    try #require(try program.run(command).exitCode == 0)
    try FileManager.default.createDirectory(
      atPath: program.path("out.h5.partial"), withIntermediateDirectories: false)
    try FileManager.default.linkItem(
      atPath: program.path("out.h5"), toPath: program.path("out.h5.partial/data.h5"))
    try program.write("", to: "out.h5.partial/lock")
    for (options, files) in [
      (["--dry-run"], ["in.h5", "out.h5", "out.h5.partial"]), ([], ["in.h5", "out.h5"]),
    ] as [([String], [String])] {
      let result = try program.run(command + options)
      #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
      #expect(result.output == "out.h5 is finished already, by the same job; nothing was done.\n")
      #expect(try program.files == files)
    }
  }

  /// A dry run says of the output what a run would say, and replaces nothing.
  @Test func aDryRunLooksAtTheOutput() throws {
    let program = try program()
    try program.write("precious", to: "there.h5")
    for (output, message) in [
      ("there.h5", "exists already; choose another --out, or replace it with --force"),
      (
        "in.h5", "is the file in.h5 itself, which is read; choose another name, what is read is never changed"
      ),
      (
        "nowhere/out.h5",
        "cannot be created, there is no folder nowhere; create it first, or choose another --out"
      ),
    ] {
      expectFailure(
        try program.run("--in", "in.h5", "--out", output, "--dry-run"), 73, "\(output): \(message)")
    }
    let forced = try program.run("--in", "in.h5", "--out", "there.h5", "--dry-run", "--force")
    #expect(forced.exitCode == 0 && forced.output.hasSuffix("Nothing was written.\n"), "\(forced.error)")
    #expect(try program.text("there.h5") == "precious")
    #expect(try program.files == ["in.h5", "there.h5"])
  }

  /// The page has for every layer how long it took.
  @Test func thePageHasTheTimeOfEachLayer() throws {
    let program = try program(layers: ["a", "b", "c"])
    let result = try program.run("--in", "in.h5", "--out", "out.h5", "--report", "page.html")
    try #require(result.exitCode == 0, "\(result.error)")
    let page = try program.text("page.html")
    #expect(page.components(separatedBy: "seconds taken <b>").count - 1 == 3)
  }

  /// A shard that finds its own work changed says of which layer, and computes it again.
  @Test func changedWorkIsTold() throws {
    let program = try program()
    let command = ["--in", "in.h5", "--batch-size", "2", "--out"]
    try #require(try program.run(command + ["whole.h5"]).exitCode == 0)
    let shards = command + ["out.h5", "--shard"]
    try #require(try program.run(shards + ["0/2"]).exitCode == 0)
    try program.damage("out.h5.partial/shard-0-of-2.spool") { bytes in
      for place in bytes.indices { bytes[place] ^= 1 }
    }
    let again = try program.run(shards + ["0/2"])
    #expect(again.exitCode == 0)
    #expect(
      again.error
        == "warning: out.h5.partial: something of /layer is not as it was written, and is computed again\n"
        + "notice: goes on with the unfinished work in out.h5.partial, of which 0 % is done\n")
    // Then all is there.
    let last = try program.run(shards + ["1/2"])
    #expect(last.exitCode == 0 && last.error == "", "\(last.error)")
    #expect(try program.files == ["in.h5", "out.h5", "whole.h5"])
    #expect(program.bytes("out.h5") == program.bytes("whole.h5"))
  }
}
