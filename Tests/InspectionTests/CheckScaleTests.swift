import Configuration
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

@testable import Inspection

/// How large `check` takes the terms of results to be of which nothing is left, worked out by hand.
@Suite(.timeLimit(.minutes(30))) struct CheckScaleTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The program's kernels with an error in the first number of a result.
  private struct Shifted: BatchKernels {
    let kernels: ProgramKernels
    let result: LayerResult
    let error: Double

    func results(of samples: Range<Int>, layer: Layer) throws -> KernelResults {
      var results = try kernels.results(of: samples, layer: layer)
      results[result]?[0] += error
      return results
    }
  }

  private func verdict(_ plan: JobPlan, _ result: LayerResult, error: Double) throws -> CheckVerdict {
    try Check(plan, kernels: Shifted(kernels: ProgramKernels(plan: plan), result: result, error: error))
      .report().verdict
  }

  /// Of x = -7, 7, -1, 1 the mean is 0 and the deviation 5, so x̂ = ∓1.4, ∓0.2. Then dβ is 0 of terms whose squares add up to 52; dγ is 0 of
  /// ∓7, ∓0.2, to 98.08; and dx is 0 of dy = 2 + x̂, whose squares add up to 20: 8 · 1/5 · √(20/4) = 3.578.
  @Test(
    arguments: [
      (.batchGradBeta, [5, -5, 1, -1], 1, 7.2e-8, 7.3e-8), (.batchGradGamma, [5, 5, 1, 1], 1, 9.8e-8, 10e-8),
      (.gradInput, [0.6, 3.4, 1.8, 2.2], -8, 3.55e-8, 3.6e-8),
      (.gradInput, [0.6, 3.4, 1.8, 2.2], 8, 3.55e-8, 3.6e-8),
      (.batchMean, [5, -5, 1, -1], 1, 4.95e-8, 5.05e-8), (.batchMean, nil, 1, 4.95e-8, 5.05e-8),
    ] as [(LayerResult, [Double]?, Double, Double, Double)])
  func whatCancelsIsJudgedByItsTerms(
    result: LayerResult, dy: [Double]?, gamma: Double, allowed: Double, refused: Double
  ) throws {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    configuration.outputs = Set(OutputTensor.allCases)
    var datasets: [String: TemporaryFolder.Stored] = [
      "activations": .init(shape: [4, 1], values: [-7, 7, -1, 1]),
      "gamma": .init(shape: [1], values: [gamma]),
    ]
    if let dy { datasets["grad_output"] = .init(shape: [4, 1], values: dy) }
    let plan = try Repository.plan(folder.file("in.h5", datasets), configuration)
    for (error, expected) in [(0.0, CheckVerdict.passed), (allowed, .passed), (refused, .failed)] {
      #expect(try verdict(plan, result, error: error) == expected, "\(result.name) + \(error)")
    }
  }

  /// With running statistics of mean 0 and variance 1 y is γ · x, here less than 2⁻¹²⁶, where float32 has multiples of 2⁻¹⁴⁹ only.
  @Test(arguments: [(0, .passed), (1e-44, .failed)] as [(Double, CheckVerdict)])
  func theSmallestNumbersHaveFewDigits(error: Double, expected: CheckVerdict) throws {
    var configuration = JobConfiguration()
    configuration.statistics = .running
    for role in [DatasetRole.runningMean, .runningVariance] {
      try configuration.datasets.setName("none", for: role)
    }
    configuration.epsilon = Epsilon(0)
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        [
          "activations": .init(shape: [3, 1], values: [1e-42, 3e-42, -7e-42], type: .float32),
          "gamma": .init(shape: [1], values: [0.3]),
        ]), configuration)
    #expect(try verdict(plan, .output, error: error) == expected)
  }

  /// γ is NaN in the first feature and β infinite in the second: neither has a derivative.
  @Test func parametersThatAreNotFiniteHaveNoDerivative() throws {
    let x: [Double] = [1, 1, 1, 2, 2, 2, 4, 4, 4]
    let dy: [Double] = [2, 1, 3, 1, 0, 2, 1, 5, 4]
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        [
          "activations": .init(shape: [3, 3], values: x), "grad_output": .init(shape: [3, 3], values: dy),
          "gamma": .init(shape: [3], values: [.nan, 1, 2]),
          "beta": .init(shape: [3], values: [0, .infinity, 1]),
        ]))
    let layer = try Check(plan).report().layers[0]
    #expect(layer.verdict == .passed && layer.undefinedFeatures == 2)
    #expect(layer.differences.map(\.count) == [3, 1, 1])
  }

  /// Of three batches the first has no value that counts.
  @Test func maskedBatchesAreNotLookedAt() throws {
    var configuration = JobConfiguration()
    configuration.batchSize = BatchSize(samples: 4)
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        [
          "activations": .init(shape: [12, 1], values: (0..<12).map { Double($0 * $0 % 7) }),
          "mask": .init(
            shape: [12], values: [0, 0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1], type: .int8),
        ]), configuration)
    let layer = try Check(plan).report().layers[0]
    #expect(layer.verdict == .passed && layer.batches == [1, 2] && layer.batchCount == 3)
    let counts = layer.kernels.map { [$0.quantity: $0.count] }
    #expect(counts.contains(["mean": 2]) && counts.contains(["output": 8]))
  }
}
