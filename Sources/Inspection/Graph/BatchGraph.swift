import BatchNorm
import BatchNormReference
import Jobs
import LayerFiles

/// The reference's graph over one range of a layer's samples.
struct BatchGraph {
  let inputs: GraphInputs
  /// [m, features]; nil if the layer has no `grad_output`.
  let dout: FeatureMatrix?

  /// - Parameters:
  ///   - values: the samples.
  ///   - features: which features the graph is about; the others do not enter.
  ///   - sampleCount: how many samples `values` holds.
  /// - Throws: `StreamError` if parameters or given statistics cannot be read.
  init(_ values: SampleValues, of layer: Layer, sampleCount: Int, features: [Int]) throws {
    let range = (features.min() ?? 0)..<(features.max() ?? -1) + 1
    let parameters = try layer.given.parameters(range).map { all in
      features.map { all[$0 - range.lowerBound] }
    }
    let columns = FeatureColumns(layer.layout, sampleCount: sampleCount, features: features)
    let mode: ReferenceMode =
      switch layer.normalization {
      case .batch: .batch
      case .batchDetached: .detached
      case .running:
        try Self.running(layer, features, range)
      }
    var inputs = GraphInputs(
      x: columns.matrix(values.x),
      gamma: FeatureRow(parameters?.map(\.gamma) ?? features.map { _ in 1 }),
      beta: FeatureRow(parameters?.map(\.beta) ?? features.map { _ in 0 }),
      epsilon: layer.epsilon, mode: mode, counted: values.mask)
    if parameters == nil {
      let nodes = forward(inputs)
      inputs.gamma = nodes.sqrtvar
      inputs.beta = nodes.mu
    }
    self.inputs = inputs
    dout = values.dy.map { columns.matrix($0) }
  }

  private static func running(_ layer: Layer, _ features: [Int], _ range: Range<Int>) throws -> ReferenceMode
  {
    let all = try layer.given.statistics(range)
    let given = features.map { all[$0 - range.lowerBound] }
    return .running(mean: FeatureRow(given.map(\.mean)), variance: FeatureRow(given.map(\.variance)))
  }
}

/// Where the values of some features lie among samples in memory.
struct FeatureColumns {
  private let layout: FeatureLayout
  private let sampleCount: Int
  private let features: [Int]

  init(_ layout: FeatureLayout, sampleCount: Int, features: [Int]) {
    self.layout = layout
    self.sampleCount = sampleCount
    self.features = features
  }

  /// m, the values of each feature.
  var rowCount: Int { sampleCount * layout.valuesPerFeatureAndSample }

  /// Where a value lies in a tensor [samples, P, C, S].
  /// - Parameters:
  ///   - row: counts (sample, p, s).
  ///   - column: counts the features of this set.
  func index(row: Int, column: Int) -> Int {
    let (block, position) = row.quotientAndRemainder(dividingBy: layout.planeLength)
    return (block * layout.featureCount + features[column]) * layout.planeLength + position
  }

  /// A tensor [samples, P, C, S] as a matrix [m, features].
  func matrix(_ tensor: [Double]) -> FeatureMatrix {
    var matrix = FeatureMatrix(repeating: 0, rowCount: rowCount, featureCount: features.count)
    for row in 0..<rowCount {
      for column in features.indices { matrix[row, column] = tensor[index(row: row, column: column)] }
    }
    return matrix
  }

  /// A matrix [m, C] of all features as a tensor [samples, P, C, S].
  func tensor(_ matrix: FeatureMatrix) -> [Double] {
    var tensor = [Double](repeating: 0, count: sampleCount * layout.valuesPerSample)
    for row in 0..<rowCount {
      for column in features.indices { tensor[index(row: row, column: column)] = matrix[row, column] }
    }
    return tensor
  }
}

/// The index along every axis of an element of a row-major tensor. The first axis may be longer than `shape` says.
func tensorIndex(of element: Int, in shape: [Int]) -> [Int] {
  var index = [Int](repeating: 0, count: shape.count)
  var rest = element
  for axis in shape.indices.dropFirst().reversed() {
    (rest, index[axis]) = rest.quotientAndRemainder(dividingBy: shape[axis])
  }
  if !index.isEmpty { index[0] = rest }
  return index
}
