import BatchNorm
import Jobs
import LayerFiles
import Parallel

extension DepartureSearch {
  /// The axes over which statistics may have been taken by mistake: with them results as large as the activations agree. They are
  /// computed here by the formulas, batch by batch in memory, until the first batch that differs.
  func wrongAxes() throws -> [ConsistentDeparture] {
    let large = differing.filter { [.output, .normalized, .gradInput].contains($0) }
    guard !large.isEmpty, layer.mask == nil, layer.normalization == .batch,
      let parameters = try layer.given.parameters(0..<layer.featureCount),
      layer.batches.largest
        <= Self.mostValues(verification.plan.job.memory) / max(1, layer.layout.valuesPerSample)
    else { return [] }
    return try Self.axes(of: layer).compactMap { try consistent($0, large, parameters) }
  }

  /// Batches of more values are not looked at, which one thread does in memory.
  private static func mostValues(_ memory: Int) -> Int { min(1 << 22, memory / (16 * 8)) }

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

  private func consistent(
    _ axes: [Int], _ large: [LayerResult], _ parameters: [FeatureParameters]
  ) throws -> ConsistentDeparture? {
    let limits = comparison.hopeless(verification.tolerance)
    var errors: [LayerResult: ElementErrors] = [:]
    for result in large { errors[result] = ElementErrors(layer.layout) }
    for batch in 0..<layer.batches.count where !layer.batches[batch].isEmpty {
      try cancellation.check()
      let samples = layer.batches[batch]
      let values = try verification.plan.values(of: layer, samples: samples)
      let ours = WronglyNormalized(axes, values, layer, samples, parameters)
      let part = TensorPart(samples: samples, features: 0..<layer.featureCount)
      let theirs = try AlignedBuffer(byteCount: values.x.count * 8)
      for result in large {
        guard let tensor = ours.tensor(result), let dataset = other.results[result] else { continue }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: theirs.bytes[..<(tensor.count * 8)])
        try dataset.read(part, into: bytes)
        guard let numbers = UnsafeRawBufferPointer(bytes).bindMemory(to: Double.self).baseAddress else {
          continue
        }
        errors[result]?.add(tensor, numbers, part)
        if let found = errors[result], let limits = limits[result],
          zip(found.features, limits).contains(where: { !($0.error <= $1) })
        {
          errors[result] = nil
        }
      }
      if errors.isEmpty { return nil }
    }
    let agreeing = large.compactMap { result -> (LayerResult, Double)? in
      guard let found = errors[result], let dataset = other.results[result], found.nonfiniteCount == 0 else {
        return nil
      }
      let compared = ResultComparison(
        result.rawValue, dataset, errors: found, scales: [], shape: layer.shape(of: result),
        tolerance: verification.tolerance)
      return compared.agrees ? (result, compared.relativeError) : nil
    }
    guard !agreeing.isEmpty else { return nil }
    return ConsistentDeparture(
      .wrongAxes(axes), results: agreeing.map(\.0.rawValue),
      relativeError: agreeing.reduce(0) { max($0, $1.1) })
  }
}

/// A batch normalized with statistics over some of its axes, by the formulas
///
///     x̂ = (x - μ)/√(v + ε), y = γ·x̂ + β, dx = (g - E[g] - x̂·E[g·x̂])/√(v + ε), g = γ·dy
///
/// with mean, variance and both expectations over the values that share their places on the other axes.
private struct WronglyNormalized {
  /// [samples, P, C, S] each.
  private(set) var normalized: [Double]
  private(set) var output: [Double]
  /// Nil without dy.
  private(set) var gradInput: [Double]?

  init(
    _ axes: [Int], _ values: SampleValues, _ layer: Layer, _ samples: Range<Int>,
    _ parameters: [FeatureParameters]
  ) {
    var shape = layer.activations.shape
    shape[0] = samples.count
    // What a step on an axis is in the groups' numbers; 0 on axes that a group extends over.
    var steps = [Int](repeating: 0, count: shape.count)
    var groupCount = 1
    for axis in shape.indices where !axes.contains(axis) {
      steps[axis] = groupCount
      groupCount *= shape[axis]
    }
    let x = values.x
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
    let layout = layer.layout
    func feature(_ index: Int) -> Int { index / layout.planeLength % layout.featureCount }
    self.normalized = normalized
    output = x.indices.map { index in
      let parameters = parameters[feature(index)]
      return parameters.gamma * normalized[index] + parameters.beta
    }
    guard let dy = values.dy else { return }
    let gradient = dy.indices.map { dy[$0] * parameters[feature($0)].gamma }
    let center = means { gradient[$0] }
    let slope = means { gradient[$0] * normalized[$0] }
    gradInput = dy.indices.map { index in
      let group = Int(groups[index])
      return invStd[group] * (gradient[index] - center[group] - normalized[index] * slope[group])
    }
  }

  func tensor(_ result: LayerResult) -> [Double]? {
    switch result {
    case .output: output
    case .normalized: normalized
    case .gradInput: gradInput
    default: nil
    }
  }
}
