import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// Layers folded for inference: y = scale · x + bias.
@Suite(.timeLimit(.minutes(30))) struct FoldingTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func vector(_ values: [Double]) -> TemporaryFolder.Stored {
    .init(shape: [values.count], values: values)
  }

  /// x = 1, 3 and -10, 10: mean 2 and 0, variance 1 and 100, without ε.
  private func report(
    hasStatistics: Bool, _ datasets: [String: TemporaryFolder.Stored], besideInput: Bool = false,
    expected: [String: TemporaryFolder.Stored] = [:], relative: Double? = nil, absolute: Double? = nil
  ) throws -> VerifyReport {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    var given: [String: TemporaryFolder.Stored] = [
      "bn/activations": .init(shape: [2, 2], values: [1, -10, 3, 10]),
      "bn/gamma": vector([2, -3]), "bn/beta": vector([5, 0.5]),
    ]
    if hasStatistics {
      given["bn/running_mean"] = vector([4, -1])
      given["bn/running_var"] = vector([16, 0.25])
    }
    var others: [String: TemporaryFolder.Stored] = besideInput ? given : [:]
    for (name, dataset) in datasets { others["bn/\(name)"] = dataset }
    for (name, dataset) in expected { others["expected/bn/\(name)"] = dataset }
    return try Verification(
      Repository.plan(folder.file("in.h5", given), configuration),
      against: folder.file("other.h5", others), relative: relative, absolute: absolute
    ).foldedReport(progress: JobProgress(), cancellation: Cancellation())
  }

  /// 2/√16 = 0.5, 5 - 4 · 0.5 = 3; -3/√0.25 = -6, 0.5 - (-1)(-6) = -5.5.
  @Test(arguments: [("scale", "bias"), ("folded_scale", "folded_bias"), ("folded/scale", "folded/bias")])
  func givenStatistics(scale: String, bias: String) throws {
    let right = try report(hasStatistics: true, [scale: vector([0.5, -6]), bias: vector([3, -5.5])])
    #expect(right.agrees && right.isComplete && right.layers[0].foldedWith == "running")
    #expect(right.layers[0].comparisons.map(\.result) == ["folded/scale", "folded/bias"])
    let wrong = try report(hasStatistics: true, [scale: vector([0.5, -6]), bias: vector([3, 6.5])])
    #expect(wrong.layers[0].comparisons.map(\.agrees) == [true, false])
    #expect(wrong.layers[0].comparisons[1].wrong?.first.index == [1])
    #expect(wrong.layers[0].comparisons[1].theirs == 6.5 && wrong.layers[0].comparisons[1].ours == -5.5)
    #expect(wrong.layers[0].unexplained == ["folded/bias"])
  }

  /// 2/1 = 2, 5 - 2 · 2 = 1; -3/10 = -0.3, 0.5.
  @Test func statisticsOfTheData() throws {
    let right = try report(hasStatistics: false, ["scale": vector([2, -0.3]), "bias": vector([1, 0.5])])
    #expect(right.agrees && right.isComplete && right.layers[0].foldedWith == "population")
    #expect(right.layers[0].comparisons.count == 2)
  }

  /// β - μ·scale = 1000.001 - 1000 is 0.001; in float32 β is 1000.0009765625. Its errors are judged by the terms, not by what is left.
  @Test(arguments: [(0.0009765625, true), (0.1, false)]) func aBiasThatCancels(bias: Double, agrees: Bool)
    throws
  {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [2, 1], values: [1, 3]), "bn/gamma": vector([1]),
        "bn/beta": vector([1000.001]), "bn/running_mean": vector([1000]), "bn/running_var": vector([1]),
      ])
    let other = try folder.file(
      "other.h5",
      [
        "bn/scale": .init(shape: [1], values: [1], type: .float32),
        "bn/bias": .init(shape: [1], values: [bias], type: .float32),
      ])
    let report = try Verification(
      Repository.plan(input, configuration), against: other, relative: nil, absolute: nil
    ).foldedReport(progress: JobProgress(), cancellation: Cancellation())
    #expect(report.layers[0].comparisons.map(\.agrees) == [true, agrees])
  }

  /// Beside a bias that is wrong one that is right but for its rounding is not counted: its terms are 1000.
  @Test func biasesThatCancelAreNoWrongOnes() throws {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [2, 2], values: [1, 1, 3, 3]), "bn/gamma": vector([1, 1]),
        "bn/beta": vector([1000.001, 1000.001]), "bn/running_mean": vector([1000, 1000]),
        "bn/running_var": vector([1, 1]),
      ])
    let other = try folder.file(
      "other.h5", ["bn/bias": .init(shape: [2], values: [0.0009765625, 0.1], type: .float32)])
    let report = try Verification(
      Repository.plan(input, configuration), against: other, relative: nil, absolute: nil
    ).foldedReport(progress: JobProgress(), cancellation: Cancellation())
    let comparison = try #require(report.layers[0].comparisons.first)
    #expect(!comparison.agrees && comparison.index == [1])
    #expect(comparison.wrong?.count == 1 && comparison.wrong?.features?.ranges == [[1, 1]])
  }

  /// A bias that is off by 0.4, of terms of 5, is allowed where somebody says so, and is no wrong one beside one that is off by 12.
  @Test(
    arguments: [
      (nil, nil, false), (0.1, nil, true), (0.05, nil, false), (nil, 0.5, true), (nil, 0.3, false),
      (0.05, 0.2, true),
    ] as [(Double?, Double?, Bool)])
  func givenTolerancesHold(relative: Double?, absolute: Double?, isAllowed: Bool) throws {
    let scale = vector([0.5, -6])
    let near = try report(
      hasStatistics: true, ["scale": scale, "bias": vector([3.4, -5.5])], relative: relative,
      absolute: absolute)
    #expect(near.layers[0].comparisons.map(\.agrees) == [true, isAllowed])
    #expect(near.layers[0].unexplained == (isAllowed ? [] : ["folded/bias"]))
    let far = try report(
      hasStatistics: true, ["scale": scale, "bias": vector([3.4, 6.5])], relative: relative,
      absolute: absolute)
    let comparison = try #require(far.layers[0].comparisons.last)
    #expect(!comparison.agrees && comparison.index == [1])
    #expect(comparison.wrong?.count == (isAllowed ? 1 : 2))
    #expect(comparison.wrong?.features?.ranges == (isAllowed ? [[1, 1]] : [[0, 1]]))
  }

  /// Flax calls γ `scale`; where there are folded parameters under their full names, these are meant.
  @Test func fullNamesComeFirst() throws {
    let (scale, bias) = (vector([0.5, -6]), vector([3, -5.5]))
    for names in [("folded/scale", "folded/bias"), ("folded_scale", "folded_bias")] {
      let found = try report(
        hasStatistics: true,
        [names.0: scale, names.1: bias, "scale": vector([2, -3]), "bias": vector([5, 0.5])])
      #expect(found.agrees && found.isComplete)
      #expect(found.layers[0].comparisons.map(\.dataset) == ["/bn/\(names.0)", "/bn/\(names.1)"])
    }
  }

  @Test func expectedOnesComeFirst() throws {
    let found = try report(
      hasStatistics: true, ["scale": vector([2, -3]), "bias": vector([5, 0.5])],
      expected: ["scale": vector([0.5, -6]), "bias": vector([3, -5.5])])
    #expect(found.agrees && found.layers[0].group == "/expected/bn")
    #expect(found.layers[0].comparisons.map(\.dataset) == ["/expected/bn/scale", "/expected/bn/bias"])
  }

  @Test func bothAreNeeded() throws {
    let one = try report(hasStatistics: true, ["scale": vector([0.5, -6])])
    #expect(one.agrees && !one.isComplete && one.layers[0].missing == ["folded/bias"])
  }

  /// A plan for in.h5 with one layer or more, all of the same numbers, and other.h5 with scale and bias of some of them.
  private func verification(layers: [String], folded: [String]) throws -> Verification {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    var given: [String: TemporaryFolder.Stored] = [:]
    var others: [String: TemporaryFolder.Stored] = [:]
    for layer in layers {
      given["\(layer)/activations"] = .init(shape: [2, 1], values: [1, 3])
      given["\(layer)/running_mean"] = vector([4])
      given["\(layer)/running_var"] = vector([16])
    }
    // 1/√16 = 0.25, 0 - 4 · 0.25 = -1.
    for layer in folded {
      others["\(layer)/scale"] = vector([0.25])
      others["\(layer)/bias"] = vector([-1])
    }
    return try Verification(
      Repository.plan(folder.file("in.h5", given), configuration),
      against: folder.file("other.h5", others), relative: nil, absolute: nil)
  }

  /// A layer that the other file does not have is missing, whichever it is.
  @Test(arguments: [["one"], ["two"], ["one", "two"]]) func eachLayerIsNeeded(folded: [String]) throws {
    let report = try verification(layers: ["one", "two"], folded: folded)
      .foldedReport(progress: JobProgress(), cancellation: Cancellation())
    #expect(report.agrees && report.isComplete == (folded.count == 2))
    #expect(report.layers.map(\.path) == ["/one", "/two"])
    for layer in report.layers {
      let isThere = folded.contains { "/\($0)" == layer.path }
      #expect(layer.missing == (isThere ? [] : ["folded/scale", "folded/bias"]), "\(layer.path)")
      #expect(layer.group == (isThere ? layer.path : nil))
      #expect(layer.comparisons.count == (isThere ? 2 : 0))
    }
  }

  /// Which of the two files is changed while they are read is said.
  @Test(arguments: ["in.h5", "other.h5"]) func aFileThatChangesGivesNoReport(name: String) throws {
    let verification = try verification(layers: ["one"], folded: ["one"])
    try FileManager.default.changeTime(ofItemAtPath: folder.path(name))
    #expect(throws: StreamError.inputChanged(path: folder.path(name))) {
      try verification.foldedReport(progress: JobProgress(), cancellation: Cancellation())
    }
  }

  /// Other results of the layer under /expected do not hide what lies in the layer's own group.
  @Test(arguments: ["output", "normalized", "running_mean"]) func otherResultsAreExpected(name: String) throws
  {
    let shape = name == "running_mean" ? [2] : [2, 2]
    let values = [Double](repeating: 7, count: shape.reduce(1, *))
    let right = try report(
      hasStatistics: true, ["scale": vector([0.5, -6]), "bias": vector([3, -5.5])],
      expected: [name: .init(shape: shape, values: values)])
    #expect(right.agrees && right.isComplete && right.layers[0].group == "/bn")
    #expect(right.layers[0].comparisons.map(\.dataset) == ["/bn/scale", "/bn/bias"])
  }

  /// There they are γ and β of Flax and PyTorch.
  @Test func parametersOfAnInputAreNotTaken() throws {
    #expect(throws: InspectionError.self) {
      try report(hasStatistics: true, ["scale": vector([0.5, -6])], besideInput: true)
    }
    let named = try report(
      hasStatistics: true, ["folded_scale": vector([0.5, -6]), "scale": vector([2, -3])], besideInput: true)
    #expect(named.layers[0].comparisons.map(\.dataset) == ["/bn/folded_scale"] && named.agrees)
  }
}
