import Foundation
import TestSupport
import Testing

/// What is unfinished lies in one known place, belongs to whoever is alive, and is in nobody's way afterwards.
@Suite(.serialized, .timeLimit(.minutes(30))) struct LeftoverTests {
  private func finishes(_ program: Program, output: String = "out.h5", _ options: String...) throws {
    let result = try program.run(["--in", "rank2.h5", "--out", output, "--quiet"] + options)
    #expect(result.exitCode == 0)
    #expect(result.error == "")
  }

  /// Whatever a run left that was killed, at whichever moment.
  @Test(
    arguments: [
      [], ["lock"], ["data.h5"], ["lock", "data.h5"], ["lock", "data.h5", "ledger", "job.json.new"],
    ] as [[String]])
  func ofADeadRun(names: [String]) throws {
    let program = try Program("rank2.h5")
    try FileManager.default.createDirectory(
      atPath: program.path("out.h5.partial"), withIntermediateDirectories: false)
    for name in names { try program.write("from before", to: "out.h5.partial/\(name)") }
    try finishes(program)
    #expect(try program.files == ["out.h5", "rank2.h5"])
  }

  /// What is not ours is not removed.
  @Test func keepsWhatIsNotItsOwn() throws {
    let program = try Program("rank2.h5")
    try FileManager.default.createDirectory(
      atPath: program.path("out.h5.partial"), withIntermediateDirectories: false)
    try program.write("precious", to: "out.h5.partial/notes")
    try finishes(program)
    #expect(try program.files == ["out.h5", "out.h5.partial", "rank2.h5"])
    #expect(
      FileManager.default.contents(atPath: program.path("out.h5.partial/notes")) == Data("precious".utf8))
  }

  /// A link in its place leads to somebody else's files.
  @Test func followsNoLink() throws {
    let program = try Program("rank2.h5")
    try FileManager.default.createDirectory(atPath: program.path("other"), withIntermediateDirectories: false)
    try program.write("precious", to: "other/data.h5")
    try FileManager.default.createSymbolicLink(
      atPath: program.path("out.h5.partial"), withDestinationPath: "other")
    #expect(try program.run("--in", "rank2.h5", "--out", "out.h5").exitCode == 73)
    #expect(FileManager.default.contents(atPath: program.path("other/data.h5")) == Data("precious".utf8))
  }

  #if os(Linux)
    /// Two runs with one output, HDF5's own locks switched off: the second is refused, the first one's result stands.
    @Test func ofALivingRun() throws {
      let program = try Program("rank2.h5")
      try LargeInput.write(to: program)
      let first = try program.start(
        shell: "HDF5_USE_FILE_LOCKING=FALSE exec \"$0\" --in large.h5 --out out.h5 --quiet")
      program.wait { FileManager.default.fileExists(atPath: program.path("out.h5.partial/data.h5")) }
      kill(first.processIdentifier, SIGTSTP)
      let worker = try #require(program.worker(of: first))
      program.wait { program.state(of: worker) == "T" }
      let second = try Program()
      for options in ["", "--force"] {
        let result = try second.run(
          shell:
            "cd '\(program.folder.path)' && HDF5_USE_FILE_LOCKING=FALSE exec \"$0\" --in rank2.h5 --out out.h5 \(options)"
        )
        expectFailure(
          result, 73,
          "out.h5: another run writes it, in out.h5.partial; wait for that one, or choose another --out")
      }
      kill(first.processIdentifier, SIGCONT)
      #expect(try program.wait(for: first).exitCode == 0)
      #expect(try program.files == ["large.h5", "out.h5", "rank2.h5"])
    }
  #endif

  /// Finished results are read beside the folder of a run that is to replace them, and whatever they are called.
  @Test func resultsAreReadBesideAnUnfinishedRun() throws {
    let program = try Program("rank2.h5")
    try finishes(program)
    try FileManager.default.copyItem(
      atPath: program.path("out.h5"), toPath: program.path("copy.h5.partial"))
    try FileManager.default.createDirectory(
      atPath: program.path("out.h5.partial"), withIntermediateDirectories: false)
    try program.write("from a run", to: "out.h5.partial/data.h5")
    for names in [
      ["report", "out.h5"], ["report", "copy.h5.partial"], ["compare", "out.h5", "copy.h5.partial"],
    ] {
      let result = try program.run(names)
      #expect(result.exitCode == 0 && result.error == "", "\(names): \(result.error)")
    }
  }

  /// The longest names that there are, one of characters of three bytes.
  @Test(arguments: [String(repeating: "n", count: 255), String(repeating: "€", count: 85)])
  func longNames(name: String) throws {
    let program = try Program("rank2.h5")
    try finishes(program, output: name)
    try finishes(program, output: name, "--force")
    #expect(try program.files == [name, "rank2.h5"].sorted())
  }

  @Test(arguments: [0o600, 0o640, 0o666, 0o444]) func forceKeepsTheMode(mode: Int) throws {
    let program = try Program("rank2.h5")
    try program.write("from before", to: "out.h5")
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: program.path("out.h5"))
    try finishes(program, "--force")
    let attributes = try FileManager.default.attributesOfItem(atPath: program.path("out.h5"))
    #expect(attributes[.posixPermissions] as? Int == mode)
  }

  /// Only root may give files away.
  @Test(.enabled(if: getuid() == 0, "only root may give files away")) func forceKeepsTheOwner() throws {
    let program = try Program("rank2.h5")
    try program.write("from before", to: "out.h5")
    #expect(chown(program.path("out.h5"), 12345, 23456) == 0)
    try finishes(program, "--force")
    let attributes = try FileManager.default.attributesOfItem(atPath: program.path("out.h5"))
    #expect(attributes[.ownerAccountID] as? Int == 12345)
    #expect(attributes[.groupOwnerAccountID] as? Int == 23456)
  }
}
