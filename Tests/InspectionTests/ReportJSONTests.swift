import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// What `check` and `verify` say as JSON: every member, each with a number of its own.
@Suite(.timeLimit(.minutes(30))) struct ReportJSONTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The same object with its keys in order, in one line.
  private func inOrder(_ json: String) throws -> String {
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8))
    let data = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
    return String(decoding: data, as: UTF8.self)
  }

  @Test func ofCheck() throws {
    var kernel = Deviation("var", allowed: 1e-8)
    kernel.compare(8, 8, scale: 1, batch: 2, index: [0])
    kernel.compare(16, 12, scale: 1, batch: 3, index: [1])
    var difference = Deviation("grad_input", allowed: 0.5)
    difference.add(relativeError: 0.125, 0.25, 0.75, batch: 2, index: [70, 1])
    let layers = [
      LayerCheck(
        path: "/bn", batches: [0, 2, 3], batchCount: 9, samplesPerBatch: 32, isShortened: true, features: 2,
        featureCount: 400, computedType: "float32", forwardOnly: false, kernels: [kernel],
        differences: [difference], uniformFeatures: 1, undefinedFeatures: 7),
      LayerCheck(
        path: "/none", batchCount: 5, features: 3, featureCount: 6, computedType: "float64", forwardOnly: true
      ),
    ]
    let expected = #"""
      {"verdict": "failed", "version": "1", "input": "a.h5", "layers": [
        {"verdict": "failed", "path": "/bn", "batches": [0, 2, 3], "batch_count": 9, "samples_per_batch": 32,
         "is_shortened": true, "features": 2, "feature_count": 400, "computed_type": "float32",
         "forward_only": false, "uniform_features": 1, "undefined_features": 7,
         "kernels": [
           {"quantity": "var", "count": 2, "relative_error": 0.25, "allowed": 1e-08, "batch": 3, "index": [1],
            "found": 16, "expected": 12}],
         "differences": [
           {"quantity": "grad_input", "count": 1, "relative_error": 0.125, "allowed": 0.5, "batch": 2,
            "index": [70, 1], "found": 0.25, "expected": 0.75}]},
        {"verdict": "unproven", "path": "/none", "batches": [], "batch_count": 5, "samples_per_batch": 0,
         "is_shortened": false, "features": 3, "feature_count": 6, "computed_type": "float64",
         "forward_only": true, "uniform_features": 0, "undefined_features": 0, "kernels": [], "differences": []}]}
      """#
    let report = CheckReport(version: "1", input: "a.h5", layers: layers)
    #expect(try inOrder(report.json) == inOrder(expected))
  }

  /// With running statistics of mean 0 and variance 1 and without ε, y is x. At 2048 neighbouring numbers of float16 are 2 apart.
  private func comparison() throws -> ResultComparison {
    var configuration = JobConfiguration()
    configuration.statistics = .running
    for role in [DatasetRole.runningMean, .runningVariance] {
      try configuration.datasets.setName("none", for: role)
    }
    configuration.epsilon = Epsilon(0)
    configuration.batchSize = BatchSize(samples: 2)
    let plan = try Repository.plan(
      folder.file("in.h5", ["bn/activations": .init(shape: [4, 1], values: [0, 4096, 0, 2048])]),
      configuration)
    let other = try folder.file(
      "other.h5", ["bn/output": .init(shape: [4, 1], values: [0, 4096, 0, 2054], type: .float16)])
    return try #require(try plan.verified(against: other).layers[0].comparisons.first)
  }

  @Test func ofVerify() throws {
    var layer = LayerVerification(
      path: "/bn", group: "/expected/bn", comparisons: [try comparison()], ignored: ["odd", "gamma2"],
      unknown: ["odd"], absent: [.gradInput, .batchMean])
    layer.runningVariance = .biased
    layer.foldedWith = "population"
    layer.unexplained = ["normalized"]
    layer.departures = [
      ConsistentDeparture(.two(.epsilon(0.125), .gammaIgnored), results: ["output"], relativeError: 0.5),
      ConsistentDeparture(.wrongAxes([1, 2]), results: ["grad_input"], relativeError: 0.25),
      ConsistentDeparture(
        .cancellation, results: ["normalized"], relativeError: 0,
        variances: CancelledVariances(count: 8, wrong: 3, wholeSteps: 2, largestError: 0.75, largestRatio: 64)
      ),
    ]
    let none = LayerVerification(path: "/none", group: nil, comparisons: [], ignored: [], absent: [])
    let expected = #"""
      {"agrees": false, "complete": false, "version": "1", "input": "a.h5", "against": "b.h5", "layers": [
        {"path": "/bn", "group": "/expected/bn", "ignored": ["odd", "gamma2"], "unknown": ["odd"],
         "absent": ["grad_input", "batches/mean"], "missing": ["grad_input"],
         "running_variance_follows": "biased", "folded_with": "population", "unexplained": ["normalized"],
         "consistent_with": [
           {"departure": "two", "results": ["output"], "relative_error": 0.5,
            "both": [{"departure": "epsilon", "value": 0.125}, {"departure": "gamma_ignored"}]},
           {"departure": "statistics_over_axes", "axes": [1, 2], "results": ["grad_input"], "relative_error": 0.25},
           {"departure": "cancellation", "results": ["normalized"], "relative_error": 0,
            "variances": {"count": 8, "wrong": 3, "whole_steps": 2, "largest_error": 0.75, "largest_ratio": 64}}],
         "comparisons": [
           {"dataset": "/bn/output", "result": "output", "element_type": "float16", "count": 4,
            "maximum_error": 6, "relative_error": 0.00146484375, "mean_error": 1.5, "units": 3, "index": [3, 0],
            "ours": 2048, "theirs": 2054, "scale": 4096, "agrees": false,
            "tolerance": {"relative": 0.0009765625, "absolute": 0},
            "wrong": {
              "count": 1, "share": 0.25, "nan": 0, "infinite": 0, "position_shape": [], "units": [0, 3],
              "features": {"count": 1, "of": 1, "ranges": [[0, 0]], "worst": [{"index": 0, "count": 1}]},
              "batches": {"count": 1, "of": 2, "ranges": [[1, 1]], "worst": [{"index": 1, "count": 1}]},
              "samples": {"count": 1, "of": 4, "ranges": [[3, 3]], "worst": [{"index": 3, "count": 1}]},
              "first": {"index": [3, 0], "ours": 2048, "theirs": 2054, "error": 6, "units": 3},
              "worst": {"index": [3, 0], "ours": 2048, "theirs": 2054, "error": 6, "units": 3},
              "histogram": [{"from": 0, "to": 0, "count": 3}, {"from": 2, "to": 4, "count": 1}]}}]},
        {"path": "/none", "ignored": [], "unknown": [], "absent": [], "missing": [], "unexplained": [],
         "consistent_with": [], "comparisons": []}]}
      """#
    let report = VerifyReport(version: "1", input: "a.h5", against: "b.h5", layers: [layer, none])
    #expect(try inOrder(report.json) == inOrder(expected))
  }
}
