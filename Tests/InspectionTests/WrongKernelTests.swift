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
      $0.variance = { batch in batch.squareSum / batch.count }
    },
    Row("unbiased_normalization", withVariance) {
      $0.variance = { batch in
        batch.deviationSquareSum / (batch.count - 1)
      }
    },
    // Sums of x and x² over 8 · 6 values whatever the last batch has: it is padded with zeros.
    Row(
      "sums_divided_by",
      ["output", "grad_input", "grad_gamma", "batches/mean", "batches/var", "batches/inv_std"]
    ) {
      $0.mean = { $0.x.reduce(0, +) / 48 }
      $0.variance = { batch in batch.squareSum / 48 - batch.mean * batch.mean }
      $0.gradient = { dy, normalized, batch in
        batch.invStd * (dy - batch.dbeta / 48 - normalized * batch.dgamma / 48)
      }
    },
    Row("variance_divided_by", withVariance) {
      $0.variance = { batch in batch.deviationSquareSum / 48 }
    },
    Row("variance_divided_by_samples", withVariance) {
      $0.variance = { batch in
        batch.deviationSquareSum / (batch.count / 6)
      }
    },
    Row(
      "sums_around_mean_divided_by",
      ["output", "grad_input", "grad_gamma", "batches/mean", "batches/var", "batches/inv_std"]
    ) {
      $0.mean = { $0.x.reduce(0, +) / 48 }
      $0.variance = { batch in batch.deviationSquareSum / 48 }
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
        zip(batch.dy, normalized).map { $0 * $1 }.reduce(0, +) / batch.count
      }
      $0.dbeta = { $0.dy.reduce(0, +) / $0.count }
      $0.gradient = { dy, normalized, batch in
        batch.invStd * (dy - batch.dbeta - normalized * batch.dgamma)
      }
    },
    Row("variance_divided_by_positions", withVariance) {
      $0.variance = { batch in batch.deviationSquareSum / 6 }
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

  /// Two mistakes in one result: both are named, in one statement.
  static let pairs: [(both: [String], results: [String], kernel: WrongKernel)] = {
    func kernel(_ change: (inout WrongKernel) -> Void) -> WrongKernel {
      var kernel = WrongKernel()
      change(&kernel)
      return kernel
    }
    let unbiased: @Sendable (WrongKernel.Batch) -> Double = { batch in
      batch.deviationSquareSum / (batch.count - 1)
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
      (
        ["root_forgotten", "beta_ignored"], forward,
        kernel { ($0.invStd, $0.beta) = ({ 1 / ($0 + $1) }, [0, 0, 0, 0]) }
      ),
      (
        ["multiplied_by_deviation", "beta_ignored"], forward,
        kernel { ($0.invStd, $0.beta) = ({ ($0 + $1).squareRoot() }, [0, 0, 0, 0]) }
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
    // Of two large results the one that nothing explains does not hide what explains the other.
    kernel.finished = {
      for index in $0.gradInput.indices { $0.gradInput[index] += sin(Double(index * index)) }
    }
    let large = try kernel.report(["output", "grad_input"], in: folder)
    #expect(large.departures.map(\.departure) == ["epsilon"])
    #expect(large.departures.first?.results == ["output"] && large.unexplained == ["grad_input"])
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
        let right = batch.deviationSquareSum / batch.count
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
        batch.deviationSquareSum / (batch.count - 1)
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
