import Foundation
import HDF5
import TestSupport
import Testing

/// Rare inputs and streams whose exit code once was another.
@Suite(.timeLimit(.minutes(30))) struct RareFailureTests {
  /// The mean of dy fits into a Double, its sum does not.
  @Test func aSumOfGradientsThatOverflows() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.add("activations", [1, 2, 3, 4], shape: [2, 2])
      try layer.add("grad_output", [1.5e308, 1, 1.5e308, 1], shape: [2, 2])
    }
    try program.write(#"{"nonfinite": "error"}"#, to: "config.json")
    let result = try program.run("--in", "in.h5", "--out", "out.h5", "--config", "config.json")
    #expect(result.exitCode == 65)
    #expect(
      result.error
        == "bn-stream: in.h5: the gradient of gamma or beta of feature 0 of /layer in batch 0 exceeds the range of double "
        + #"precision, which "nonfinite": "error" forbids; scale the activations or gradients down, or let the feature be "#
        + "spoiled with \"nonfinite\": \"count\"\n")
  }
}
