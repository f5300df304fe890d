@testable import BatchNormReference

/// Random inputs of the graph together with an upstream gradient, reproducible from a seed.
struct RandomCase {
  let seed: UInt64
  var inputs: GraphInputs
  var dout: FeatureMatrix

  /// - Parameters:
  ///   - mean: the mean of every feature of x; its standard deviation is about `deviation`.
  ///   - masked: leave about a third of the rows out of the statistics.
  init(
    seed: UInt64, rowCount: Int = 24, featureCount: Int = 3, mean: Double = 0.5, deviation: Double = 1,
    epsilon: Double = 1e-5, mode: ReferenceMode = .batch, masked: Bool = false
  ) {
    self.seed = seed
    var generator = SplitMix64(seed: seed)
    var x = generator.matrix(rowCount, featureCount)
    x.values = x.values.map { mean + deviation * $0 }
    let gamma = generator.row(featureCount)
    let beta = generator.row(featureCount)
    dout = generator.matrix(rowCount, featureCount)
    // The first two rows always count, so that there is a variance.
    let counted = (0..<rowCount).map { $0 < 2 || generator.next() % 3 != 0 }
    inputs = GraphInputs(
      x: x, gamma: gamma, beta: beta, epsilon: epsilon, mode: mode, counted: masked ? counted : nil)
  }

  var trace: GraphTrace { GraphTrace(inputs, dout: dout) }
}

extension SplitMix64 {
  /// Roughly normal, mean 0 and variance 1: the sum of twelve uniform numbers, less its mean.
  mutating func normal() -> Double {
    (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &self) }
  }

  mutating func matrix(_ rowCount: Int, _ featureCount: Int) -> FeatureMatrix {
    FeatureMatrix(
      rowCount: rowCount, featureCount: featureCount,
      values: (0..<rowCount * featureCount).map { _ in normal() })
  }

  mutating func row(_ featureCount: Int) -> FeatureRow {
    FeatureRow((0..<featureCount).map { _ in normal() })
  }
}

/// Σ a·b over all entries.
func dot(_ a: [Double], _ b: [Double]) -> Double {
  sum(a.indices.lazy.map { a[$0] * b[$0] })
}

/// The largest |a - b| relative to the largest entry of either: an error relative to the tensor's scale.
func relativeDistance(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count)
  let scale = (a + b).reduce(0) { max($0, $1.magnitude) }
  let distance = zip(a, b).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
  return distance == 0 ? 0 : distance / scale
}

/// A matrix [m, 1] written as its column.
func column(_ values: Double...) -> FeatureMatrix {
  FeatureMatrix(column: values)
}
