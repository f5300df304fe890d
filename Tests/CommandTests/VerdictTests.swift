import Foundation
import HDF5
import TestSupport
import Testing

/// The last line of `explain`.
@Suite(.timeLimit(.minutes(30))) struct VerdictTests {
  /// Of values that are 1, -1, and a tenth of them 0, the deviation is √0.9: only the zeros lie inside ±1.
  @Test("a statement that does not hold says by which rows") func refuted() throws {
    let program = try Program()
    try program.make { root in
      let x = (0..<100).map { $0 < 45 ? 1.0 : $0 < 90 ? -1 : 0 }
      try root.createGroup("layer").add("activations", x, shape: [100, 1])
    }
    let command = ["explain", "saturation", "--in", "in.h5"]
    let text = try program.run(command)
    #expect(text.exitCode == 0 && text.error == "")
    #expect(text.output.contains("  0.1 (!) "))
    #expect(
      text.output.hasSuffix(
        "\n\nDID NOT HOLD: on this data it is otherwise; see share of values inside -1...1 (Gaussian: 0.6827)\n"
      ))
    let found = try program.object(program.run(command + ["--json"]))
    let explanation = try #require((found["explanations"] as? [[String: Any]])?.first)
    #expect(explanation["verdict"] as? String == "refuted")
    #expect(explanation["against"] as? [String] == ["share_inside"])
  }

  @Test(
    "one that holds, and one that is not shown, name none", arguments: [(1.0, "held"), (0, "inconclusive")])
  func others(scale: Double, verdict: String) throws {
    let program = try Program()
    try program.make { root in
      let x = (0..<100).map { scale * Double(($0 * 37) % 41) }
      try root.createGroup("layer").add("activations", x, shape: [100, 1])
    }
    let found = try program.object(program.run("explain", "saturation", "--in", "in.h5", "--json"))
    let explanation = try #require((found["explanations"] as? [[String: Any]])?.first)
    #expect(explanation["verdict"] as? String == verdict)
    #expect(explanation["against"] as? [String] == [])
  }

  /// Features that do not vary, a gradient of 0, steps that are too small, and one after which nothing is learned yet.
  @Test(
    "what is not shown says why",
    arguments: [
      (["saturation", "--in", "constant.h5"], "no feature varies within the batch"),
      (["bias-drift", "--in", "constant.h5"], "the gradient of every bias is 0"),
      (
        ["landscape", "--steps", "2", "--learning-rate", "1e-9"],
        "without batch normalization the network did not learn, and where nothing is learned the loss is flat, which is smooth"
      ),
      (
        ["covariate-shift", "--steps", "1"],
        "the network with batch normalization did not learn from these samples and labels"
      ),
      (
        ["percentiles", "--steps", "10"],
        "in ten steps or fewer percentiles are taken once, and nothing is seen to move"
      ),
    ] as [([String], String)])
  func notShown(arguments: [String], words: String) throws {
    let program = try Program()
    try program.make("constant.h5") { root in
      let layer = try root.createGroup("layer")
      try layer.add("activations", [3, 3, 3, 3], shape: [4, 1])
      try layer.add("grad_output", [0, 0, 0, 0], shape: [4, 1])
    }
    let result = try program.run(["explain"] + arguments)
    #expect(result.exitCode == 0 && result.error == "")
    #expect(result.output.hasSuffix("\n\nNOT SHOWN: \(words)\n"))
  }
}
