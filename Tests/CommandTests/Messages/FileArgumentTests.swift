import TestSupport
import Testing

/// Files that a line names by their place or of which it names several: each is looked at, and told by what named it.
@Suite(.timeLimit(.minutes(30))) struct FileArgumentTests {
  /// No file has an empty name, whichever of them it is.
  @Test(arguments: [
    ["compare", "", "rank2.h5"], ["compare", "rank2.h5", ""],
    ["compare", "rank2.h5", "rank2.h5", "--report", ""],
    ["merge", "", "--out", "out.h5"], ["merge", "rank2.h5", "", "--out", "out.h5"],
    ["merge", "rank2.h5", "--out", ""],
    ["report", ""], ["report", "rank2.h5", "--out", ""], ["inspect", ""],
    ["run", "--in", "rank2.h5", "", "--out", "out.h5"],
    ["run", "--in", "rank2.h5", "--out", "out.h5", "--report", ""],
    ["trace", "--in", "rank2.h5", "--html", ""], ["explain", "identity", "--html", ""],
    ["explain", "identity", "--out", ""],
    ["verify", "--in", "rank2.h5", "", "--against", "rank2.h5"],
    ["verify", "--write-golden", "golden.h5", "--golden-arrays", ""],
  ])
  func emptyNamesAreRefused(arguments: [String]) throws {
    let program = try Program("rank2.h5")
    expectFailure(
      try program.run(arguments), 64, "A file's name is empty; see bn-stream \(arguments[0]) --help")
    #expect(try program.files == ["rank2.h5"])
  }

  /// What two options name is told by the one for which it is opened first, also where it is the second of several files.
  @Test(arguments: [
    ["verify", "--in", "rank2.h5", "absent.h5", "--against", "absent.h5"],
    ["verify", "--in", "list.json", "--against", "absent.h5"],
    ["merge", "results.h5", "absent.h5", "--out", "out.h5", "--prior", "absent.h5:4"],
  ])
  func whatTwoOptionsNameIsToldByTheFirst(arguments: [String]) throws {
    let program = try Program("rank2.h5")
    try program.write(#"["rank2.h5", "absent.h5"]"#, to: "list.json")
    try program.makeMoments(["results.h5": ["bn": 2]])
    let result = try program.run(arguments)
    let option = arguments[0] == "verify" ? "--in" : "<files> 2"
    #expect(result.exitCode == 66)
    #expect(result.error.hasSuffix("absent.h5: there is no such file; check \(option)\n"), "\(result.error)")
  }

  /// Of files that are arguments and no options, the first is told by what the help calls it, also where all are missing.
  @Test(arguments: [
    (["compare", "absent.h5", "absent.h5"], "<first>"), (["compare", "absent.h5", "rank2.h5"], "<first>"),
    (["merge", "absent.h5", "--out", "out.h5"], "<files>"),
    (["merge", "absent.h5", "rank2.h5", "--out", "out.h5"], "<files>"),
    (["report", "absent.h5"], "<file>"), (["inspect", "absent.h5"], "<file>"),
  ])
  func theFirstIsToldByItsPlace(arguments: [String], place: String) throws {
    let program = try Program("rank2.h5")
    expectFailure(try program.run(arguments), 66, "absent.h5: there is no such file; check \(place)")
    #expect(try program.files == ["rank2.h5"])
  }
}
