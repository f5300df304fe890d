import Configuration
import Foundation
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// Kernels that are wrong in one way are told apart by what they write, and nothing is said of others.
@Suite(.timeLimit(.minutes(30))) struct WrongKernelTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let kernel: WrongKernel
    /// What is wrong then, of everything that is written.
    let results: [String]

    var testDescription: String { name }

    init(_ name: String, _ results: [String], _ change: (inout WrongKernel) -> Void) {
      self.name = name
      self.results = results
      var kernel = WrongKernel()
      change(&kernel)
      self.kernel = kernel
    }
  }

  private static let forward = ["output", "grad_input", "grad_gamma", "batches/inv_std"]

  private static let withVariance = ["output", "grad_input", "grad_gamma", "batches/var", "batches/inv_std"]

  static let wrong = [
    Row("epsilon", forward) { $0.epsilon = 0.01 },
    Row("epsilon_outside_root", forward) { $0.invStd = { 1 / ($0.squareRoot() + $1) } },
    Row("root_forgotten", forward) { $0.invStd = { 1 / ($0 + $1) } },
    Row("multiplied_by_deviation", forward) { $0.invStd = { ($0 + $1).squareRoot() } },
    Row("mean_not_subtracted", ["output", "grad_input", "grad_gamma"]) {
      $0.normalized = { $0 * $1.invStd }
    },
    Row("square_mean_for_variance", ["output", "grad_input", "grad_gamma", "batches/var", "batches/inv_std"])
    {
      $0.variance = { batch in batch.x.reduce(0) { $0 + $1 * $1 } / batch.count }
    },
    Row("unbiased_normalization", withVariance) {
      $0.variance = { batch in
        batch.x.reduce(0) { $0 + ($1 - batch.mean) * ($1 - batch.mean) } / (batch.count - 1)
      }
    },
    // Sums of x and x² over 8 · 6 values whatever the last batch has: it is padded with zeros.
    Row(
      "sums_divided_by",
      ["output", "grad_input", "grad_gamma", "batches/mean", "batches/var", "batches/inv_std"]
    ) {
      $0.mean = { $0.x.reduce(0, +) / 48 }
      $0.variance = { batch in batch.x.reduce(0) { $0 + $1 * $1 } / 48 - batch.mean * batch.mean }
      $0.gradient = { dy, normalized, batch in
        batch.invStd * (dy - batch.dbeta / 48 - normalized * batch.dgamma / 48)
      }
    },
    Row("variance_divided_by", withVariance) {
      $0.variance = { batch in batch.x.reduce(0) { $0 + ($1 - batch.mean) * ($1 - batch.mean) } / 48 }
    },
    Row("variance_divided_by_samples", withVariance) {
      $0.variance = { batch in
        batch.x.reduce(0) { $0 + ($1 - batch.mean) * ($1 - batch.mean) } / (batch.count / 6)
      }
    },
    Row(
      "sums_around_mean_divided_by",
      ["output", "grad_input", "grad_gamma", "batches/mean", "batches/var", "batches/inv_std"]
    ) {
      $0.mean = { $0.x.reduce(0, +) / 48 }
      $0.variance = { batch in batch.x.reduce(0) { $0 + ($1 - batch.mean) * ($1 - batch.mean) } / 48 }
    },
    Row(
      "mean_divided_by_samples",
      ["output", "grad_input", "grad_gamma", "batches/mean", "batches/var", "batches/inv_std"]
    ) {
      $0.mean = { $0.x.reduce(0, +) / ($0.count / 6) }
    },
    Row("gradient_without_mean", ["grad_input"]) {
      $0.gradient = { $2.invStd * ($0 - $1 * $2.dgamma / $2.count) }
    },
    Row("gradient_without_normalized", ["grad_input"]) {
      $0.gradient = { dy, _, batch in batch.invStd * (dy - batch.dbeta / batch.count) }
    },
    Row("gradient_detached", ["grad_input"]) { $0.gradient = { dy, _, batch in batch.invStd * dy } },
    Row("gradient_of_sums", ["grad_input"]) {
      $0.gradient = { $2.invStd * ($0 - $2.dbeta - $1 * $2.dgamma) }
    },
    Row("gradient_without_inv_std", ["grad_input"]) {
      $0.gradient = { $0 - $2.dbeta / $2.count - $1 * $2.dgamma / $2.count }
    },
    Row("gamma_gradient_without_inv_std", ["grad_gamma"]) {
      $0.finished = { $0.gradGamma = sums { $0.dy * ($0.x - $0.mean) } }
    },
    Row("gamma_gradient_without_mean", ["grad_gamma"]) {
      $0.finished = { $0.gradGamma = sums { $0.dy * $0.x * $0.invStd } }
    },
    Row("gamma_gradient_of_values", ["grad_gamma"]) {
      $0.finished = { $0.gradGamma = sums { $0.dy * $0.x } }
    },
    Row("parameter_gradients_swapped", ["grad_gamma", "grad_beta"]) {
      $0.finished = { swap(&$0.gradGamma, &$0.gradBeta) }
    },
    Row("kept_deviation_for_inv_std", ["batches/inv_std"]) {
      $0.finished = { $0.invStds = $0.invStds.map { 1 / $0 } }
    },
    Row("kept_deviation", ["batches/var"]) {
      $0.finished = { $0.variances = $0.variances.map { $0.squareRoot() } }
    },
    Row("kept_variance_for_inv_std", ["batches/inv_std"]) {
      $0.finished = { $0.invStds = $0.variances }
    },
    Row("kept_variance_and_epsilon_for_inv_std", ["batches/inv_std"]) {
      $0.finished = { $0.invStds = $0.variances.map { $0 + 1e-3 } }
    },
    // Of 48 values for each of four features in the first two batches, and of 24 in the last.
    Row("kept_unbiased_variance", ["batches/var"]) {
      $0.finished = { results in
        results.variances = results.variances.enumerated().map { $1 * ($0 < 8 ? 48.0 / 47 : 24.0 / 23) }
      }
    },
    Row("parameter_gradient_means", ["grad_gamma", "grad_beta"]) {
      $0.dgamma = { batch, normalized in
        zip(batch.dy, normalized).reduce(0) { $0 + $1.0 * $1.1 } / batch.count
      }
      $0.dbeta = { $0.dy.reduce(0, +) / $0.count }
      $0.gradient = { dy, normalized, batch in
        batch.invStd * (dy - batch.dbeta - normalized * batch.dgamma)
      }
    },
    Row("variance_divided_by_positions", withVariance) {
      $0.variance = { batch in batch.x.reduce(0) { $0 + ($1 - batch.mean) * ($1 - batch.mean) } / 6 }
    },
  ]

  /// Σ of a term over each feature, of a right kernel.
  private static func sums(
    _ term: @Sendable @escaping ((dy: Double, x: Double, mean: Double, invStd: Double)) -> Double
  ) -> [Double] {
    var kernel = WrongKernel()
    kernel.dgamma = { batch, _ in
      zip(batch.dy, batch.x).reduce(0) { $0 + term(($1.0, $1.1, batch.mean, batch.invStd)) }
    }
    return kernel.results().gradGamma
  }

  @Test func rightOnesAgree() throws {
    let layer = try WrongKernel().report(WrongKernel.everything, in: folder)
    #expect(layer.comparisons.count == 7 && layer.comparisons.allSatisfy(\.agrees))
    #expect(layer.departures.isEmpty)
  }

  /// Named rightly and alone, from all results and from the first wrong one alone.
  @Test(arguments: wrong) func isNamed(row: Row) throws {
    let layer = try row.kernel.report(WrongKernel.everything, in: folder)
    #expect(layer.comparisons.filter { !$0.agrees }.map(\.result) == row.results)
    #expect(layer.departures.first?.departure == row.name)
    #expect(layer.departures.count == 1 && layer.departures.first?.results == row.results)
    let one = try row.kernel.report([row.results[0]], in: folder)
    #expect(one.departures.map(\.departure) == [row.name])
    #expect(one.departures.first?.results == [row.results[0]])
  }

  @Test func valuesAreTold() throws {
    var kernel = WrongKernel()
    kernel.epsilon = 0.01
    #expect(try kernel.report(["output"], in: folder).departures.map(\.value) == [0.01])
    kernel.epsilon = 0
    let none = try kernel.report(WrongKernel.everything, in: folder).departures
    #expect(none.map(\.departure) == ["epsilon"] && none.map(\.value) == [0])
    kernel = Self.wrong[7].kernel
    #expect(try kernel.report(["output"], in: folder).departures.map(\.value) == [48])
  }

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
    (Row("running_averages", withStatistics) { $0.used = { averages($0, through: $1, $2) } }, nil),
    (
      Row("running_averages_before_batch", withStatistics) {
        $0.used = { averages($0, through: $1 - 1, $2) }
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

  /// Running statistics from 0 and 1, with momentum 0.1 and the unbiased variance, or the biased one, after the first batches.
  private static func averages(
    _ all: [[WrongKernel.Batch]], through last: Int, _ feature: Int, isBiased: Bool = false
  ) -> (mean: Double, variance: Double) {
    var (mean, variance) = (0.0, 1.0)
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

  /// Two mistakes in one result: both are named, in one statement.
  static let pairs: [(both: [String], results: [String], kernel: WrongKernel)] = {
    func kernel(_ change: (inout WrongKernel) -> Void) -> WrongKernel {
      var kernel = WrongKernel()
      change(&kernel)
      return kernel
    }
    let unbiased: @Sendable (WrongKernel.Batch) -> Double = { batch in
      batch.x.reduce(0) { $0 + ($1 - batch.mean) * ($1 - batch.mean) } / (batch.count - 1)
    }
    return [
      (
        ["epsilon", "unbiased_normalization"], withVariance,
        kernel { ($0.epsilon, $0.variance) = (0, unbiased) }
      ),
      (
        ["epsilon", "beta_ignored"], forward,
        kernel { ($0.epsilon, $0.beta) = (0.01, [0, 0, 0, 0]) }
      ),
      (
        ["epsilon_outside_root", "unbiased_normalization"], withVariance,
        kernel { ($0.invStd, $0.variance) = ({ 1 / ($0.squareRoot() + $1) }, unbiased) }
      ),
      (
        ["unbiased_normalization", "gradient_without_mean"], withVariance,
        kernel { ($0.variance, $0.gradient) = (unbiased, { $2.invStd * ($0 - $1 * $2.dgamma / $2.count) }) }
      ),
      (
        ["epsilon", "gradient_detached"], forward,
        kernel { ($0.epsilon, $0.gradient) = (0.01, { dy, _, batch in batch.invStd * dy }) }
      ),
      (
        ["mean_not_subtracted", "parameters_swapped"], ["output", "grad_input", "grad_gamma"],
        kernel {
          $0.normalized = { $0 * $1.invStd }
          ($0.gamma, $0.beta) = (WrongKernel.beta, WrongKernel.gamma)
        }
      ),
    ]
  }()

  @Test(arguments: pairs.indices) func twoAreNamedTogether(number: Int) throws {
    let (both, results, kernel) = Self.pairs[number]
    let layer = try kernel.report(WrongKernel.everything, in: folder)
    #expect(layer.comparisons.filter { !$0.agrees }.map(\.result) == results)
    #expect(layer.departures.map(\.departure) == ["two"])
    #expect(layer.departures.first?.both?.map(\.departure) == both)
    #expect(layer.departures.first?.results == results && layer.unexplained.isEmpty)
  }

  /// Two mistakes that show in different results are both named.
  @Test func twoMistakes() throws {
    var kernel = WrongKernel()
    kernel.epsilon = 0.01
    kernel.finished = { $0.gradBeta = $0.gradBeta.map { $0 + 1 } }
    let layer = try kernel.report(["output", "grad_beta"], in: folder)
    #expect(layer.departures.map(\.departure) == ["epsilon"])
    #expect(layer.departures.first?.results == ["output"] && layer.unexplained == ["grad_beta"])
    kernel.finished = { $0.invStds = $0.invStds.map { 1 / $0 } }
    kernel.epsilon = 1e-3
    kernel.gradient = Self.wrong[12].kernel.gradient
    let two = try kernel.report(["grad_input", "batches/inv_std"], in: folder)
    #expect(two.departures.map(\.departure) == ["gradient_without_mean", "kept_deviation_for_inv_std"])
  }

  /// Of a few numbers a way is not named that others contradict.
  @Test func contradictionsRefute() throws {
    var kernel = WrongKernel()
    kernel.epsilon = 0.01
    #expect(try kernel.report(["grad_gamma", "batches/inv_std"], in: folder).departures.count == 1)
    kernel.finished = { $0.gradGamma[1] += 1 }
    let layer = try kernel.report(["grad_gamma", "batches/inv_std"], in: folder)
    #expect(layer.departures.isEmpty && layer.unexplained == ["grad_gamma", "batches/inv_std"])
  }

  /// Kernels of which nothing known is the reason.
  static let others: [Row] = [
    Row("a factor", []) { $0.finished = { $0.output = $0.output.map { 1.01 * $0 } } },
    Row("a shift", []) { $0.finished = { $0.output = $0.output.map { $0 + 0.01 } } },
    Row("noise", []) {
      $0.finished = { $0.output = $0.output.enumerated().map { $1 + 1e-3 * sin(Double($0 * $0)) } }
    },
    Row("another epsilon for each feature", []) {
      $0.variance = { batch in
        let right = batch.x.reduce(0) { $0 + ($1 - batch.mean) * ($1 - batch.mean) } / batch.count
        return right * (1 + 0.02 * sin(batch.x[0]))
      }
    },
    Row("the first half of a batch", []) {
      $0.mean = { $0.x.prefix($0.x.count / 2).reduce(0, +) / Double($0.x.count / 2) }
    },
    Row("nothing but NaN", []) { $0.finished = { $0.output = $0.output.map { _ in .nan } } },
    Row("statistics of two batches before", []) {
      $0.used = { all, batch, feature in
        let other = all[max(0, batch - 2)][feature]
        return (other.mean, other.variance)
      }
    },
    Row("two features exchanged", []) { $0.gamma = [1.5, 0.5, -2, 1] },
    Row("three mistakes", []) { kernel in
      (kernel.epsilon, kernel.beta) = (0, [0, 0, 0, 0])
      kernel.variance = { batch in
        batch.x.reduce(0) { $0 + ($1 - batch.mean) * ($1 - batch.mean) } / (batch.count - 1)
      }
    },
    Row("a sign", []) { $0.finished = { $0.output = $0.output.map { -$0 } } },
    Row("zeros", []) { $0.finished = { $0.output = $0.output.map { _ in 0 } } },
    Row("a wrong tail", []) {
      $0.epsilon = 0.01
      $0.finished = { for index in 470..<480 { $0.output[index] = 0 } }
    },
  ]

  @Test(arguments: others) func isNotNamed(row: Row) throws {
    let layer = try row.kernel.report(["output"], in: folder)
    #expect(layer.comparisons.map(\.agrees) == [false])
    #expect(layer.departures.map(\.departure) == [] && layer.unexplained == ["output"])
  }

  @Test func wrongGradientsAreNotNamed() throws {
    var kernel = WrongKernel()
    kernel.gradient = { -$2.invStd * ($0 - $2.dbeta / $2.count - $1 * $2.dgamma / $2.count) }
    #expect(try kernel.report(["output", "grad_input"], in: folder).departures.isEmpty)
    kernel.gradient = { $2.invStd * ($0 - $2.dbeta / $2.count + $1 * $2.dgamma / $2.count) }
    #expect(try kernel.report(["output", "grad_input"], in: folder).departures.isEmpty)
  }
}

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
    kernel.invStd = { 1 / ($0.squareRoot() + $1) }
    let outside = try kernel.report(["output"], in: folder).departures
    #expect(outside.map(\.departure) == ["epsilon_outside_root"])
    #expect(outside.map(\.value) == [epsilon])
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

  @Test func cancellationIsNamed() throws {
    var kernel = WrongKernel()
    kernel.variance = Self.singlePrecision
    let layer = try kernel.report(["output", "grad_input"], x: Self.distant, in: folder)
    #expect(layer.departures.map(\.departure) == ["cancellation"])
    #expect(layer.departures.first?.results == ["output", "grad_input"])
    let variances = try #require(layer.departures.first?.variances)
    // Three batches of four features, of which the last is near 0.
    #expect(variances.count == 12 && 6...9 ~= variances.wrong, "\(variances)")
    #expect(variances.wholeSteps == variances.wrong)
    #expect(variances.largestRatio > 5e4 && variances.largestError > 1e-3)
    #expect(layer.comparisons.map { $0.wrong?.features?.ranges } == [[[0, 2]], [[0, 2]]])
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
    let plan = try JobPlan(
      Job(
        input: input, output: nil,
        configuration: JobConfiguration(json: #"{"batch_size": 8, "epsilon": 1e-3}"#, source: "test"),
        replacesOutput: false))
    let layer = try Verification(plan, against: other, relative: nil, absolute: nil)
      .report(progress: JobProgress(), cancellation: Cancellation()).layers[0]
    #expect(layer.comparisons.map(\.agrees) == [false])
    #expect(layer.departures.map(\.departure) == ["sums_divided_by"])
    #expect(layer.departures.map(\.value) == [48])
  }

  /// Statistics over other values, computed here for whole tensors.
  @Test(arguments: [[2, 3], [0], [1, 2, 3], [1], [0, 1, 2, 3], [0, 1, 3], [0, 1, 2], [0, 2], [3]])
  func wrongAxesAreNamed(axes: [Int]) throws {
    let x = WrongKernel.usual
    var output = x
    var groups: [[Int]: [Int]] = [:]
    for index in x.indices {
      let place = [index / 24, index / 6 % 4, index / 3 % 2, index % 3]
      let key = [place[0] / 8] + place.indices.map { axes.contains($0) ? 0 : place[$0] }
      groups[key, default: []].append(index)
    }
    for indices in groups.values {
      let mean = indices.reduce(0) { $0 + x[$1] } / Double(indices.count)
      let variance = indices.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / Double(indices.count)
      for index in indices {
        let feature = index / 6 % 4
        output[index] =
          WrongKernel.gamma[feature] * (x[index] - mean) / (variance + 1e-3).squareRoot()
          + WrongKernel.beta[feature]
      }
    }
    var kernel = WrongKernel()
    kernel.finished = { [output] in $0.output = output }
    let layer = try kernel.report(WrongKernel.everything, in: folder)
    #expect(layer.comparisons.filter { !$0.agrees }.map(\.result) == ["output"])
    #expect(layer.departures.map(\.departure) == ["statistics_over_axes"])
    #expect(layer.departures.first?.axes == axes)
  }
}
