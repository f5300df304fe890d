import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

@testable import Inspection
@testable import bn_stream

/// `check` finds one wrong number, wherever it is, and says where.
@Suite(.timeLimit(.minutes(30))) struct CheckPartsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Kernels that are right but for one number.
  private struct Spoilt: BatchKernels {
    let kernels: ProgramKernels
    let result: LayerResult
    let firstSample: Int
    let element: Int
    let change: (Double) -> Double

    func results(of samples: Range<Int>, layer: Layer) throws -> KernelResults {
      var results = try kernels.results(of: samples, layer: layer)
      guard samples.lowerBound == firstSample, var values = results[result] else { return results }
      values[element] = change(values[element])
      results[result] = values
      return results
    }
  }

  private let shape = [18, 3, 2]

  /// Nine batches of two samples [3, 2]: four values of each of three features.
  private func plan(type: NumericType = .float64) throws -> JobPlan {
    let count = 18 * 6
    var configuration = JobConfiguration()
    configuration.batchSize = BatchSize(samples: 2)
    configuration.outputs = Set(OutputTensor.allCases)
    return try Repository.plan(
      folder.file(
        "in.h5",
        [
          "activations": .init(
            shape: shape, values: (0..<count).map { sin(Double($0 * $0)) }, type: type.kind),
          "grad_output": .init(
            shape: shape, values: (0..<count).map { cos(3.7 * Double($0)) }, type: type.kind),
        ]), configuration)
  }

  @Test("four of nine batches are looked at, evenly spaced, in all their parts")
  func selection() throws {
    let layer = try Check(plan()).report().layers[0]
    #expect(layer.verdict == .passed)
    #expect(layer.batches == [0, 2, 5, 8])
    #expect(
      layer.kernels.map(\.quantity) == [
        "mean", "var", "inv_std", "output", "normalized", "grad_gamma", "grad_beta", "grad_input",
      ])
    #expect(layer.kernels.map(\.count) == [12, 12, 12, 48, 48, 12, 12, 48])
    #expect(layer.differences.map(\.quantity) == ["grad_input", "grad_gamma", "grad_beta"])
    // 64 coordinates, so 16 of each batch's 12: all.
    #expect(layer.differences.map(\.count) == [48, 12, 12])
  }

  @Test(
    "as many coordinates as are asked for, and no batch without one",
    arguments: [(1, 4, 4), (4, 4, 4), (5, 8, 8), (9, 12, 12), (13, 16, 12), (48, 48, 12)])
  func coordinates(asked: Int, values: Int, features: Int) throws {
    // Of each of four batches the same number: of its 12 values, and of its 3 features.
    let layer = try Check(plan(), coordinates: asked).report().layers[0]
    #expect(layer.differences.map(\.count) == [values, features, features])
  }

  @Test("a feature proves nothing where it does so in every batch")
  func provesNothing() throws {
    // Three batches of four samples. Feature 0 has a uniform gradient in all, 1 in the first, 2 in the last two; 3 is constant in all with
    // an epsilon of 0, 4 in the second, 5 in none.
    let uniform: [[Int]] = [[0, 1], [0, 2], [0, 2]]
    let constant: [[Int]] = [[3], [3, 4], [3]]
    var (x, dy): ([Double], [Double]) = ([], [])
    for sample in 0..<12 {
      for feature in 0..<6 {
        let value = sin(Double(7 * sample + 3 * feature))
        x.append(constant[sample / 4].contains(feature) ? 2 : value)
        dy.append(uniform[sample / 4].contains(feature) ? 1 : cos(Double(5 * sample + feature)))
      }
    }
    var configuration = JobConfiguration()
    configuration.batchSize = BatchSize(samples: 4)
    configuration.epsilon = Epsilon(0)
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        ["activations": .init(shape: [12, 6], values: x), "grad_output": .init(shape: [12, 6], values: dy)]),
      configuration)
    let layer = try Check(plan, coordinates: 1000).report().layers[0]
    #expect(layer.verdict == .passed)
    #expect(layer.uniformFeatures == 1 && layer.undefinedFeatures == 1)
    // Compared is each of the others: 3, 2 and 3 features in the batches, each with four values.
    let compared = zip(uniform, constant).map { 6 - $0.count - $1.count }.reduce(0, +)
    #expect(layer.differences.map(\.count) == [4 * compared, compared, compared])
  }

  @Test("what is allowed, as numbers")
  func allowed() throws {
    let double = try Check(plan()).report().layers[0]
    #expect((double.kernels + double.differences).allSatisfy { $0.allowed == 1e-8 })
    let float = try Check(plan(type: .float32)).report().layers[0]
    let rounded = Set(["output", "normalized", "grad_input"])
    for deviation in float.kernels {
      #expect(
        deviation.allowed == (rounded.contains(deviation.quantity) ? 1e-8 + 1.1920928955078125e-07 : 1e-8),
        "\(deviation.quantity)")
    }
    #expect(float.differences.allSatisfy { $0.allowed == 1e-8 })
    let given = try Check(plan(), tolerance: 0.25).report().layers[0]
    #expect((given.kernels + given.differences).allSatisfy { $0.allowed == 0.25 })
  }

  @Test(
    "one wrong number fails, with its batch and its index", arguments: LayerResult.checked, [0, 2, 5, 8])
  func oneNumber(result: LayerResult, batch: Int) throws {
    let plan = try plan()
    let isLarge = [LayerResult.output, .normalized, .gradInput].contains(result)
    for element in isLarge ? [0, 7, 11] : [0, 2] {
      let kernels = Spoilt(
        kernels: ProgramKernels(plan: plan), result: result, firstSample: 2 * batch, element: element
      ) { $0 + 1 }
      let layer = try Check(plan, kernels: kernels).report().layers[0]
      #expect(layer.verdict == .failed)
      let failed = layer.kernels.filter { !$0.isAllowed }
      #expect(failed.map(\.quantity) == [result.name])
      #expect(failed.first?.batch == batch)
      let index = isLarge ? [2 * batch + element / 6, element / 2 % 3, element % 2] : [element]
      #expect(failed.first?.index == index, "\(result.name)[\(element)] of batch \(batch)")
      let (found, expected) = (failed.first?.found ?? 0, failed.first?.expected ?? 0)
      #expect(abs(found - expected - 1) < 1e-12)
    }
  }

  /// 64 values of each of 5,000 features are more than the graph is evaluated for at once: 4,096 features, and then 904.
  @Test("features that come to the graph in groups are each compared with their own")
  func groups() throws {
    let shape = [64, 5000]
    func numbers(_ factor: Int, _ modulus: Int) -> [Double] {
      (0..<64 * 5000).map { index in Double(index * factor % modulus) / 64 }
    }
    let (x, dy) = (numbers(7919, 1009), numbers(104_729, 997))
    var configuration = JobConfiguration()
    configuration.outputs = Set(OutputTensor.allCases)
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        ["activations": .init(shape: shape, values: x), "grad_output": .init(shape: shape, values: dy)]),
      configuration)
    let layer = try Check(plan, coordinates: 16).report().layers[0]
    #expect(layer.verdict == .passed)
    let large = Set(["output", "normalized", "grad_input"])
    #expect(layer.kernels.allSatisfy { $0.count == (large.contains($0.quantity) ? 320_000 : 5000) })
    #expect(layer.differences.map(\.count) == [16, 16, 16])
    // As many as are asked for, also where that is no multiple of the groups.
    let few = try Check(plan, coordinates: 5).report().layers[0]
    #expect(few.differences.map(\.count) == [5, 5, 5])
    for (result, element) in [
      (LayerResult.batchMean, 4500), (.batchGradGamma, 4999), (.batchGradBeta, 4096),
      (.output, 5 * 5000 + 4096),
      (.gradInput, 63 * 5000 + 4999),
    ] {
      let kernels = Spoilt(
        kernels: ProgramKernels(plan: plan), result: result, firstSample: 0, element: element
      ) { $0 + 1000 }
      let spoilt = try Check(plan, kernels: kernels, coordinates: 16).report().layers[0]
      let failed = spoilt.kernels.filter { !$0.isAllowed }
      #expect(failed.map(\.quantity) == [result.name])
      let index = large.contains(result.name) ? [element / 5000, element % 5000] : [element]
      #expect(failed.first?.index == index)
    }
  }

  /// 64 values of each of 4,100 features: 4,096, and then 4. The first feature after 4,096 has other numbers than feature 0, as 4,096 is a
  /// multiple of neither 7 nor 5.
  @Test(
    "features of a later group have parameters and given statistics of their own",
    arguments: [StatisticsSource.batch, .running])
  func givenInGroups(statistics: StatisticsSource) throws {
    let (rows, features) = (64, 4100)
    let x: [Double] = (0..<rows * features).map { index in Double(index * 7919 % 1009) / 64 }
    // The gradient of feature 3 is uniform.
    let dy: [Double] = (0..<rows * features).map { index in
      index % features == 3 ? 1.0 : Double(index * 104_729 % 997) / 64
    }
    var datasets: [String: TemporaryFolder.Stored] = [
      "activations": .init(shape: [rows, features], values: x),
      "grad_output": .init(shape: [rows, features], values: dy),
      "gamma": .init(shape: [features], values: (0..<features).map { 1 + Double($0 % 7) }),
      "beta": .init(shape: [features], values: (0..<features).map { Double($0 % 5) }),
    ]
    if statistics == .running {
      datasets["running_mean"] = .init(shape: [features], values: (0..<features).map { Double($0 % 7) })
      datasets["running_var"] = .init(shape: [features], values: (0..<features).map { 1 + Double($0 % 5) })
    }
    var configuration = JobConfiguration()
    configuration.statistics = statistics
    configuration.batchSize = .all
    let layer = try Check(
      Repository.plan(folder.file("in.h5", datasets), configuration), coordinates: 4
    ).report().layers[0]
    #expect(layer.verdict == .passed && layer.differences.map(\.count) == [4, 4, 4])
    #expect(layer.uniformFeatures == (statistics == .batch ? 1 : 0) && layer.undefinedFeatures == 0)
    #expect(!layer.hasOnlyUniformGradient)
  }

  @Test("a uniform gradient of all features is one, in however many groups they come")
  func uniformInGroups() throws {
    let (rows, features) = (64, 4100)
    let x: [Double] = (0..<rows * features).map { index in Double(index * 7919 % 1009) / 64 }
    let dy = [Double](repeating: 1, count: rows * features)
    var configuration = JobConfiguration()
    configuration.batchSize = .all
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        [
          "activations": .init(shape: [rows, features], values: x),
          "grad_output": .init(shape: [rows, features], values: dy),
        ]), configuration)
    let layer = try Check(plan, coordinates: 4).report().layers[0]
    #expect(layer.verdict == .unproven && layer.uniformFeatures == features)
    #expect(layer.hasOnlyUniformGradient)
  }

  @Test("a number that is not finite where the graph's is fails", arguments: LayerResult.checked)
  func notFinite(result: LayerResult) throws {
    let plan = try plan()
    for value in [Double.infinity, -.infinity, .nan] {
      let kernels = Spoilt(
        kernels: ProgramKernels(plan: plan), result: result, firstSample: 4, element: 1
      ) { _ in value }
      let layer = try Check(plan, kernels: kernels).report().layers[0]
      #expect(layer.kernels.filter { !$0.isAllowed }.map(\.quantity) == [result.name], "\(value)")
      #expect(layer.kernels.first { !$0.isAllowed }?.relativeError == .infinity)
    }
  }

  /// x = ∓1, so x̂ = ∓1 and y = ∓1, the variance is 1 and 1/σ is 1.
  @Test(
    "on both sides of the limit",
    arguments: [LayerResult.batchMean, .batchVariance, .batchInvStd, .output, .normalized])
  func limit(result: LayerResult) throws {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    configuration.outputs = Set(OutputTensor.allCases)
    let plan = try Repository.plan(
      folder.file("in.h5", ["activations": .init(shape: [2, 1], values: [-1, 1])]), configuration)
    for (change, verdict) in [(0.99e-8, CheckVerdict.passed), (1.01e-8, .failed)] {
      let kernels = Spoilt(
        kernels: ProgramKernels(plan: plan), result: result, firstSample: 0, element: 0
      ) { $0 - change }
      #expect(try Check(plan, kernels: kernels).report().verdict == verdict, "\(result.name) \(change)")
    }
  }

  /// Twice x = ∓1 in one batch, with dy = 5, 1: dβ = 12, dγ = -8, and nothing is left of dx, whose terms are like the root of the mean of dy²,
  /// √13 = 3.6056. The mean is judged by the deviation, which is 1.
  @Test(
    "on both sides of the limit, with a gradient",
    arguments: [
      (.gradInput, 3.6055e-8, 3.6056e-8), (.batchGradBeta, 11.9e-8, 12.1e-8),
      (.batchGradGamma, 7.9e-8, 8.1e-8), (.batchMean, 0.99e-8, 1.01e-8),
      (.batchVariance, 0.99e-8, 1.01e-8), (.batchInvStd, 0.99e-8, 1.01e-8),
    ] as [(LayerResult, Double, Double)])
  func limitWithGradient(result: LayerResult, allowed: Double, refused: Double) throws {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    configuration.outputs = Set(OutputTensor.allCases)
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        [
          "activations": .init(shape: [4, 1], values: [-1, 1, -1, 1]),
          "grad_output": .init(shape: [4, 1], values: [5, 1, 5, 1]),
        ]), configuration)
    for (change, verdict) in [(allowed, CheckVerdict.passed), (refused, .failed)] {
      let kernels = Spoilt(
        kernels: ProgramKernels(plan: plan), result: result, firstSample: 0, element: 0
      ) { $0 - change }
      #expect(try Check(plan, kernels: kernels).report().verdict == verdict, "\(result.name) \(change)")
    }
  }

  @Test(
    "an error relative to what numbers are like",
    arguments: [(2.0, 1.0, 0.0, 0.5), (2, 1, 4, 0.25), (1, 1, 0, 0)])
  func relativeErrors(found: Double, expected: Double, scale: Double, error: Double) {
    #expect(Deviation.relativeError(found, expected, scale: scale) == error)
    #expect(Deviation.relativeError(expected, found, scale: scale) == error)
  }

  @Test("what is poisoned on both sides is equal, and on one side is not")
  func poisoned() {
    #expect(Deviation.relativeError(.nan, .infinity, scale: 1) == 0)
    #expect(Deviation.relativeError(.nan, 1, scale: 1) == .infinity)
    #expect(Deviation.relativeError(1, -.infinity, scale: 1) == .infinity)
  }

  @Test("of one sample, one batch and one feature, and of features of which one proves nothing")
  func oneOfEach() {
    let one = LayerCheck(
      path: "/bn", batches: [0], batchCount: 1, samplesPerBatch: 1, isShortened: true, features: 1,
      featureCount: 1, computedType: "float32", forwardOnly: false, kernels: [], differences: [],
      uniformFeatures: 0, undefinedFeatures: 1)
    let several = LayerCheck(
      path: "/bn", batches: [0, 1], batchCount: 3, samplesPerBatch: 2, isShortened: true, features: 4,
      featureCount: 8, computedType: "float32", forwardOnly: false, kernels: [], differences: [],
      uniformFeatures: 2, undefinedFeatures: 3)
    let lines = [one, several].map { layer in
      CheckText(CheckReport(version: "1", input: "a.h5", layers: [layer])).text.split(separator: "\n")
        .map(String.init)
    }
    let nothing = "no derivative: a variance + epsilon of 0, or values that are not finite"
    #expect(
      lines[0].prefix(2) == [
        "/bn: 1 of 1 batch, the first sample of each, 1 of 1 feature, kernels write float32",
        "1 of 1 feature has \(nothing)",
      ])
    #expect(
      lines[1].prefix(3) == [
        "/bn: 2 of 3 batches, the first 2 samples of each, 4 of 8 features, kernels write float32",
        "2 of 4 features have a uniform upstream gradient, which proves nothing: dx is then 0 whatever the formula",
        "3 of 4 features have \(nothing)",
      ])
  }
}
