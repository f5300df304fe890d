import Configuration
import Jobs
import LayerFiles
import TestSupport
import Testing

@testable import Inspection

/// What would stop a run stops no comparison of kernels with the graph.
@Suite(.timeLimit(.minutes(30))) struct CheckedPartTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Of a batch that is too large only its first samples are looked at, and that may be one: y = β, and no variance.
  @Test func aSingleSampleOfABatchIsComputed() throws {
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        [
          "bn/activations": .init(shape: [3, 2], values: [1, 3, 5, 9, 2, 4]),
          "bn/beta": .init(shape: [2], values: [0.5, -2]),
        ]), json: #"{"single_value_batch": "error"}"#)
    let results = try ProgramKernels(plan: plan).results(of: 1..<2, layer: plan.layers[0])
    #expect(results[.batchMean] == [5, 9] && results[.batchVariance] == [0, 0])
    #expect(results[.output] == [0.5, -2])
  }

  /// A feature with a NaN is one on both sides, and the other one is compared as ever.
  @Test func whatIsNotFiniteIsCompared() throws {
    let plan = try Repository.plan(
      folder.file(
        "in.h5", ["bn/activations": .init(shape: [4, 2], values: [1, 2, 3, .nan, 5, 7, 8, 4])]),
      json: #"{"nonfinite": "error"}"#)
    let layer = try Check(plan).report().layers[0]
    #expect(layer.verdict == .passed && layer.batches == [0])
    let counts = layer.kernels.map { [$0.quantity: $0.count] }
    #expect(counts.contains(["mean": 2]) && counts.contains(["output": 8]))
  }
}
