import BatchNorm
import Jobs
import LayerFiles
import Parallel

extension DepartureSearch {
  /// The axes over which statistics may have been taken by mistake: with them results as large as the activations agree. They are
  /// computed here by the formulas, batch by batch in memory, until the first batch that differs.
  func wrongAxes(_ reader: BatchReader) throws -> [ConsistentDeparture] {
    let large = differing.filter { [.output, .normalized, .gradInput].contains($0) }
    guard !large.isEmpty, layer.mask == nil, layer.normalization == .batch,
      let parameters = try layer.given.parameters(0..<layer.featureCount)
    else { return [] }
    return try Self.axes(of: layer).compactMap { axes in
      try recomputed(.wrongAxes(axes), large, from: reader) { batch in
        WronglyNormalized(axes, batch, layer, parameters)
      }
    }
  }

  /// All choices of axes with more than one number, but the right ones.
  private static func axes(of layer: Layer) -> [[Int]] {
    var shape = layer.activations.shape
    shape[0] = layer.batches.largest
    let long = shape.indices.filter { shape[$0] > 1 }
    guard long.count <= 6 else { return [] }
    let right = long.filter { $0 != layer.featureAxis }
    return (1..<1 << long.count).map { choice in
      long.indices.filter { choice >> $0 & 1 == 1 }.map { long[$0] }
    }.filter { $0 != right }
  }
}

/// A batch normalized with statistics over some of its axes, by the formulas
///
///     x̂ = (x - μ)/√(v + ε), y = γ·x̂ + β, dx = (g - E[g] - x̂·E[g·x̂])/√(v + ε), g = γ·dy
///
/// with mean, variance and both expectations over the values that share their places on the other axes.
private struct WronglyNormalized: MistakenBatch {
  /// [samples, P, C, S] each.
  private let normalized: [Double]
  private let output: [Double]
  /// Nil without dy.
  private let gradInput: [Double]?

  init(_ axes: [Int], _ batch: BatchInMemory, _ layer: Layer, _ parameters: [FeatureParameters]) {
    var shape = layer.activations.shape
    shape[0] = batch.samples.count
    // What a step on an axis is in the groups' numbers; 0 on axes that a group extends over.
    var steps = [Int](repeating: 0, count: shape.count)
    var groupCount = 1
    for axis in shape.indices where !axes.contains(axis) {
      steps[axis] = groupCount
      groupCount *= shape[axis]
    }
    let x = batch.x
    var groups = [Int32](repeating: 0, count: x.count)
    var index = [Int](repeating: 0, count: shape.count)
    var group = 0
    for element in groups.indices {
      groups[element] = Int32(group)
      var axis = shape.count - 1
      while axis >= 0 {
        index[axis] += 1
        group += steps[axis]
        if index[axis] < shape[axis] { break }
        group -= steps[axis] * shape[axis]
        index[axis] = 0
        axis -= 1
      }
    }
    let count = Double(x.count / groupCount)
    /// The mean over each group.
    func means(_ value: (Int) -> Double) -> [Double] {
      var sums = [Double](repeating: 0, count: groupCount)
      for index in groups.indices { sums[Int(groups[index])] += value(index) }
      return sums.map { $0 / count }
    }
    let mean = means { x[$0] }
    let variance = means { index in
      let distance = x[index] - mean[Int(groups[index])]
      return distance * distance
    }
    let invStd = variance.map { 1 / ($0 + layer.epsilon).squareRoot() }
    let normalized = x.indices.map { (x[$0] - mean[Int(groups[$0])]) * invStd[Int(groups[$0])] }
    self.normalized = normalized
    output = x.indices.map { index in
      let parameters = parameters[batch.feature(index)]
      return parameters.gamma * normalized[index] + parameters.beta
    }
    guard let dy = batch.dy else {
      gradInput = nil
      return
    }
    let gradient = dy.indices.map { dy[$0] * parameters[batch.feature($0)].gamma }
    let center = means { gradient[$0] }
    let slope = means { gradient[$0] * normalized[$0] }
    gradInput = dy.indices.map { index in
      let group = Int(groups[index])
      return invStd[group] * (gradient[index] - center[group] - normalized[index] * slope[group])
    }
  }

  func numbers(_ result: LayerResult) -> [Double]? {
    switch result {
    case .output: output
    case .normalized: normalized
    case .gradInput: gradInput
    default: nil
    }
  }
}
