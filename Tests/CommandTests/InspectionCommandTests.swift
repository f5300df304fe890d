import Foundation
import HDF5
import TestSupport
import Testing

@Suite("trace, check and verify as commands", .timeLimit(.minutes(30)))
struct InspectionCommandTests {
  @Test("trace writes a file and a table, and nothing twice without --force")
  func trace() throws {
    let program = try Program("rank2.h5")
    let first = try program.run("trace", "--in", "rank2.h5", "--out", "t.h5", "--batch-size", "8")
    #expect(first.exitCode == 0 && first.error.isEmpty)
    #expect(first.output.hasPrefix("/layer: batch 0, samples 0..<8, m = 8, "))
    #expect(try program.files == ["rank2.h5", "t.h5"])
    let second = try program.run("trace", "--in", "rank2.h5", "--out", "t.h5")
    #expect(second.exitCode == 73)
    #expect(
      second.error == "bn-stream: t.h5: exists already; choose another --out, or replace it with --force\n")
    #expect(
      try program.run("trace", "--in", "rank2.h5", "--out", "t.h5", "--force", "--quiet").output.isEmpty)
  }

  @Test("trace --dot prints one graph for each layer, and needs no output")
  func dot() throws {
    let program = try Program("nested.h5")
    let result = try program.run("trace", "--in", "nested.h5", "--dot")
    #expect(result.exitCode == 0)
    #expect(result.output.split(separator: "\n").count { $0.hasPrefix("digraph ") } == 4)
    #expect(try program.files == ["nested.h5"])
  }

  @Test(
    "options that make no sense",
    arguments: [
      ["trace", "--in", "rank2.h5"], ["trace", "--in", "rank2.h5", "--dot", "--batch=-1"],
      ["check", "--in", "rank2.h5", "--samples", "0"], ["check", "--in", "rank2.h5", "--tolerance", "nan"],
      ["verify", "--in", "rank2.h5"], ["verify", "--in", "rank2.h5", "--against", "rank2.h5", "--rtol=-1"],
    ])
  func usage(arguments: [String]) throws {
    let result = try Program("rank2.h5").run(arguments)
    #expect(result.exitCode == 64 && result.output.isEmpty)
    #expect(result.error.hasPrefix("bn-stream: ") && result.error.split(separator: "\n").count == 1)
    #expect(result.error.contains("see bn-stream \(arguments[0]) --help"))
  }

  @Test("check exits with 0 if all layers pass, with 1 if one fails or proves nothing, and as run otherwise")
  func check() throws {
    let program = try Program("rank2.h5", "no_samples.h5", "bad/text.h5")
    #expect(try program.run("check", "--in", "rank2.h5").exitCode == 0)
    #expect(try program.run("check", "--in", "rank2.h5", "--tolerance", "0").exitCode == 1)
    #expect(try program.run("check", "--in", "no_samples.h5").exitCode == 1)
    #expect(try program.run("check", "--in", "text.h5").exitCode == 65)
    #expect(try program.run("check", "--in", "missing.h5").exitCode == 66)
    let quiet = try program.run("check", "--in", "no_samples.h5", "--quiet")
    #expect(quiet.output.isEmpty && quiet.error.isEmpty)
  }

  @Test("verify exits with 0 if all agrees, with 1 if not, with 65 if it cannot be compared")
  func verify() throws {
    let program = try Program("rank2.h5", "rank3.h5", "bad/text.h5")
    func exitCode(_ arguments: String...) throws -> Int32 {
      try program.run(["verify", "--in", "rank2.h5", "--batch-size", "8"] + arguments).exitCode
    }
    #expect(try program.run("--in", "rank2.h5", "--out", "o.h5", "--batch-size", "8").exitCode == 0)
    #expect(try exitCode("--against", "o.h5") == 0)
    #expect(try exitCode("--against", "o.h5", "--rtol", "0") == 1)
    #expect(try exitCode("--against", "o.h5", "--rtol", "0", "--atol", "1e-3") == 0)
    // Both errors that are allowed are shown, and one where there is one.
    let command = ["verify", "--in", "rank2.h5", "--batch-size", "8", "--against", "o.h5", "--rtol", "0.25"]
    let absolute = try program.run(command + ["--atol", "0.5"]).output
    #expect(absolute.contains("  2.5e-01 + 5.0e-01  "), "\(absolute)")
    let relative = try program.run(command).output
    #expect(relative.contains("  2.5e-01  ") && !relative.contains(" + "), "\(relative)")
    #expect(try exitCode("--against", "rank3.h5") == 65)
    #expect(try exitCode("--against", "text.h5") == 65)
    #expect(try exitCode("--against", "missing.h5") == 66)
  }

  @Test(
    "where a page is in the way, nothing else is written either",
    arguments: [
      ["trace", "--in", "rank2.h5"], ["explain", "identity", "--in", "rank2.h5"], ["explain", "identity"],
    ])
  func pageInTheWay(arguments: [String]) throws {
    let program = try Program("rank2.h5")
    try program.write("precious", to: "page.html")
    let result = try program.run(arguments + ["--html", "page.html", "--out", "out.h5"])
    expectFailure(
      result, 73, "page.html: exists already; choose another --out, or replace it with --force")
    #expect(try program.files == ["page.html", "rank2.h5"])
    #expect(try program.text("page.html") == "precious")
  }

  @Test("--json is one object, also of a command that fails")
  func json() throws {
    let program = try Program("rank2.h5")
    for arguments in [
      ["check", "--in", "rank2.h5"], ["verify", "--in", "rank2.h5", "--against", "rank2.h5"],
      ["check", "--in", "missing.h5"], ["verify", "--in", "rank2.h5", "--against", "missing.h5"],
    ] {
      let result = try program.run(arguments + ["--json"])
      #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(result.output.utf8)) }
    }
  }
}
