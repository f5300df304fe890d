import BatchNorm
import BatchNormReference
import Configuration
import Foundation
import HDF5
import Jobs
import Parallel
import TestSupport
import Testing

@testable import Explain

/// Σdx² from layer to layer of networks at initialization, as a run with diagnostics finds it, beside what Yang et al. (2019) say.
@Suite(.timeLimit(.minutes(30))) struct GradientGrowthTests {
  private static let (width, depth, networks) = (256, 9, 8)

  /// Eight networks of nine layers with ReLU, a batch each: the geometric mean of the steps is within 1 % (that of eight seeds
  /// scatters by 0.3 %).
  @Test(arguments: [64, 256]) func growsAsExpected(batchSize: Int) throws {
    let folder = try TemporaryFolder()
    try Self.write(batchSize, to: folder.path("in.h5"))
    let configuration = try JobConfiguration(
      json: #"{"outputs": ["grad_input", "diagnostics"], "sync": false}"#, source: "test")
    let output = folder.path("out.h5")
    let plan = try JobPlan(
      Job(input: folder.path("in.h5"), output: output, configuration: configuration, replacesOutput: true))
    let summary = try Execution(plan, progress: JobProgress(), cancellation: Cancellation()).write(to: output)
    let growth = try #require(summary.gradientGrowth)
    // As they lie in depth, which their names do not say.
    #expect(growth.order == .depth)
    #expect(growth.steps.map(\.from) == (1..<Self.depth).reversed().map { "/\(Self.name($0))" })
    #expect(growth.steps.map(\.to) == (0..<Self.depth - 1).reversed().map { "/\(Self.name($0))" })
    let mean = exp(growth.steps.reduce(0) { $0 + log($1.growth) } / Double(growth.steps.count))
    let expected = try #require(GradientExplosion.relu(batchSize: batchSize))
    #expect((mean / expected - 1).magnitude < 0.01, "\(mean), not \(expected)")
    #expect(growth.steps.allSatisfy { $0.relu == expected && $0.linear != nil })
    for layer in summary.layers {
      #expect(try #require(layer.diagnostics?.gradientIdentityError) < 1e-12)
    }
  }

  private static func name(_ layer: Int) -> String { "layer\((layer * 4 + 7) % depth)" }

  /// The activations and upstream gradients of all layers, [networks · batch, width] each.
  private static func write(_ batchSize: Int, to path: String) throws {
    var random = SplitMix64(seed: 11)
    func normal(_ rows: Int, _ columns: Int, scale: Double = 1) -> DenseMatrix {
      DenseMatrix(
        rows: rows, columns: columns,
        values: (0..<rows * columns).map { _ in
          let (first, second) = (
            Double.random(in: 0..<1, using: &random), Double.random(in: 0..<1, using: &random)
          )
          return scale * (-2 * log(1 - first)).squareRoot() * cos(2 * Double.pi * second)
        })
    }
    var x = [[Double]](repeating: [], count: depth)
    var dy = x
    for _ in 0..<networks {
      var hidden = normal(batchSize, width)
      hidden.values = hidden.values.map { max($0, 0) }
      let weights = (0..<depth).map { _ in normal(width, width, scale: 1 / Double(width).squareRoot()) }
      var normalized: [DenseMatrix] = []
      var invStds: [[Double]] = []
      for layer in 0..<depth {
        let values = hidden * weights[layer]
        x[layer] += values.values
        let means = values.columnSums.map { $0 / Double(batchSize) }
        var own = values.addingToRows(means.map { -$0 })
        let squares = DenseMatrix(rows: batchSize, columns: width, values: own.values.map { $0 * $0 })
        let invStd = squares.columnSums.map { 1 / ($0 / Double(batchSize)).squareRoot() }
        for index in own.values.indices { own.values[index] *= invStd[index % width] }
        normalized.append(own)
        invStds.append(invStd)
        hidden.values = own.values.map { max($0, 0) }
      }
      var upstream = normal(batchSize, width)
      for layer in (0..<depth).reversed() {
        let own = normalized[layer]
        var gradient = upstream
        for index in gradient.values.indices where own.values[index] <= 0 { gradient.values[index] = 0 }
        dy[layer] += gradient.values
        let sums = gradient.columnSums.map { $0 / Double(batchSize) }
        let products = DenseMatrix(
          rows: batchSize, columns: width, values: zip(gradient.values, own.values).map { $0 * $1 }
        ).columnSums.map { $0 / Double(batchSize) }
        for index in gradient.values.indices {
          let column = index % width
          gradient.values[index] =
            invStds[layer][column]
            * (gradient.values[index] - sums[column] - own.values[index] * products[column])
        }
        upstream = gradient * weights[layer].transposed
      }
    }
    let file = try File(anew: path)
    for layer in 0..<depth {
      let group = try file.root.createGroup(name(layer))
      for (name, values) in [("activations", x[layer]), ("grad_output", dy[layer])] {
        try group.createDataset(
          name, type: .float64, shape: [networks * batchSize, width], storage: .contiguous
        ).writeDoubles(values)
      }
      try group.writeAttribute("batch_size", batchSize)
      try group.writeAttribute("epsilon", 0.0)
      try group.writeAttribute("depth", layer)
    }
    try file.close()
  }
}
