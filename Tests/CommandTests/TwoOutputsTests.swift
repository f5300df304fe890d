import Foundation
import HDF5
import TestSupport
import Testing

/// Commands that write two files, or are asked about several layers.
@Suite(.timeLimit(.minutes(30))) struct TwoOutputsTests {
  private func program() throws -> Program {
    let program = try Program()
    try program.make { root in
      try root.createGroup("one").addTensors([8, 3])
      try root.createGroup("two").addTensors([6, 4])
    }
    return program
  }

  /// The page is there beside the file, and has what the file has.
  @Test func traceWritesBoth() throws {
    let program = try program()
    let command = ["trace", "--in", "in.h5", "--layer", "two", "--html"]
    let both = try program.run(command + ["page.html", "--out", "out.h5"])
    #expect(both.exitCode == 0 && both.output.hasPrefix("/two: batch 0, samples 0..<6, "), "\(both.error)")
    #expect(try program.files == ["in.h5", "out.h5", "page.html"])
    #expect(try program.root("out.h5").dataset("two/forward/1_mu").shape == [4])
    let alone = try program.run(command + ["alone.html"])
    #expect(alone.exitCode == 0)
    let page = try program.text("page.html")
    #expect(try page == program.text("alone.html") && page.contains("<span class=\"put\">xhat["))
  }

  /// What is too large to print is not written either, and of two layers neither.
  @Test func traceWritesNothingThatItCannotPrint() throws {
    let program = try Program()
    try program.make { root in
      try root.createGroup("a").addTensors([4, 3])
      try root.createGroup("b").addTensors([100, 3])
    }
    expectFailure(
      try program.run("trace", "--in", "in.h5", "--print", "--out", "out.h5", "--html", "page.html"), 65,
      "in.h5: batch 0 of /b is [100, 3], too large to print; --print takes up to 256 numbers: choose a smaller --batch-size, or "
        + "write all to --out without --print")
    #expect(try program.files == ["in.h5"])
  }

  /// The same of an experiment.
  @Test func explainWritesBoth() throws {
    let program = try program()
    let command = ["explain", "identity", "--in", "in.h5", "--layer", "two", "--html"]
    let both = try program.run(command + ["page.html", "--out", "out.h5"])
    #expect(both.exitCode == 0 && both.error == "", "\(both.error)")
    #expect(try program.files == ["in.h5", "out.h5", "page.html"])
    #expect(try program.root("out.h5").group("two").readString(attribute: "verdict") == "held")
    #expect(try program.run(command + ["alone.html"]).exitCode == 0)
    #expect(try program.text("page.html") == program.text("alone.html"))
  }

  /// Every layer of a file is explained, each with its own numbers.
  @Test func everyLayerIsExplained() throws {
    let program = try program()
    let command = ["explain", "identity", "--in", "in.h5"]
    let report = try program.object(program.run(command + ["--json"]))
    let explanations = try #require(report["explanations"] as? [[String: Any]])
    let data = explanations.compactMap { $0["data"] as? [String: Any] }
    #expect(data.map { $0["layer"] as? String } == ["/one", "/two"])
    #expect(data.map { $0["count"] as? Int } == [8, 6])
    #expect(data.map { $0["features"] as? Int } == [3, 4])
    let text = try program.run(command + ["--out", "out.h5"])
    #expect(text.exitCode == 0)
    #expect(text.output.contains("\nOn in.h5, /one: batch 0, m = 8, C = 3\n"), "\(text.output)")
    #expect(text.output.contains("\nOn in.h5, /two: batch 0, m = 6, C = 4\n"), "\(text.output)")
    #expect(text.output.components(separatedBy: "\nHELD: ").count == 3)
    #expect(try program.root("out.h5").links().map(\.name) == ["one", "two"])
  }

  /// A million steps are the most.
  @Test func theMostSteps() throws {
    let program = try Program()
    let most = try program.run("explain", "identity", "--steps", "1000000")
    #expect(most.exitCode == 0 && most.error == "", "\(most.error)")
    expectFailure(
      try program.run("explain", "identity", "--steps", "1000001"), 64,
      "'--steps' is 1000001; it must be from 1 to 1000000; see bn-stream explain --help")
  }

  /// γ = -2 makes of a gradient of 0 a zero with a sign, which tells nobody anything: it is printed without.
  @Test func zerosArePrintedWithoutSigns() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.add("activations", [1, 3], shape: [2, 1])
      try layer.add("grad_output", [0, 1], shape: [2, 1])
      try layer.add("gamma", [-2])
    }
    let result = try program.run("trace", "--in", "in.h5", "--print")
    #expect(result.exitCode == 0)
    let words = result.output.split { $0 == " " || $0 == "\n" }.map(String.init)
    #expect(words.contains("dxhat") && words.contains("-2") && words.contains("0"), "\(result.output)")
    #expect(!words.contains("-0"), "\(result.output)")
  }
}
