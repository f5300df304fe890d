import Testing

@testable import Inspection
@testable import bn_stream

/// What `check` prints of layers of which something is wrong, or proves nothing.
@Suite(.timeLimit(.minutes(30))) struct CheckTextTests {
  private func layer(_ kernels: [Deviation], _ differences: [Deviation], uniform: Int = 0) -> LayerCheck {
    LayerCheck(
      path: "/bn", batches: [0], batchCount: 1, samplesPerBatch: 4, isShortened: false, features: 2,
      featureCount: 2, computedType: "float64", forwardOnly: false, kernels: kernels,
      differences: differences,
      uniformFeatures: uniform, undefinedFeatures: 0)
  }

  private func lines(_ layers: [LayerCheck]) -> [String] {
    CheckText(CheckReport(version: "1", input: "a.h5", layers: layers)).text
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  private func deviation(_ quantity: String, isWrong: Bool) -> Deviation {
    var deviation = Deviation(quantity, allowed: 1e-8)
    deviation.compare(isWrong ? 2 : 1, 1, scale: 1, batch: 0, index: [0])
    return deviation
  }

  /// What is wrong is named once, in the table's order, also where the graph and the differences alone disagree.
  @Test(
    arguments: [
      (["grad_input"], ["grad_gamma", "grad_input"], "grad_input, grad_gamma"),
      ([], ["grad_beta"], "grad_beta"), (["var", "output"], [], "var, output"),
    ] as [([String], [String], String)])
  func whatIsWrongIsNamedOnce(kernels: [String], differences: [String], words: String) {
    let names = ["var", "output", "grad_input", "grad_beta"]
    let ofKernels = names.map { deviation($0, isWrong: kernels.contains($0)) }
    let ofDifferences = ["grad_beta", "grad_gamma", "grad_input"].map {
      deviation($0, isWrong: differences.contains($0))
    }
    #expect(lines([layer(ofKernels, ofDifferences)]).last == "FAILED: " + words)
  }

  /// Where the gradient of all features is uniform the verdict says it, and nothing else does; layers have an empty line between them.
  @Test func aUniformGradientIsSaidOnce() {
    let kernels = [deviation("mean", isWrong: false)]
    let shown = lines([layer(kernels, [], uniform: 2), layer(kernels, [], uniform: 1)])
    let verdict: String =
      "NOT PROVED: the upstream gradient is uniform, as that of L = sum(out), and dx is then 0 whatever the formula; "
      + "record the gradients of another loss"
    let note =
      "1 of 2 features has a uniform upstream gradient, which proves nothing: dx is then 0 whatever the formula"
    #expect(shown.count == 10 && shown[3] == verdict && shown[4] == "", "\(shown)")
    #expect(shown.suffix(2) == [note, "NOT PROVED: there is no feature whose gradient could be compared"])
  }
}
