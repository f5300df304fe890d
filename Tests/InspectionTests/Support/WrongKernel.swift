import Configuration
import Foundation
import HDF5
import Jobs
import Parallel
import TestSupport

@testable import Inspection

/// A kernel for NCHW data, written out by its formulas, each of which can be a wrong one. It shares no code with the program.
struct WrongKernel: Sendable {
  /// [N, C, H, W], in batches of eight samples, the last of which has four.
  static let shape = [20, 4, 2, 3]
  static let batchSize = 8
  static let positions = 6
  static let gamma = [0.5, 1.5, -2, 1]
  static let beta = [0.25, -1, 3, 0.5]

  /// What is known of a feature of a batch.
  struct Batch {
    let x: [Double]
    let dy: [Double]
    var mean = 0.0
    var variance = 0.0
    var invStd = 0.0
    var dgamma = 0.0
    var dbeta = 0.0
    var count: Double { Double(x.count) }
    /// Σx², and Σ(x − mean)².
    var squareSum: Double { x.map { $0 * $0 }.reduce(0, +) }
    var deviationSquareSum: Double { x.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) }
  }

  var epsilon = 1e-3
  var gamma = WrongKernel.gamma
  var beta = WrongKernel.beta
  /// Which mean and variance a feature of a batch is normalized with, of those of all batches and features.
  var used: @Sendable (_ all: [[Batch]], _ batch: Int, _ feature: Int) -> (mean: Double, variance: Double) = {
    ($0[$1][$2].mean, $0[$1][$2].variance)
  }
  var mean: @Sendable (Batch) -> Double = { $0.x.reduce(0, +) / $0.count }
  var variance: @Sendable (Batch) -> Double = { batch in
    batch.deviationSquareSum / batch.count
  }
  var invStd: @Sendable (_ variance: Double, _ epsilon: Double) -> Double = { 1 / ($0 + $1).squareRoot() }
  var normalized: @Sendable (_ x: Double, Batch) -> Double = { ($0 - $1.mean) * $1.invStd }
  var dgamma: @Sendable (Batch, _ normalized: [Double]) -> Double = { batch, normalized in
    zip(batch.dy, normalized).reduce(0) { $0 + $1.0 * $1.1 }
  }
  var dbeta: @Sendable (Batch) -> Double = { $0.dy.reduce(0, +) }
  /// What is in dx beside γ.
  var gradient: @Sendable (_ dy: Double, _ normalized: Double, Batch) -> Double = { dy, normalized, batch in
    batch.invStd * (dy - batch.dbeta / batch.count - normalized * batch.dgamma / batch.count)
  }
  /// Running statistics that the input gives, if any.
  var running: (mean: [Double], variance: [Double])?
  /// What is written of each feature after all.
  var finished: @Sendable (inout Results) -> Void = { _ in }

  /// Results of all samples, and of each batch and feature.
  struct Results {
    var output: [Double]
    var gradInput: [Double]
    var normalized: [Double]
    var gradGamma = [0.0, 0, 0, 0]
    var gradBeta = [0.0, 0, 0, 0]
    var means: [Double] = []
    var variances: [Double] = []
    var invStds: [Double] = []
  }

  /// x about so large means, as multiples of the features' deviations.
  static func values(means: [Double]) -> [Double] {
    let deviations = [2, 0.7, 1.3, 0.25]
    var state: UInt64 = 7
    return (0..<20 * 24).map { index in
      var sum = 0.0
      for _ in 0..<6 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        sum += Double(state >> 40) / 0x1p24 - 0.5
      }
      let feature = index / 6 % 4
      // Numbers that float32 holds.
      return Double(Float(deviations[feature] * (sum * 2.4 + means[feature]) * (1 + Double(index / 192) / 3)))
    }
  }

  static let usual = values(means: [1.5, -2, 0.5, 8])
  static let dy = values(means: [0.3, -0.4, 0.1, 0.2]).reversed().map { Double(Float($0)) }

  /// The places of a feature in a batch.
  private static func places(_ batch: Int, _ feature: Int) -> [Int] {
    (8 * batch..<min(20, 8 * batch + 8)).flatMap { sample in
      (0..<6).map { (sample * 4 + feature) * 6 + $0 }
    }
  }

  func results(_ x: [Double] = usual) -> Results {
    var results = Results(output: x, gradInput: x, normalized: x)
    let all = (0..<3).map { batch in
      (0..<4).map { feature in
        let places = Self.places(batch, feature)
        var known = Batch(x: places.map { x[$0] }, dy: places.map { Self.dy[$0] })
        known.mean = mean(known)
        known.variance = variance(known)
        return known
      }
    }
    for batch in 0..<3 {
      for feature in 0..<4 {
        let places = Self.places(batch, feature)
        var known = all[batch][feature]
        (known.mean, known.variance) = used(all, batch, feature)
        known.invStd = invStd(known.variance, epsilon)
        let normalized = known.x.map { self.normalized($0, known) }
        known.dgamma = dgamma(known, normalized)
        known.dbeta = dbeta(known)
        for (index, place) in places.enumerated() {
          results.normalized[place] = normalized[index]
          results.output[place] = gamma[feature] * normalized[index] + beta[feature]
          results.gradInput[place] =
            gamma[feature] * gradient(known.dy[index], normalized[index], known)
        }
        results.gradGamma[feature] += known.dgamma
        results.gradBeta[feature] += known.dbeta
        results.means.append(known.mean)
        results.variances.append(known.variance)
        results.invStds.append(known.invStd)
      }
    }
    finished(&results)
    return results
  }

  /// What `verify` says of results in float32.
  /// - Parameters:
  ///   - names: which of them are written.
  ///   - keys: more of the configuration.
  func report(
    _ names: [String], x: [Double] = usual, keys: String = "", in folder: TemporaryFolder
  ) throws -> LayerVerification {
    let results = results(x)
    let all: [String: ([Int], [Double])] = [
      "output": (Self.shape, results.output), "grad_input": (Self.shape, results.gradInput),
      "normalized": (Self.shape, results.normalized),
      "grad_gamma": ([4], results.gradGamma), "grad_beta": ([4], results.gradBeta),
      "batches/mean": ([3, 4], results.means), "batches/var": ([3, 4], results.variances),
      "batches/inv_std": ([3, 4], results.invStds),
    ]
    var datasets: [String: TemporaryFolder.Stored] = [:]
    for name in names {
      guard let (shape, values) = all[name] else { continue }
      datasets["layer/\(name)"] = .init(shape: shape, values: values, type: .float32)
    }
    var given: [String: TemporaryFolder.Stored] = [
      "layer/activations": .init(shape: Self.shape, values: x, type: .float32),
      "layer/grad_output": .init(shape: Self.shape, values: Self.dy, type: .float32),
      "layer/gamma": .init(shape: [4], values: Self.gamma),
      "layer/beta": .init(shape: [4], values: Self.beta),
    ]
    if let running {
      given["layer/running_mean"] = .init(shape: [4], values: running.mean)
      given["layer/running_var"] = .init(shape: [4], values: running.variance)
    }
    let input = try folder.file("in.h5", given)
    let plan = try JobPlan(
      Job(
        input: input, output: nil,
        configuration: JobConfiguration(
          json: #"{"batch_size": \#(Self.batchSize), "epsilon": 1e-3\#(keys)}"#, source: "test"),
        replacesOutput: false))
    return try plan.verified(against: folder.file("other.h5", datasets)).layers[0]
  }

  static let everything = [
    "output", "grad_input", "grad_gamma", "grad_beta", "batches/mean", "batches/var", "batches/inv_std",
  ]
}
