import Configuration
import Foundation
import HDF5
import Jobs
import Parallel
import TestSupport
import Testing

@testable import Inspection
@testable import bn_stream

/// What a file lacks is named, and what a layer is there for may not be missing.
@Suite(.timeLimit(.minutes(30))) struct CoverageTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Two samples x = 1, 3 with ε 0: y = -1, 1; with dy = 3, 3 nothing is left of dx.
  private func plan(hasGradient: Bool, _ configuration: String = "{}") throws -> JobPlan {
    var datasets: [String: TemporaryFolder.Stored] = [
      "bn/activations": .init(shape: [2, 1], values: [1, 3])
    ]
    if hasGradient { datasets["bn/grad_output"] = .init(shape: [2, 1], values: [3, 3]) }
    var parsed = try JobConfiguration(json: configuration, source: "test")
    parsed.epsilon = Epsilon(0)
    return try Repository.plan(folder.file("in.h5", datasets), parsed)
  }

  private func layer(_ plan: JobPlan, _ results: [String: [Double]]) throws -> LayerVerification {
    var datasets: [String: TemporaryFolder.Stored] = [:]
    for (name, values) in results { datasets["bn/\(name)"] = .init(shape: [2, 1], values: values) }
    let report = try plan.verified(against: folder.file("other.h5", datasets))
    #expect(report.agrees)
    #expect(report.isComplete == report.layers[0].missing.isEmpty)
    let object = try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any]
    #expect(object?["complete"] as? Bool == report.isComplete)
    return report.layers[0]
  }

  @Test func outputAndGradientMayNotBeMissing() throws {
    let plan = try plan(hasGradient: true)
    #expect(try layer(plan, ["output": [-1, 1], "grad_input": [0, 0]]).missing == [])
    #expect(try layer(plan, ["output": [-1, 1]]).missing == ["grad_input"])
    #expect(try layer(plan, ["grad_input": [0, 0]]).missing == ["output"])
    #expect(try layer(plan, ["normalized": [-1, 1]]).missing == ["output", "grad_input"])
  }

  /// Nobody can compute a gradient where none is given.
  @Test func withoutGradientNoneIsMissing() throws {
    let layer = try layer(plan(hasGradient: false), ["output": [-1, 1]])
    #expect(layer.missing == [])
    #expect(
      layer.absent == [
        "running_mean", "running_var", "population_mean", "population_var", "batches/mean", "batches/var",
        "batches/inv_std", "batches/count",
      ])
  }

  /// Of many that are missing six are named, and the others counted.
  @Test(arguments: [(1, ""), (2, ""), (3, ""), (4, " and 2 more"), (5, " and 4 more")])
  func sixAreNamed(layers: Int, more: String) throws {
    var (inputs, others): ([String: TemporaryFolder.Stored], [String: TemporaryFolder.Stored]) = ([:], [:])
    for layer in 0..<layers {
      for name in ["activations", "grad_output"] {
        inputs["bn\(layer)/\(name)"] = .init(shape: [2, 1], values: [1, 3])
      }
      others["bn\(layer)/normalized"] = .init(shape: [2, 1], values: [-1, 1])
    }
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    let report = try Repository.plan(folder.file("in.h5", inputs), configuration).verified(
      against: folder.file("other.h5", others))
    let named = (0..<layers).flatMap { ["output of /bn\($0)", "grad_input of /bn\($0)"] }.prefix(6)
    #expect(
      VerifyText(report).text.split(separator: "\n").last
        == "MISSING: \(named.joined(separator: ", "))\(more); write what is missing, choose layers with --layer, or accept this with --allow-missing"
    )
  }

  /// What is expected is what `run` would write with the same configuration.
  @Test func theConfigurationSaysWhatIsExpected() throws {
    let some = try plan(hasGradient: true, #"{"outputs": ["grad_input", "normalized"]}"#)
    #expect(try layer(some, ["normalized": [-1, 1]]).missing == ["grad_input"])
    let all = try layer(some, ["normalized": [-1, 1], "grad_input": [0, 0]])
    #expect(all.missing == [] && all.absent == [])
  }

  /// What follows from dx is compared where the file has no dx, too. With x = ∓1 and without ε, dβ = 4 and dγ = -4; dx = dy - 1 + x̂ is
  /// 2, -2, 0, 0, whose squares sum up to 8.
  @Test(arguments: [(8.0, true), (9, false)]) func whatFollowsFromTheGradientIsCompared(
    sum: Double, agrees: Bool
  ) throws {
    let configuration = try JobConfiguration(json: #"{"epsilon": 0, "threads": 1}"#, source: "test")
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [4, 1], values: [-1, -1, 1, 1]),
        "bn/grad_output": .init(shape: [4, 1], values: [4, 0, 0, 0]),
      ])
    let other = try folder.file(
      "other.h5", ["bn/diagnostics/grad_input_square_sum": .init(shape: [1, 1], values: [sum])])
    let layer = try Repository.plan(input, configuration).verified(against: other).layers[0]
    #expect(layer.comparisons.map(\.result) == ["diagnostics/grad_input_square_sum"])
    #expect(layer.comparisons.map(\.count) == [1] && layer.comparisons.map(\.agrees) == [agrees])
  }

  /// How far the work is, is told by what there is to read and to compute: two float64 of x, and two of y where results are compared.
  @Test func whatIsNotThereIsNoWork() throws {
    func vector(_ values: Double...) -> TemporaryFolder.Stored {
      .init(shape: [values.count], values: values)
    }
    var inputs: [String: TemporaryFolder.Stored] = [:]
    for layer in ["one", "two", "given"] {
      inputs["\(layer)/activations"] = .init(shape: [2, 1], values: [1, 3])
    }
    inputs["given/running_mean"] = vector(4)
    inputs["given/running_var"] = vector(16)
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    let plan = try Repository.plan(folder.file("in.h5", inputs), configuration)
    func verification(_ results: [String: TemporaryFolder.Stored]) throws -> Verification {
      try Verification(plan, against: folder.file("other.h5", results), relative: nil, absolute: nil)
    }
    let progress = JobProgress()
    let report = try verification(["one/output": .init(shape: [2, 1], values: [-1, 1])])
      .report(progress: progress, cancellation: Cancellation())
    #expect(report.agrees && progress.bytes.total == 32)
    // The mean is 2, the variance 1; 1/√16 = 0.25, and 0 - 4 · 0.25 = -1.
    let ofFolded = JobProgress()
    let folded = try verification([
      "one/scale": vector(1), "one/bias": vector(-2), "given/scale": vector(0.25), "given/bias": vector(-1),
    ]).foldedReport(progress: ofFolded, cancellation: Cancellation())
    #expect(folded.agrees && ofFolded.bytes.total == 16)
    #expect(folded.layers.map(\.comparisons.count).sorted() == [0, 2, 2])
  }
}
