import Configuration
import Foundation
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// Kernels that take statistics, parameters or results of another batch or another feature are told apart.
@Suite(.timeLimit(.minutes(30))) struct MisplacedRowTests {
  typealias Row = WrongKernelTests.Row

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let withStatistics = [
    "output", "grad_input", "grad_gamma", "batches/mean", "batches/var", "batches/inv_std",
  ]

  /// Statistics, parameters or results of another batch or feature.
  static let elsewhere: [(row: Row, value: Double?)] = [
    (
      Row("previous_batch_statistics", withStatistics) {
        $0.used = { all, batch, feature in
          let other = all[max(0, batch - 1)][feature]
          return (other.mean, other.variance)
        }
      }, nil
    ),
    // A first batch of which nothing is known takes what running statistics begin with.
    (
      Row("previous_batch_statistics", withStatistics) {
        $0.used = { all, batch, feature in
          batch == 0 ? (0, 1) : (all[batch - 1][feature].mean, all[batch - 1][feature].variance)
        }
      }, nil
    ),
    (
      Row("running_averages", withStatistics) {
        $0.used = { averages($0, through: $1, $2) }
      }, nil
    ),
    (
      Row("running_averages_before_batch", withStatistics) {
        $0.used = { averages($0, through: $1 - 1, $2) }
      }, nil
    ),
    // What the input gives is what there was before.
    (
      Row("previous_batch_statistics", withStatistics) {
        $0.running = given
        $0.used = { all, batch, feature in
          if batch == 0 { return (given.mean[feature], given.variance[feature]) }
          return (all[batch - 1][feature].mean, all[batch - 1][feature].variance)
        }
      }, nil
    ),
    (
      Row("running_averages", withStatistics) {
        $0.running = given
        $0.used = { averages($0, through: $1, $2, isGiven: true) }
      }, nil
    ),
    (
      Row("running_averages_before_batch", withStatistics) {
        $0.running = given
        $0.used = { averages($0, through: $1 - 1, $2, isGiven: true) }
      }, nil
    ),
    (
      Row("shifted_statistics", withStatistics) {
        $0.used = { all, batch, feature in
          let other = all[batch][(feature + 1) % 4]
          return (other.mean, other.variance)
        }
      }, 1
    ),
    (Row("shifted_gamma", ["output", "grad_input"]) { $0.gamma = [1, 0.5, 1.5, -2] }, -1),
    (Row("shifted_beta", ["output"]) { $0.beta = [3, 0.5, 0.25, -1] }, 2),
    (
      Row("shifted_parameters", ["output", "grad_input"]) {
        ($0.gamma, $0.beta) = ([1.5, -2, 1, 0.5], [-1, 3, 0.5, 0.25])
      }, 1
    ),
    (
      Row("shifted_features", WrongKernel.everything) {
        $0.finished = { results in
          func rotated(_ values: [Double], _ plane: Int) -> [Double] {
            values.indices.map { place in
              let feature = place / plane % 4
              return values[place + ((feature + 3) % 4 - feature) * plane]
            }
          }
          (results.output, results.gradInput) = (rotated(results.output, 6), rotated(results.gradInput, 6))
          (results.gradGamma, results.gradBeta) = (
            rotated(results.gradGamma, 1), rotated(results.gradBeta, 1)
          )
          results.means = rotated(results.means, 1)
          results.variances = rotated(results.variances, 1)
          results.invStds = rotated(results.invStds, 1)
        }
      }, -1
    ),
  ]

  /// What an input gives of each feature before the first batch.
  private static let given = (mean: [1.0, 2, 3, 4], variance: [2.0, 3, 4, 5])

  /// Running statistics from 0 and 1 or what is given, with momentum 0.1 and the unbiased variance, or the biased one, after the first
  /// batches.
  private static func averages(
    _ all: [[WrongKernel.Batch]], through last: Int, _ feature: Int, isBiased: Bool = false,
    isGiven: Bool = false
  ) -> (mean: Double, variance: Double) {
    var mean: Double = isGiven ? given.mean[feature] : 0
    var variance: Double = isGiven ? given.variance[feature] : 1
    for batch in 0..<max(0, last + 1) {
      let known = all[batch][feature]
      mean = 0.9 * mean + 0.1 * known.mean
      variance = 0.9 * variance + 0.1 * known.variance * (isBiased ? 1 : known.count / (known.count - 1))
    }
    return (mean, variance)
  }

  @Test(arguments: elsewhere.indices) func isFromElsewhere(number: Int) throws {
    let (row, value) = Self.elsewhere[number]
    let layer = try row.kernel.report(WrongKernel.everything, in: folder)
    #expect(layer.comparisons.filter { !$0.agrees }.map(\.result) == row.results)
    #expect(layer.departures.map(\.departure) == [row.name] && layer.departures.first?.value == value)
    #expect(layer.departures.first?.results == row.results)
    let one = try row.kernel.report(["output"], in: folder)
    #expect(one.departures.map(\.departure) == [row.name])
  }

  /// Vectors have 8 or 16 numbers; of 40 features these are all different distances.
  @Test(arguments: [8, -8, 16, -16]) func isAVectorApart(distance: Int) throws {
    let (samples, features) = (12, 40)
    let x: [Double] = (0..<samples * features).map { index in sin(Double(index * index)) }
    let gamma: [Double] = (0..<features).map { feature in Double(1 + feature) }
    var output = x
    for feature in 0..<features {
      let places: [Int] = (0..<samples).map { $0 * features + feature }
      let mean: Double = places.reduce(0) { $0 + x[$1] } / Double(samples)
      let variance: Double =
        places.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / Double(samples)
      let invStd: Double = 1 / (variance + 1e-3).squareRoot()
      let other = (feature + distance + features) % features
      for place in places { output[place] = gamma[other] * (x[place] - mean) * invStd }
    }
    let input = try folder.file(
      "in.h5",
      [
        "layer/activations": .init(shape: [samples, features], values: x),
        "layer/gamma": .init(shape: [features], values: gamma),
      ])
    let other = try folder.file(
      "other.h5", ["layer/output": .init(shape: [samples, features], values: output)])
    let plan = try Repository.plan(input, json: #"{"batch_size": 12, "epsilon": 1e-3}"#)
    let layer = try plan.verified(against: other).layers[0]
    #expect(layer.comparisons.map(\.agrees) == [false])
    #expect(layer.departures.map(\.departure) == ["shifted_gamma"])
    #expect(layer.departures.map(\.value) == [Double(distance)])
  }

  /// Running averages are those of the layer's settings: where its running variance is the biased one, those of the unbiased one explain nothing.
  @Test(arguments: [true, false], [true, false]) func averagesAreThoseOfTheSettings(
    isBiased: Bool, isAfter: Bool
  ) throws {
    var kernel = WrongKernel()
    kernel.used = { Self.averages($0, through: isAfter ? $1 : $1 - 1, $2, isBiased: isBiased) }
    let layer = try kernel.report(["output"], keys: #", "running_variance": "biased""#, in: folder)
    let name = isAfter ? "running_averages" : "running_averages_before_batch"
    #expect(layer.comparisons.contains { !$0.agrees })
    #expect(layer.departures.map(\.departure) == (isBiased ? [name] : []))
  }

  /// A single value has no unbiased variance, so that a batch of one leaves the running variance, here 1, as it is.
  @Test(arguments: [true, false]) func averagesOfSingleValues(isAfter: Bool) throws {
    let x: [Double] = [1, 4, -2, 8, 3, 5, -7, 2]
    var means: [Double] = [0, 0]
    var output = x
    for place in x.indices {
      let before: Double = means[place % 2]
      let after: Double = 0.9 * before + 0.1 * x[place]
      output[place] = (x[place] - (isAfter ? after : before)) / 1.001.squareRoot()
      means[place % 2] = after
    }
    let input = try folder.file("in.h5", ["layer/activations": .init(shape: [4, 2], values: x)])
    let other = try folder.file("other.h5", ["layer/output": .init(shape: [4, 2], values: output)])
    let plan = try Repository.plan(
      input, json: #"{"batch_size": 1, "epsilon": 1e-3, "single_value_batch": "allow"}"#)
    let layer = try plan.verified(against: other).layers[0]
    #expect(layer.comparisons.map(\.agrees) == [false])
    let name = isAfter ? "running_averages" : "running_averages_before_batch"
    #expect(layer.departures.map(\.departure) == [name])
  }

  /// Of two features the one before is the one behind, and is named once.
  @Test func ofTwoFeaturesThereIsOneDistance() throws {
    let x: [Double] = [1, 4, -2, 8, 3, 5, -7, 2]
    let gamma: [Double] = [1.5, -3]
    var output = x
    for feature in 0..<2 {
      let values: [Double] = (0..<4).map { x[2 * $0 + feature] }
      let mean: Double = values.reduce(0, +) / 4
      let variance: Double = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4
      let factor: Double = gamma[1 - feature] / (variance + 1e-3).squareRoot()
      for sample in 0..<4 { output[2 * sample + feature] = factor * (values[sample] - mean) }
    }
    let input = try folder.file(
      "in.h5",
      [
        "layer/activations": .init(shape: [4, 2], values: x),
        "layer/gamma": .init(shape: [2], values: gamma),
      ])
    let other = try folder.file("other.h5", ["layer/output": .init(shape: [4, 2], values: output)])
    let plan = try Repository.plan(input, json: #"{"epsilon": 1e-3}"#)
    let layer = try plan.verified(against: other).layers[0]
    #expect(layer.comparisons.map(\.agrees) == [false])
    #expect(layer.departures.map(\.departure) == ["shifted_gamma"])
    #expect(layer.departures.map(\.value) == [1])
  }
}
