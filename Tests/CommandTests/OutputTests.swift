import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

/// Where the output may lie, and what is printed.
@Suite(.timeLimit(.minutes(30))) struct OutputTests {
  @Test func appearsCompleteAndAlone() throws {
    let program = try Program("rank2.h5")
    let result = try program.run("--in", "rank2.h5", "--out", "out.h5")
    #expect(result.exitCode == 0)
    #expect(result.error == "")
    #expect(result.output.contains("/layer  [19, 5]  float32"))
    #expect(try program.files == ["out.h5", "rank2.h5"])
    let root = try File(reading: program.path("out.h5")).root
    #expect(try root.dataset("layer/output").shape == [19, 5])
    #expect(try root.readString(attribute: "input_path") == "rank2.h5")
  }

  @Test func isTheSameEveryTime() throws {
    let program = try Program("rank2.h5")
    for name in ["one.h5", "two.h5"] { _ = try program.run("--in", "rank2.h5", "--out", name) }
    #expect(
      FileManager.default.contentsEqual(atPath: program.path("one.h5"), andPath: program.path("two.h5")))
  }

  @Test func replacesAFileOnlyByForce() throws {
    let program = try Program("rank2.h5")
    try program.write("precious", to: "out.h5")
    expectFailure(
      try program.run("--in", "rank2.h5", "--out", "out.h5"), 73,
      "out.h5: exists already; choose another --out, or replace it with --force")
    #expect(try String(contentsOfFile: program.path("out.h5"), encoding: .utf8) == "precious")
    #expect(try program.run("--in", "rank2.h5", "--out", "out.h5", "--force").exitCode == 0)
    #expect(try File.isHDF5(program.path("out.h5")))
    #expect(try program.files == ["out.h5", "rank2.h5"])
  }

  @Test func aLinkThatLeadsNowhereIsAnOutputThatExists() throws {
    let program = try Program("rank2.h5")
    try FileManager.default.createSymbolicLink(
      atPath: program.path("out.h5"), withDestinationPath: "absent.h5")
    expectFailure(
      try program.run("--in", "rank2.h5", "--out", "out.h5"), 73,
      "out.h5: exists already; choose another --out, or replace it with --force")
  }

  /// By force the output takes its place: there is no file that it could lead to.
  @Test func aLinkThatLeadsNowhereIsReplacedByForce() throws {
    let program = try Program("rank2.h5")
    try FileManager.default.createSymbolicLink(
      atPath: program.path("out.h5"), withDestinationPath: "absent.h5")
    let result = try program.run("--in", "rank2.h5", "--out", "out.h5", "--force")
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    #expect(try File.isHDF5(program.path("out.h5")))
  }

  /// Who replaces a link writes the file that it leads to, for all who read it there.
  @Test(arguments: [["folder/real.h5"], ["other.h5", "folder/real.h5"]])
  func aLinkLeadsToTheOutput(links: [String]) throws {
    let program = try Program("rank2.h5")
    let files = FileManager.default
    try files.createDirectory(atPath: program.path("folder"), withIntermediateDirectories: false)
    try program.write("old", to: "folder/real.h5")
    let names = ["out.h5"] + links.dropLast()
    for (name, target) in zip(names, links) {
      try files.createSymbolicLink(atPath: program.path(name), withDestinationPath: target)
    }
    let result = try program.run("--in", "rank2.h5", "--out", "out.h5", "--force")
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    for (name, target) in zip(names, links) {
      #expect(try files.destinationOfSymbolicLink(atPath: program.path(name)) == target)
    }
    #expect(try File.isHDF5(program.path("folder/real.h5")))
    #expect(try files.contentsOfDirectory(atPath: program.path("folder")) == ["real.h5"])
    #expect(try program.files == (["folder", "rank2.h5"] + names).sorted())
  }

  /// A run that fails leaves the file that it was to replace.
  @Test func staysIfTheRunFails() throws {
    let program = try Program("nonfinite.h5")
    try program.write("precious", to: "out.h5")
    try program.write(#"{"nonfinite": "error"}"#, to: "config.json")
    let result = try program.run(
      "--in", "nonfinite.h5", "--out", "out.h5", "--force", "--config", "config.json")
    #expect(result.exitCode == 65)
    #expect(try String(contentsOfFile: program.path("out.h5"), encoding: .utf8) == "precious")
    #expect(try program.files == ["config.json", "nonfinite.h5", "out.h5"])
  }

  /// Who may read the results and their page says the user's mask, and nobody else.
  @Test(arguments: [("027", 0o640), ("002", 0o664), ("077", 0o600)] as [(String, Int)])
  func theUsersMaskIsHeeded(mask: String, mode: Int) throws {
    let program = try Program("rank2.h5")
    let command = #"umask \#(mask); exec "$0" --in rank2.h5 --out out.h5 --report page.html"#
    #expect(try program.run(shell: command).exitCode == 0)
    for name in ["out.h5", "page.html"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: program.path(name))
      #expect(attributes[.posixPermissions] as? Int == mode, "\(name)")
    }
  }

  @Test(arguments: ["rank2.h5", "./rank2.h5", "symbolic.h5", "hard.h5"])
  func isNeverTheInput(output: String) throws {
    let program = try Program("rank2.h5")
    let files = FileManager.default
    try files.createSymbolicLink(atPath: program.path("symbolic.h5"), withDestinationPath: "rank2.h5")
    try files.linkItem(atPath: program.path("rank2.h5"), toPath: program.path("hard.h5"))
    let before = try Data(contentsOf: program.folder.appending(path: "rank2.h5"))
    for force in [[], ["--force"]] {
      expectFailure(
        try program.run(["--in", "rank2.h5", "--out", output] + force), 73,
        "\(output): is the file rank2.h5 itself, which is read; choose another name, what is read is never changed"
      )
    }
    #expect(try Data(contentsOf: program.folder.appending(path: "rank2.h5")) == before)
    #expect(try program.files == ["hard.h5", "rank2.h5", "symbolic.h5"])
  }

  /// Nothing that is written replaces the configuration, or the list of the input's files, even with --force.
  @Test(
    arguments: [
      "run --out config.json", "run --out list.json", "run --out out.h5 --report config.json",
      "run --out out.h5 --report list.json", "trace --out config.json", "trace --html list.json",
      "verify --write-golden list.json", "verify --write-golden out.h5 --golden-arrays config.json",
    ])
  func isNeverTheConfigurationOrAList(command: String) throws {
    let program = try Program("rank2.h5")
    try program.write(#"{"batch_size": 4}"#, to: "config.json")
    try program.write(#"["rank2.h5"]"#, to: "list.json")
    func contents() throws -> [String] {
      try ["config.json", "list.json"].map { try String(contentsOfFile: program.path($0), encoding: .utf8) }
    }
    let before = try contents()
    let words = command.split(separator: " ").map(String.init)
    let file = try #require(words.last)
    expectFailure(
      try program.run(words + ["--in", "list.json", "--config", "config.json", "--force"]), 73,
      "\(file): is the file \(file) itself, which is read; choose another name, what is read is never changed"
    )
    #expect(try contents() == before)
    #expect(try program.files == ["config.json", "list.json", "rank2.h5"])
  }

  /// Nor a list that another one names.
  @Test(arguments: [
    "run --out inner.json", "run --out out.h5 --report inner.json", "trace --html inner.json",
    "verify --write-golden inner.json",
  ])
  func isNeverAListWithinAList(command: String) throws {
    let program = try Program("rank2.h5")
    try program.write(#"["inner.json"]"#, to: "outer.json")
    try program.write(#"["rank2.h5"]"#, to: "inner.json")
    expectFailure(
      try program.run(command.split(separator: " ").map(String.init) + ["--in", "outer.json", "--force"]), 73,
      "inner.json: is the file inner.json itself, which is read; choose another name, what is read is never changed"
    )
    #expect(try String(contentsOfFile: program.path("inner.json"), encoding: .utf8) == #"["rank2.h5"]"#)
    #expect(try program.files == ["inner.json", "outer.json", "rank2.h5"])
  }

  /// The same of an experiment, which takes one file.
  @Test(arguments: ["--out", "--html"]) func ofAnExperimentIsNeverTheConfiguration(option: String) throws {
    let program = try Program("rank2.h5")
    try program.write(#"{"batch_size": 4}"#, to: "config.json")
    expectFailure(
      try program.run(["explain", "adjoints", option, "./config.json", "--config", "config.json", "--force"]),
      73,
      "./config.json: is the file config.json itself, which is read; choose another name, what is read is never changed"
    )
    #expect(try program.files == ["config.json", "rank2.h5"])
  }

  @Test func needsAFolder() throws {
    let program = try Program("rank2.h5")
    expectFailure(
      try program.run("--in", "rank2.h5", "--out", "nowhere/out.h5"), 73,
      "nowhere/out.h5: cannot be created, there is no folder nowhere; create it first, or choose another --out"
    )
    expectFailure(
      try program.run("--in", "rank2.h5", "--out", "rank2.h5/out.h5"), 73,
      "rank2.h5/out.h5: cannot be created, there is no folder rank2.h5; create it first, or choose another --out"
    )
    expectFailure(
      try program.run("--in", "rank2.h5", "--out", ".", "--force"), 73,
      ".: is a folder; --out takes the name of a file")
  }

  #if os(Linux)
    /// Not even root creates files there.
    @Test func needsAFolderThatTakesFiles() throws {
      let program = try Program("rank2.h5")
      let result = try program.run("--in", "rank2.h5", "--out", "/proc/out.h5")
      #expect(result.exitCode == 73)
      #expect(result.error.hasPrefix("bn-stream: /proc/out.h5: "))
    }
  #endif

  @Test func quietPrintsNothing() throws {
    let program = try Program("rank2.h5")
    for options in [[], ["--dry-run"], ["--progress", "always"]] {
      let result = try program.run(["--in", "rank2.h5", "--out", "out.h5", "--force", "--quiet"] + options)
      #expect(result.exitCode == 0)
      #expect(result.output == "")
      #expect(result.error == "")
    }
    expectFailure(
      try program.run("--in", "absent.h5", "--out", "out.h5", "--quiet"), 66,
      "absent.h5: there is no such file; check --in")
  }

  @Test func dryRunWritesNothing() throws {
    let program = try Program("nested.h5")
    for output in [[], ["--out", "out.h5"]] {
      let result = try program.run(["--in", "nested.h5", "--dry-run", "--batch-size", "8"] + output)
      #expect(result.exitCode == 0)
      for layer in ["/a ", "/a/deep/bn ", "/b.0/norm ", "/c "] { #expect(result.output.contains(layer)) }
      #expect(result.output.hasSuffix("Nothing was written.\n"))
      #expect(try program.files == ["nested.h5"])
    }
    let json = try program.run("--in", "nested.h5", "--dry-run", "--batch-size", "8", "--json").output
    let plan = try JSONDecoder().decode(PlanSummary.self, from: Data(json.utf8))
    #expect(plan.layers.map(\.path) == ["/a", "/a/deep/bn", "/b.0/norm", "/c"])
    #expect(plan.layers.map(\.passes) == [1, 1, 1, 1])
    #expect(plan.layers.map(\.forwardOnly) == [false, false, false, true])
    #expect(plan.layers[0].batches == 2)
  }

  @Test func jsonIsOneObject() throws {
    let program = try Program("rank2.h5")
    let result = try program.run("--in", "rank2.h5", "--out", "out.h5", "--json", "--batch-size", "10")
    #expect(result.exitCode == 0)
    let summary = try JSONDecoder().decode(JobSummary.self, from: Data(result.output.utf8))
    #expect(summary.status == .done)
    #expect(summary.error == nil)
    #expect(summary.output == "out.h5")
    #expect(summary.layers.map(\.path) == ["/layer"])
    #expect(summary.totals.samples == 19)
    #expect(summary.totals.batches == 2)
    #expect(summary.totals.bytesWritten == 2 * 19 * 5 * 4)
  }

  @Test(
    arguments: [
      (["--in", "absent.h5", "--out", "out.h5"], 66, "absent.h5: there is no such file; check --in"),
      (
        ["--in", "rank2.h5", "--out", "out.h5", "--config", "none.json"], 78,
        #"cannot read the configuration "none.json" (--config): there is no such file; check the path"#
      ),
      (["--in", "rank2.h5"], 64, "Missing expected argument '--out <file>'; see bn-stream run --help"),
    ] as [([String], Int32, String)])
  func jsonIsOneObjectAlsoOnFailure(arguments: [String], exitCode: Int32, message: String) throws {
    let result = try Program("rank2.h5").run(arguments + ["--json"])
    #expect(result.exitCode == exitCode)
    #expect(result.error == "bn-stream: \(message)\n")
    let summary = try JSONDecoder().decode(JobSummary.self, from: Data(result.output.utf8))
    #expect(summary.status == .failed)
    #expect(summary.error == JobSummary.Failure(code: Int(exitCode), message: message))
    #expect(summary.layers.isEmpty)
  }
}
