import Configuration
import Foundation
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// Reasons that are found by fitting, or by looking at more than one feature.
@Suite(.timeLimit(.minutes(30))) struct FittedReasonTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: [0.002, 0.0375, 0.5, 3]) func anotherEpsilonIsFitted(epsilon: Double) throws {
    var kernel = WrongKernel()
    kernel.epsilon = epsilon
    let inside = try kernel.report(WrongKernel.everything, in: folder).departures
    #expect(inside.map(\.departure) == ["epsilon"])
    #expect(inside.map(\.value) == [epsilon])
    #expect(inside.first?.results == ["output", "grad_input", "grad_gamma", "batches/inv_std"])
    // x̂ alone tells it as y does.
    let normalized = try kernel.report(["normalized"], in: folder).departures
    #expect(normalized.map(\.departure) == ["epsilon"] && normalized.map(\.value) == [epsilon])
    #expect(normalized.first?.results == ["normalized"])
    kernel.invStd = { 1 / ($0.squareRoot() + $1) }
    let outside = try kernel.report(["output"], in: folder).departures
    #expect(outside.map(\.departure) == ["epsilon_outside_root"])
    #expect(outside.map(\.value) == [epsilon])
  }

  /// Of 300 features the first 256 tell it, sample by sample.
  @Test func anotherEpsilonOfManyFeaturesIsFitted() throws {
    let (samples, features) = (16, 300)
    let x: [Double] = (0..<samples * features).map { index in
      let spread: Double = 0.25 + Double(index % features % 7)
      return spread * sin(Double(index * index))
    }
    var output = x
    for start in [0, 8] {
      for feature in 0..<features {
        let places: [Int] = (start..<start + 8).map { $0 * features + feature }
        let mean: Double = places.reduce(0) { $0 + x[$1] } / 8
        let variance: Double = places.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / 8
        for place in places { output[place] = (x[place] - mean) / (variance + 0.0375).squareRoot() }
      }
    }
    let input = try folder.file("in.h5", ["layer/activations": .init(shape: [samples, features], values: x)])
    let other = try folder.file(
      "other.h5",
      ["layer/output": .init(shape: [samples, features], values: output, type: .float32)])
    let plan = try Repository.plan(input, json: #"{"batch_size": 8, "epsilon": 1e-3}"#)
    let layer = try plan.verified(against: other).layers[0]
    #expect(layer.comparisons.map(\.agrees) == [false])
    #expect(layer.departures.map(\.departure) == ["epsilon"])
    #expect(layer.departures.map(\.value) == [0.0375])
  }

  /// Of 40 batches the first 32 tell it, and of three features the two that γ lets through.
  @Test func anotherEpsilonOfManyBatchesIsFitted() throws {
    let (samples, features) = (160, 3)
    let x: [Double] = (0..<samples * features).map { index in
      let spread: Double = 0.25 + Double(index % features)
      return spread * sin(Double(index * index))
    }
    let gamma: [Double] = [2, 0, -1]
    var output = x
    for start in stride(from: 0, to: samples, by: 4) {
      for feature in 0..<features {
        let places: [Int] = (start..<start + 4).map { $0 * features + feature }
        let mean: Double = places.reduce(0) { $0 + x[$1] } / 4
        let variance: Double = places.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / 4
        let scale: Double = gamma[feature] / (variance + 0.0375).squareRoot()
        for place in places { output[place] = scale * (x[place] - mean) }
      }
    }
    let input = try folder.file(
      "in.h5",
      [
        "layer/activations": .init(shape: [samples, features], values: x),
        "layer/gamma": .init(shape: [features], values: gamma),
      ])
    let other = try folder.file(
      "other.h5",
      ["layer/output": .init(shape: [samples, features], values: output, type: .float32)])
    let plan = try Repository.plan(input, json: #"{"batch_size": 4, "epsilon": 1e-3}"#)
    let layer = try plan.verified(against: other).layers[0]
    #expect(layer.comparisons.map(\.agrees) == [false])
    #expect(layer.departures.map(\.departure) == ["epsilon"])
    #expect(layer.departures.map(\.value) == [0.0375])
  }

  /// As single precision computes it: every operation rounded.
  private static let singlePrecision: @Sendable (WrongKernel.Batch) -> Double = { batch in
    var (sum, squares): (Float, Float) = (0, 0)
    for value in batch.x {
      sum += Float(value)
      squares += Float(value) * Float(value)
    }
    let mean = sum / Float(batch.x.count)
    return Double(max(0, squares / Float(batch.x.count) - mean * mean))
  }

  /// Means of up to 500 deviations.
  private static let distant = WrongKernel.values(means: [300, -500, 100, 2])

  @Test(arguments: [["output", "grad_input"], ["normalized"]])
  func cancellationIsNamed(results: [String]) throws {
    var kernel = WrongKernel()
    kernel.variance = Self.singlePrecision
    let layer = try kernel.report(results, x: Self.distant, in: folder)
    #expect(layer.departures.map(\.departure) == ["cancellation"])
    #expect(layer.departures.first?.results == results)
    let variances = try #require(layer.departures.first?.variances)
    // Three batches of four features, of which the last is near 0.
    #expect(variances.count == 12 && 6...9 ~= variances.wrong, "\(variances)")
    #expect(variances.wholeSteps == variances.wrong)
    #expect(variances.largestRatio > 5e4 && variances.largestError > 1e-3)
    let wrong: [[[Int]]?] = results.map { _ in [[0, 2]] }
    #expect(layer.comparisons.map { $0.wrong?.features?.ranges } == wrong)
  }

  /// Where a mean is thousands of deviations away so much is lost that the variance may become negative, and its root NaN.
  @Test func negativeVariancesAreCancellation() throws {
    var kernel = WrongKernel()
    kernel.variance = { $0.mean.magnitude > 3000 ? .nan : Self.singlePrecision($0) }
    let x = WrongKernel.values(means: [3000, -500, 100, 2])
    let layer = try kernel.report(["output"], x: x, in: folder)
    #expect(layer.comparisons.map { $0.wrong?.nan } == [120])
    #expect(layer.departures.map(\.departure) == ["cancellation"])
    let variances = try #require(layer.departures.first?.variances)
    // Three batches of the other three features.
    #expect(variances.count == 9 && variances.wrong >= 3, "\(variances)")
    #expect(variances.wholeSteps == variances.wrong)
  }

  /// Variances that all are too small are off by as much as others are.
  @Test func variancesThatAreTooSmallAreCancellation() throws {
    var kernel = WrongKernel()
    kernel.variance = { batch in
      let step = Double(Float(batch.mean * batch.mean).ulp)
      return (WrongKernel().variance(batch) / step).rounded(.down) * step
    }
    let layer = try kernel.report(["output"], x: Self.distant, in: folder)
    #expect(layer.departures.map(\.departure) == ["cancellation"])
    let variances = try #require(layer.departures.first?.variances)
    // At -500 a step is 1/64 of a variance near 1; none is a step too small.
    #expect(variances.largestError > 1e-3 && variances.largestError < 0.03, "\(variances)")
  }

  /// Variances that are off by as much, but not as roundings are.
  @Test func otherWrongVariancesAreNotCancellation() throws {
    for change in [
      { $0 * 1.0007 }, { $0 * (1 + 0.003 * sin(1e5 * $0)) }, { $0 + 0.004 }, { $0 * 0.998 },
    ] as [@Sendable (Double) -> Double] {
      var kernel = WrongKernel()
      kernel.variance = { change(WrongKernel().variance($0)) }
      let layer = try kernel.report(["output"], x: Self.distant, in: folder)
      #expect(layer.comparisons.map(\.agrees) == [false])
      #expect(layer.departures.allSatisfy { $0.departure == "epsilon" })
    }
    // Where all features are far from 0, so that roundings could do as much.
    var kernel = WrongKernel()
    kernel.variance = { WrongKernel().variance($0) * (1 + 0.003 * sin(1e5 * $0.mean)) }
    let far = WrongKernel.values(means: [300, -500, 200, 400])
    #expect(try kernel.report(["output"], x: far, in: folder).departures.isEmpty)
    kernel.variance = Self.singlePrecision
    #expect(
      try kernel.report(["output"], x: far, in: folder).departures.map(\.departure) == ["cancellation"])
  }

  /// All samples are fewer than the batch that was asked for: of 5 samples of 6 positions sums are divided by the 48 values of 8 samples.
  @Test func paddingToTheBatchSizeIsNamed() throws {
    let (shape, features, positions) = ([5, 4, 2, 3], 4, 6)
    let x = Array(WrongKernel.usual[..<120])
    var output = x
    for feature in 0..<features {
      let places = (0..<5).flatMap { sample in
        (0..<positions).map { (sample * features + feature) * positions + $0 }
      }
      let mean = places.reduce(0) { $0 + x[$1] } / 48
      let variance = places.reduce(0) { $0 + x[$1] * x[$1] } / 48 - mean * mean
      for place in places { output[place] = (x[place] - mean) / (variance + 1e-3).squareRoot() }
    }
    let input = try folder.file(
      "in.h5", ["layer/activations": .init(shape: shape, values: x, type: .float32)])
    let other = try folder.file(
      "other.h5", ["layer/output": .init(shape: shape, values: output, type: .float32)])
    let plan = try Repository.plan(input, json: #"{"batch_size": 8, "epsilon": 1e-3}"#)
    let layer = try plan.verified(against: other).layers[0]
    #expect(layer.comparisons.map(\.agrees) == [false])
    #expect(layer.departures.map(\.departure) == ["sums_divided_by"])
    #expect(layer.departures.map(\.value) == [48])
  }

  /// Statistics over other values, computed here for whole tensors.
  @Test(arguments: [[2, 3], [0], [1, 2, 3], [1], [0, 1, 2, 3], [0, 1, 3], [0, 1, 2], [0, 2], [3]])
  func wrongAxesAreNamed(axes: [Int]) throws {
    let x = WrongKernel.usual
    var (output, gradInput) = (x, x)
    var groups: [[Int]: [Int]] = [:]
    for index in x.indices {
      let place = [index / 24, index / 6 % 4, index / 3 % 2, index % 3]
      let key = [place[0] / 8] + place.indices.map { axes.contains($0) ? 0 : place[$0] }
      groups[key, default: []].append(index)
    }
    for indices in groups.values {
      let mean = indices.reduce(0) { $0 + x[$1] } / Double(indices.count)
      let variance = indices.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / Double(indices.count)
      let root: Double = (variance + 1e-3).squareRoot()
      // γ·dy and x̂, and the means of γ·dy and of γ·dy·x̂ over the same values.
      let gradient: [Double] = indices.map { WrongKernel.gamma[$0 / 6 % 4] * WrongKernel.dy[$0] }
      let normalized: [Double] = indices.map { (x[$0] - mean) / root }
      let center: Double = gradient.reduce(0, +) / Double(indices.count)
      let slope: Double = zip(gradient, normalized).reduce(0) { $0 + $1.0 * $1.1 } / Double(indices.count)
      for (number, index) in indices.enumerated() {
        let feature = index / 6 % 4
        output[index] = WrongKernel.gamma[feature] * normalized[number] + WrongKernel.beta[feature]
        gradInput[index] = (gradient[number] - center - normalized[number] * slope) / root
      }
    }
    for wrong in [["output"], ["grad_input"], ["output", "grad_input"]] {
      var kernel = WrongKernel()
      kernel.finished = { [output, gradInput] in
        if wrong.contains("output") { $0.output = output }
        if wrong.contains("grad_input") { $0.gradInput = gradInput }
      }
      let layer = try kernel.report(WrongKernel.everything, in: folder)
      #expect(layer.comparisons.filter { !$0.agrees }.map(\.result) == wrong)
      #expect(layer.departures.map(\.departure) == ["statistics_over_axes"])
      #expect(layer.departures.first?.axes == axes && layer.departures.first?.results == wrong)
    }
  }
}
