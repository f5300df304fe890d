import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import StrictJSON
import TestSupport
import Testing

@testable import Inspection
@testable import bn_stream

@Suite("check", .timeLimit(.minutes(30)))
struct CheckTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("the program's kernels pass on every fixture", arguments: Repository.fixtures)
  func fixtures(name: String) throws {
    let report = try Check(Repository.plan(fixture: name)).report()
    // No samples, or batches of a single one: nothing is wrong, but nothing is proved either.
    let unprovable = ["no_samples.h5", "single_value.h5"]
    #expect(report.verdict == (unprovable.contains(name) ? .unproven : .passed), "\(CheckText(report).text)")
  }

  @Test("plain kernels pass, and fail with any flaw", arguments: PlainKernels.Flaw.allCases)
  func flaws(flaw: PlainKernels.Flaw) throws {
    var configuration = JobConfiguration()
    configuration.layers = [try LayerPattern(parsing: "head/bn")]
    let plan = try Repository.plan(Repository.digits, configuration)
    let report = try Check(plan, kernels: PlainKernels(plan: plan, flaw: flaw)).report()
    let failed = report.layers[0].kernels.filter { !$0.isAllowed }.map(\.quantity)
    let expected: [String] =
      switch flaw {
      case .none: []
      case .signInGradient, .missingDivision, .missingTerm, .detached: ["grad_input"]
      case .unbiasedVariance: ["var", "inv_std", "output", "grad_gamma", "grad_input"]
      case .epsilonOutsideRoot: ["inv_std", "output", "grad_gamma", "grad_input"]
      case .gammaOfRawInput: ["grad_gamma", "grad_input"]
      case .wrongFeature: ["mean", "var", "inv_std", "output", "grad_gamma", "grad_input"]
      case .missingBeta: ["output"]
      }
    #expect(failed == expected)
    #expect(report.verdict == (flaw == .none ? .passed : .failed))
    #expect(report.layers[0].differences.allSatisfy { $0.isAllowed && $0.count > 0 })
  }

  /// Given statistics a long way from the data, and padding that float32 does not hold once it is normalized.
  @Test(
    "right kernels pass wherever given means and masked values are", arguments: [1e3, 1e6, 1e8, 1e12, 1e16])
  func farStatistics(mean: Double) throws {
    let x = (0..<24).map { Double(($0 * 7) % 11) / 4 }
    let dy = (0..<24).map { Double(($0 * 5) % 13) - 6 }
    var configuration = JobConfiguration()
    configuration.statistics = .running
    let far = try folder.file(
      "far.h5",
      [
        "bn/activations": .init(shape: [12, 2], values: x),
        "bn/grad_output": .init(shape: [12, 2], values: dy),
        "bn/running_mean": .init(shape: [2], values: [mean, -mean]),
        "bn/running_var": .init(shape: [2], values: [1, 1]),
      ])
    let report = try Check(Repository.plan(far, configuration)).report()
    #expect(report.verdict == .passed, "\(CheckText(report).text)")

    let counts = (0..<12).map { $0 < 9 ? 1.0 : 0 }
    let padded = try folder.file(
      "padded.h5",
      [
        "bn/activations": .init(
          shape: [12, 2],
          values: x.enumerated().map { $0 < 18 ? $1 : -Double(Float.greatestFiniteMagnitude) },
          type: .float32),
        "bn/grad_output": .init(
          shape: [12, 2], values: dy.enumerated().map { $0 < 18 ? $1 : 0 }, type: .float32),
        "bn/mask": .init(shape: [12], values: counts),
      ])
    let masked = try Check(Repository.plan(padded)).report()
    #expect(masked.verdict == .passed, "\(CheckText(masked).text)")
  }

  /// A program's kernels with an error in one output.
  private struct SpoiledKernels: BatchKernels {
    let kernels: ProgramKernels
    let error: Double

    func results(of samples: Range<Int>, layer: Layer) throws -> KernelResults {
      var results = try kernels.results(of: samples, layer: layer)
      results[.output]?[5] += error
      return results
    }
  }

  /// An error of a thousandth of a deviation is one, however far away the given mean or a masked value is.
  @Test("far statistics and far masked values hide no error", arguments: [0, 1e-3])
  func farStatisticsHideNothing(error: Double) throws {
    let x = (0..<24).map { Double(($0 * 7) % 11) / 4 }
    let far = try folder.file(
      "far.h5",
      [
        "bn/activations": .init(shape: [12, 2], values: x),
        "bn/running_mean": .init(shape: [2], values: [1e8, -1e8]),
        "bn/running_var": .init(shape: [2], values: [1, 1]),
      ])
    let padded = try folder.file(
      "padded.h5",
      [
        "bn/activations": .init(shape: [12, 2], values: x.enumerated().map { $0 < 18 ? $1 : 1e20 }),
        "bn/mask": .init(shape: [12], values: (0..<12).map { $0 < 9 ? 1 : 0 }),
      ])
    for (path, statistics) in [(far, StatisticsSource.running), (padded, .batch)] {
      var configuration = JobConfiguration()
      configuration.statistics = statistics
      let plan = try Repository.plan(path, configuration)
      let kernels = SpoiledKernels(kernels: ProgramKernels(plan: plan), error: error)
      let report = try Check(plan, kernels: kernels).report()
      #expect(report.verdict == (error == 0 ? .passed : .failed), "\(CheckText(report).text)")
    }
  }

  @Test("a uniform upstream gradient proves nothing, whatever the kernels")
  func uniformGradient() throws {
    let plan = try Repository.plan(
      folder.file(
        "uniform.h5",
        [
          "bn/activations": .init(shape: [4, 1], values: [1, 2, 4, 8]),
          "bn/grad_output": .init(shape: [4, 1], values: [2, 2, 2, 2]),
        ]))
    let report = try Check(plan).report()
    #expect(report.verdict == .unproven)
    #expect(
      CheckText(report).text.hasSuffix(
        "NOT PROVED: the upstream gradient is uniform, as that of L = sum(out), and dx is then 0 whatever the formula; "
          + "record the gradients of another loss"))
    // Beside a layer of which all is proved, too.
    let two = try Check(
      Repository.plan(
        folder.file(
          "two.h5",
          [
            "bn/activations": .init(shape: [4, 1], values: [1, 2, 4, 8]),
            "bn/grad_output": .init(shape: [4, 1], values: [2, 2, 2, 2]),
            "other/activations": .init(shape: [4, 1], values: [1, 2, 4, 8]),
            "other/grad_output": .init(shape: [4, 1], values: [1, 0, 2, 5]),
          ]))
    ).report()
    #expect(two.layers.map(\.verdict) == [.unproven, .passed] && two.verdict == .unproven)
    // A gradient that takes the statistics for constants is far from 0 even then.
    let detached = try Check(plan, kernels: PlainKernels(plan: plan, flaw: .detached)).report()
    #expect(detached.verdict == .failed)
  }

  @Test("a uniform gradient is as good as any other where mean and variance are constants")
  func uniformGradientOfConstants() throws {
    let path = try folder.file(
      "uniform.h5",
      [
        "bn/activations": .init(shape: [4, 1], values: [1, 2, 4, 8]),
        "bn/grad_output": .init(shape: [4, 1], values: [2, 2, 2, 2]),
        "bn/running_mean": .init(shape: [1], values: [0]), "bn/running_var": .init(shape: [1], values: [1]),
      ])
    var configuration = JobConfiguration()
    configuration.gradient = .detached
    #expect(try Check(Repository.plan(path, configuration)).report().verdict == .passed)
    configuration.gradient = .full
    configuration.statistics = .running
    #expect(try Check(Repository.plan(path, configuration)).report().verdict == .passed)
  }

  @Test("features that prove nothing are counted, and the others decide")
  func someFeatures() throws {
    // Uniform gradient, constant with ε = 0, NaN in the gradient, and one that proves.
    let path = try folder.file(
      "some.h5",
      [
        "activations": .init(shape: [3, 4], values: [1, 5, 1, 1, 2, 5, 2, 2, 4, 5, 4, 4]),
        "grad_output": .init(shape: [3, 4], values: [1, 1, .nan, 1, 1, 2, 2, 0, 1, 3, 3, 5]),
      ])
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    let layer = try Check(Repository.plan(path, configuration)).report().layers[0]
    #expect(layer.verdict == .passed)
    #expect(layer.uniformFeatures == 1)
    #expect(layer.undefinedFeatures == 2)
    #expect(layer.differences.map(\.count) == [3, 1, 1])
  }

  @Test("features that are compared have their own given statistics, whichever are left out")
  func someFeaturesOfGivenStatistics() throws {
    // NaN in the gradient of feature 0 or 1 of three, whose statistics differ.
    for left in [0, 1] {
      var dy: [Double] = [2, 1, 3, 1, 0, 2, 1, 5, 4]
      dy[left] = .nan
      let path = try folder.file(
        "given.h5",
        [
          "activations": .init(shape: [3, 3], values: [1, 1, 1, 2, 2, 2, 4, 4, 4]),
          "grad_output": .init(shape: [3, 3], values: dy),
          "running_mean": .init(shape: [3], values: [0, 1, -2]),
          "running_var": .init(shape: [3], values: [1, 9, 4]),
        ])
      var configuration = JobConfiguration()
      configuration.statistics = .running
      let layer = try Check(Repository.plan(path, configuration)).report().layers[0]
      #expect(layer.verdict == .passed && layer.undefinedFeatures == 1)
      #expect(layer.differences.map(\.count) == [6, 2, 2])
    }
  }

  @Test(
    "where no feature has a derivative nothing is proved, and no loss is blamed",
    arguments: [([5, 5, 5], [1, 2, 3]), ([1, 2, 4], [1, .nan, 3])] as [([Double], [Double])])
  func noDerivative(x: [Double], dy: [Double]) throws {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    let path = try folder.file(
      "none.h5",
      [
        "bn/activations": .init(shape: [3, 1], values: x),
        "bn/grad_output": .init(shape: [3, 1], values: dy),
      ])
    let report = try Check(Repository.plan(path, configuration)).report()
    #expect(report.verdict == .unproven && report.layers[0].undefinedFeatures == 1)
    #expect(
      CheckText(report).text.hasSuffix("NOT PROVED: there is no feature whose gradient could be compared"))
  }

  @Test("without grad_output the forward pass alone is checked")
  func forwardOnly() throws {
    let report = try Check(Repository.plan(fixture: "forward_only.h5")).report()
    #expect(report.verdict == .passed)
    #expect(report.layers[0].forwardOnly)
    #expect(report.layers[0].differences.isEmpty)
    #expect(
      CheckText(report).text.hasSuffix("no grad_output: only the forward pass was checked\npassed"))
  }

  @Test("where there is no sample nothing is proved, with a gradient or without", arguments: [false, true])
  func nothingToCompare(hasGradient: Bool) throws {
    var datasets: [String: TemporaryFolder.Stored] = [
      "bn/activations": .init(shape: [0, 3], values: [])
    ]
    if hasGradient { datasets["bn/grad_output"] = .init(shape: [0, 3], values: []) }
    let report = try Check(Repository.plan(folder.file("none.h5", datasets))).report()
    #expect(report.verdict == .unproven && report.layers[0].forwardOnly == !hasGradient)
    #expect(CheckText(report).text.hasSuffix("NOT PROVED: there is no batch with values that count"))
    // Neither do comparisons without a number.
    var layer = report.layers[0]
    layer.batches = [0]
    layer.kernels = [Deviation("mean", allowed: 1e-8)]
    #expect(layer.verdict == .unproven)
  }

  @Test("a tight tolerance fails, with the place of the worst error")
  func tightTolerance() throws {
    let report = try Check(Repository.plan(Repository.digits), tolerance: 0).report()
    #expect(report.verdict == .failed)
    let dx = try #require(report.layers[0].differences.first { $0.quantity == "grad_input" })
    #expect(dx.relativeError > 0 && dx.relativeError < 1e-9)
    #expect(dx.index.count == 4 && dx.batch != nil)
  }

  @Test("memory bounds what is looked at, and the report says so")
  func boundedMemory() throws {
    var configuration = JobConfiguration()
    configuration.memory = ByteCount(32 << 20)
    configuration.batchSize = .all
    let path = try folder.file(
      "wide.h5",
      [
        "activations": .init(shape: [300, 2000], values: (0..<600_000).map { sin(Double($0 * $0)) }),
        "grad_output": .init(shape: [300, 2000], values: (0..<600_000).map { cos(Double($0 * 7)) }),
      ])
    let report = try Check(Repository.plan(path, configuration)).report()
    #expect(report.verdict == .passed)
    #expect(report.layers[0].isShortened && report.layers[0].samplesPerBatch == 116)
    #expect(CheckText(report).text.hasPrefix("/: 1 of 1 batch, the first 116 samples of each, "))
  }

  @Test(
    "of batches of several sizes the largest is said, wherever it is",
    arguments: [[0, 5, 9], [0, 4, 9], [0, 2, 7, 9]])
  func batchesOfSeveralSizes(offsets: [Double]) throws {
    let path = try folder.file(
      "uneven.h5",
      [
        "bn/activations": .init(shape: [9, 1], values: [1, 2, 4, 8, 3, 5, 7, 9, 6]),
        "bn/grad_output": .init(shape: [9, 1], values: [1, 0, 2, 1, 3, 0, 1, 2, 5]),
        "bn/batch_offsets": .init(shape: [offsets.count], values: offsets, type: .int64),
      ])
    let layer = try Check(Repository.plan(path)).report().layers[0]
    #expect(layer.verdict == .passed && layer.batches == Array(0..<offsets.count - 1))
    #expect(layer.samplesPerBatch == 5 && !layer.isShortened)
  }

  @Test("the whole table")
  func snapshot() {
    var equal = Deviation("mean", allowed: 1e-8)
    equal.compare(2, 2, scale: 1, batch: 0, index: [0])
    var wrong = Deviation("var", allowed: 1e-8)
    wrong.compare(16.5, 16, scale: 1, batch: 3, index: [1])
    wrong.compare(8, 8.000000001, scale: 1, batch: 3, index: [0])
    var near = Deviation("grad_input", allowed: 1e-3)
    near.add(relativeError: 2e-9, 0.250000000125, 0.25, batch: 2, index: [70, 1])
    var layer = LayerCheck(
      path: "/bn", batches: [0, 2, 3], batchCount: 9, samplesPerBatch: 32, isShortened: true, features: 2,
      featureCount: 400, computedType: "float32", forwardOnly: false, kernels: [equal, wrong],
      differences: [near], uniformFeatures: 1, undefinedFeatures: 0)
    #expect(
      CheckText(CheckReport(version: "1", input: "a.h5", layers: [layer])).text == """
        /bn: 3 of 9 batches, the first 32 samples of each, 2 of 400 features, kernels write float32
        compared             result      numbers  worst error  allowed          where            found           expected
        kernel : graph       mean        1        0.0e+00      1.0e-08          equal
        kernel : graph       var         2        3.0e-02      1.0e-08  FAILED  batch 3 [1]      16.5            16
        graph : differences  grad_input  1        2.0e-09      1.0e-03          batch 2 [70, 1]  0.250000000125  0.25
        1 of 2 features has a uniform upstream gradient, which proves nothing: dx is then 0 whatever the formula
        FAILED: var
        """)
    layer.kernels = [equal]
    layer.undefinedFeatures = 1
    layer.uniformFeatures = 0
    layer.isShortened = false
    #expect(
      CheckText(CheckReport(version: "1", input: "a.h5", layers: [layer])).text == """
        /bn: 3 of 9 batches, all their samples, 2 of 400 features, kernels write float32
        compared             result      numbers  worst error  allowed  where            found           expected
        kernel : graph       mean        1        0.0e+00      1.0e-08  equal
        graph : differences  grad_input  1        2.0e-09      1.0e-03  batch 2 [70, 1]  0.250000000125  0.25
        1 of 2 features has no derivative: a variance + epsilon of 0, or values that are not finite
        passed
        """)
  }

  @Test("the JSON holds the verdict and every comparison")
  func json() throws {
    let report = try Check(Repository.plan(Repository.digits)).report()
    let object = try #require(
      JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any])
    #expect(object["verdict"] as? String == "passed")
    let layers = try #require(object["layers"] as? [[String: Any]])
    #expect(layers.map { $0["path"] as? String } == ["/features/bn", "/head/bn"])
    #expect((layers[0]["kernels"] as? [[String: Any]])?.count == 7)
  }
}
