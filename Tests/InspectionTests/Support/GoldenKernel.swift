import Foundation
import HDF5
import TestSupport

/// A kernel in float32 that an author would test with golden vectors: it reads the file of inputs, and shares no code with the program.
struct GoldenKernel: Sendable {
  /// Mean and variance of a feature of a batch.
  var moments: @Sendable ([Float]) -> (mean: Double, variance: Double)
  /// Added to the variance in place of the file's own.
  var epsilon: Double?

  /// In Double, in two passes.
  static let right = GoldenKernel { values in
    let count = Double(values.count)
    let mean = values.reduce(0) { $0 + Double($1) } / count
    let squares = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
    return (mean, squares / count)
  }

  /// In Float, by E[x²] - E[x]².
  static let onePass = GoldenKernel { values in
    let count = Float(values.count)
    let mean = values.reduce(0, +) / count
    let square = values.reduce(0) { $0 + $1 * $1 } / count
    return (Double(mean), Double(max(0, square - mean * mean)))
  }

  /// Writes results of all layers that have activations, as float32.
  func run(_ path: String, in folder: TemporaryFolder) throws -> String {
    let root = try File(reading: path).root
    var datasets: [String: TemporaryFolder.Stored] = [:]
    for name in try root.links().map(\.name) where name != "expected" {
      let layer = try root.group(name)
      let activations = try layer.dataset("activations")
      let axis = try layer.readInteger(attribute: "feature_axis") ?? 1
      let shape = activations.shape
      let x = try activations.readDoubles().map { Float($0) }
      let dy = try layer.dataset("grad_output").readDoubles()
      let gamma = try layer.dataset("gamma").readDoubles()
      let beta = try layer.dataset("beta").readDoubles()
      let offsets = try layer.dataset("batch_offsets").readIntegers()
      let epsilon = try epsilon ?? layer.readDouble(attribute: "epsilon") ?? 0
      let inner = shape[(axis + 1)...].reduce(1, *)
      let perSample = shape.dropFirst().reduce(1, *)
      var (output, gradInput) = (dy, dy)
      for (begin, end) in zip(offsets, offsets.dropFirst()) {
        for feature in 0..<shape[axis] {
          let places = (begin * perSample..<end * perSample).filter { $0 / inner % shape[axis] == feature }
          let (mean, variance) = moments(places.map { x[$0] })
          let invStd = 1 / (variance + epsilon).squareRoot()
          let normalized = places.map { (Double(x[$0]) - mean) * invStd }
          let dbeta = places.reduce(0) { $0 + dy[$1] } / Double(places.count)
          let dgamma = zip(places, normalized).reduce(0) { $0 + dy[$1.0] * $1.1 } / Double(places.count)
          for (place, normalized) in zip(places, normalized) {
            output[place] = gamma[feature] * normalized + beta[feature]
            gradInput[place] = gamma[feature] * invStd * (dy[place] - dbeta - normalized * dgamma)
          }
        }
      }
      datasets["\(name)/output"] = .init(shape: shape, values: output, type: .float32)
      datasets["\(name)/grad_input"] = .init(shape: shape, values: gradInput, type: .float32)
    }
    return try folder.file("kernel.h5", datasets)
  }
}
