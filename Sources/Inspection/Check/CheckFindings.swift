import BatchNormReference
import Jobs
import LayerFiles

/// Collects what a layer's batches and features show.
struct CheckFindings {
  private let isDifferentiated: Bool
  private var kernels: [LayerResult: Deviation] = [:]
  private var differences: [GradientCheck.Gradient: Deviation] = [:]
  private var uniform: Set<Int>?
  private var undefined: Set<Int>?
  private var uniformHere: Set<Int> = []
  private var undefinedHere: Set<Int> = []
  private var batch: Int?

  init(_ layer: Layer, tolerance: Double) {
    // Where mean and variance are constants, a uniform gradient is as good as any other.
    isDifferentiated = layer.normalization == .batch
    for result in LayerResult.checked {
      let isRounded = result.entry.shape == .samples && layer.computedType == .float32
      kernels[result] = Deviation(result.name, allowed: tolerance + (isRounded ? 0x1p-23 : 0))
    }
    for (gradient, result) in [
      (GradientCheck.Gradient.dx, LayerResult.gradInput), (.dgamma, .batchGradGamma),
      (.dbeta, .batchGradBeta),
    ] {
      differences[gradient] = Deviation(result.name, allowed: tolerance)
    }
  }

  mutating func add(_ comparison: KernelComparison) {
    for result in LayerResult.checked {
      comparison.add(result, to: &kernels[result, default: Deviation(result.name, allowed: 0)])
    }
  }

  /// Compares the gradients of the graph with finite differences, in features where that proves something.
  /// - Parameters:
  ///   - coordinates: how many values of x, and how many features of γ and β.
  ///   - index: the activations' index of a row and a column of the graph.
  mutating func addDifferences(
    _ trace: GraphTrace, features: ArraySlice<Int>, batch: Int, coordinates: Int, seed: UInt64,
    index: (_ row: Int, _ column: Int) -> [Int]
  ) {
    guard let dout = trace.dout, let backward = trace.backward else { return }
    if batch != self.batch { nextBatch(batch) }
    var columns: [Int] = []
    for (column, feature) in features.enumerated() {
      let sqrtvar = trace.forward.sqrtvar[column]
      let numbers = dout.column(column) + [trace.inputs.gamma[column], trace.inputs.beta[column]]
      if !(sqrtvar > 0 && sqrtvar.isFinite && numbers.allSatisfy(\.isFinite)) {
        undefinedHere.insert(feature)
      } else if isDifferentiated && isUniformGradient(dout, feature: column) {
        uniformHere.insert(feature)
      } else {
        columns.append(column)
      }
    }
    guard !columns.isEmpty, coordinates > 0 else { return }
    let check = checkGradients(
      dx: backward.dx.only(columns), dgamma: backward.dgamma.only(columns),
      dbeta: backward.dbeta.only(columns), of: trace.inputs.only(columns), dout: dout.only(columns),
      sampleCount: coordinates, seed: seed)
    for sample in check.samples {
      let column = columns[sample.feature]
      let place =
        sample.gradient == .dx ? index(sample.row, column) : [features[features.startIndex + column]]
      differences[sample.gradient]?.add(
        relativeError: sample.relativeError, sample.analytic, sample.numeric, batch: batch, index: place)
    }
  }

  /// A feature counts as uniform or undefined if it is so in every batch.
  private mutating func nextBatch(_ number: Int?) {
    if batch != nil {
      uniform = uniform.map { $0.intersection(uniformHere) } ?? uniformHere
      undefined = undefined.map { $0.intersection(undefinedHere) } ?? undefinedHere
    }
    uniformHere = []
    undefinedHere = []
    batch = number
  }

  /// Fills in what was found.
  mutating func finish(_ check: inout LayerCheck) {
    nextBatch(nil)
    check.kernels = LayerResult.checked.compactMap { kernels[$0] }.filter { $0.count > 0 }
    check.differences = GradientCheck.Gradient.allCases.compactMap { differences[$0] }
      .filter { $0.count > 0 }
    check.uniformFeatures = uniform?.count ?? 0
    check.undefinedFeatures = undefined?.count ?? 0
  }
}

extension FeatureMatrix {
  /// Some of the columns.
  fileprivate func only(_ columns: [Int]) -> FeatureMatrix {
    var matrix = FeatureMatrix(repeating: 0, rowCount: rowCount, featureCount: columns.count)
    for row in 0..<rowCount {
      for (position, column) in columns.enumerated() { matrix[row, position] = self[row, column] }
    }
    return matrix
  }
}

extension FeatureRow {
  fileprivate func only(_ columns: [Int]) -> FeatureRow { FeatureRow(columns.map { self[$0] }) }
}

extension GraphInputs {
  fileprivate func only(_ columns: [Int]) -> GraphInputs {
    var mode = mode
    if case .running(let mean, let variance) = mode {
      mode = .running(mean: mean.only(columns), variance: variance.only(columns))
    }
    return GraphInputs(
      x: x.only(columns), gamma: gamma.only(columns), beta: beta.only(columns), epsilon: epsilon, mode: mode,
      counted: counted.isIncluded)
  }
}
