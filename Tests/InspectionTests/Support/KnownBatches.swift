import Configuration
import HDF5
import Jobs
import TestSupport

@testable import Inspection

/// A layer of which every result, and how far `verify` lets it be from another program's, can be worked out by hand.
///
/// Two features and twice the same batch: x = ∓1 in the first feature and ∓1000 in the second, γ = 2, β = 0, ε = 0, and dy = 5, 1. So
/// x̂ = ∓1, y = ∓2, dβ = 6 and dγ = -5 + 1 = -4 in both, and nothing is left of dx: 5 - 3 + (-1)·2 = 0, 1 - 3 - (-1)·2 = 0.
enum KnownBatches {
  /// What a result holds, in the order of the file, and how far each number may be from another float64.
  struct Result: Sendable {
    let name: String
    let shape: [Int]
    let values: [Double]
    /// 10⁻⁹ of what numbers are like in their feature.
    let limits: [Double]
  }

  static let results = [
    Result(
      name: "output", shape: [4, 2], values: [-2, -2, 2, 2, -2, -2, 2, 2],
      limits: Array(repeating: 2e-9, count: 8)),
    Result(
      name: "normalized", shape: [4, 2], values: [-1, -1, 1, 1, -1, -1, 1, 1],
      limits: Array(repeating: 1e-9, count: 8)),
    // |γ|·invStd·(|dβ| + |dγ|)/m = 2·1·(6 + 4)/2 in the first feature, a thousandth of it in the second.
    Result(
      name: "grad_input", shape: [4, 2], values: Array(repeating: 0, count: 8),
      limits: [1e-8, 1e-11, 1e-8, 1e-11, 1e-8, 1e-11, 1e-8, 1e-11]),
    // The largest of both sums and all features, over both batches.
    Result(name: "grad_gamma", shape: [2], values: [-8, -8], limits: [1.2e-8, 1.2e-8]),
    Result(name: "grad_beta", shape: [2], values: [12, 12], limits: [1.2e-8, 1.2e-8]),
    // 0.9·(0.9·1 + 0.1·2) + 0.1·2, where 2 is the variance over m - 1; the second feature's is 2 000 000. A mean is judged by the root
    // of the variance.
    Result(
      name: "running_mean", shape: [2], values: [0, 0],
      limits: [1.0908712114635715e-09, 6.164420572933032e-07]),
    Result(
      name: "running_var", shape: [2], values: [1.19, 380_000.81], limits: [1.19e-9, 3.8000081e-4]),
    Result(name: "population_mean", shape: [2], values: [0, 0], limits: [1e-9, 1e-6]),
    Result(name: "population_var", shape: [2], values: [1, 1_000_000], limits: [1e-9, 1e-3]),
    Result(name: "batches/mean", shape: [2, 2], values: [0, 0, 0, 0], limits: [1e-9, 1e-6, 1e-9, 1e-6]),
    Result(
      name: "batches/var", shape: [2, 2], values: [1, 1_000_000, 1, 1_000_000],
      limits: [1e-9, 1e-3, 1e-9, 1e-3]),
    Result(
      name: "batches/inv_std", shape: [2, 2], values: [1, 1e-3, 1, 1e-3],
      limits: [1e-9, 1e-12, 1e-9, 1e-12]),
    Result(
      name: "batches/grad_gamma", shape: [2, 2], values: [-4, -4, -4, -4],
      limits: Array(repeating: 6e-9, count: 4)),
    Result(
      name: "batches/grad_beta", shape: [2, 2], values: [6, 6, 6, 6],
      limits: Array(repeating: 6e-9, count: 4)),
  ]

  /// The layer's input.
  static func input(in folder: TemporaryFolder) throws -> String {
    try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [4, 2], values: [-1, -1000, 1, 1000, -1, -1000, 1, 1000]),
        "bn/grad_output": .init(shape: [4, 2], values: [5, 5, 1, 1, 5, 5, 1, 1]),
        "bn/gamma": .init(shape: [2], values: [2, 2]), "bn/beta": .init(shape: [2], values: [0, 0]),
      ])
  }

  /// In batches of two samples.
  static func plan(in folder: TemporaryFolder) throws -> JobPlan {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    configuration.batchSize = BatchSize(samples: 2)
    configuration.outputs = Set(OutputTensor.allCases)
    configuration.threads = ThreadCount(1)
    return try Repository.plan(input(in: folder), configuration)
  }

  /// A file with all results as they should be, but for one number.
  /// - Parameter change: what is added to an element of the result of that name.
  static func file(
    _ name: String, in folder: TemporaryFolder, change: (result: String, element: Int, by: Double)? = nil
  ) throws -> String {
    var datasets: [String: TemporaryFolder.Stored] = [:]
    for result in results {
      var values = result.values
      if let change, change.result == result.name { values[change.element] += change.by }
      datasets["bn/\(result.name)"] = .init(shape: result.shape, values: values)
    }
    return try folder.file(name, datasets)
  }
}
