import BatchNormReference
import LayerFiles

/// Compares what kernels gave with the graph.
///
/// An error is relative to what numbers of its kind are like in their feature, so that a number which happens to be near 0,
/// or is what two large ones leave over, does not count for more than it is worth.
struct KernelComparison {
  let results: KernelResults
  let trace: GraphTrace
  let columns: FeatureColumns
  /// The features in the graph.
  let features: ArraySlice<Int>
  let batch: Int
  /// The least that a tensor's numbers are taken for: below it, results in float32 have fewer digits.
  let leastScale: Double
  /// True if kernels round large results to float32.
  let roundsToFloat: Bool
  /// The activations' index of a row and a column of the graph.
  let index: (_ row: Int, _ column: Int) -> [Int]

  /// The graph's value for a result; nil if it has none.
  private func node(_ result: LayerResult) -> NodeValue? {
    switch result {
    case .batchMean: trace[.mu]
    case .batchVariance: trace[.variance]
    case .batchInvStd: trace[.ivar]
    case .output: trace[.out]
    case .normalized: trace[.xhat]
    case .batchGradGamma: trace[.dgamma]
    case .batchGradBeta: trace[.dbeta]
    case .gradInput: trace[.dx]
    default: nil
    }
  }

  /// Adds the comparison of one result to what was found in other batches and features.
  func add(_ result: LayerResult, to deviation: inout Deviation) {
    guard let found = results[result], let expected = node(result) else { return }
    switch expected {
    case .matrix(let matrix):
      for column in 0..<matrix.featureCount {
        let (own, values) = (scale(result, column: column), matrix.column(column))
        let scale = max(leastScale, own, values.reduce(0) { $1.isFinite ? max($0, $1.magnitude) : $0 })
        let spread = farSpread(result, values, scale: scale)
        for row in 0..<matrix.rowCount {
          let number = found[columns.index(row: row, column: column)]
          var expected = values[row]
          // What is beyond the range of float32 is infinite there.
          if number.isInfinite && roundsToFloat { expected = Double(Float(expected)) }
          if let spread {
            deviation.add(
              relativeError: error(number, expected, spread: spread), number, expected, batch: batch,
              index: index(row, column))
          } else {
            deviation.compare(number, expected, scale: scale, batch: batch, index: index(row, column))
          }
        }
      }
    case .row(let row):
      for (column, feature) in features.enumerated() {
        deviation.compare(
          found[feature], row[column], scale: scale(result, column: column), batch: batch, index: [feature])
      }
    case .scalar: break
    }
  }

  /// How far apart the values of y or x̂ are that count, where that is next to nothing beside the values themselves, as where a given
  /// mean lies far from the data, or a masked value does; else nil. Relative to the largest value no error would show.
  private func farSpread(_ result: LayerResult, _ values: [Double], scale: Double) -> Double? {
    guard result == .output || result == .normalized else { return nil }
    let counts = trace.inputs.counted.isIncluded
    var isGiven = false
    if case .running = trace.inputs.mode { isGiven = true }
    guard isGiven || counts.contains(false) else { return nil }
    let counted = values.indices.filter { counts[$0] && values[$0].isFinite }.map { values[$0] }
    guard let least = counted.min(), let greatest = counted.max(), greatest > least else { return nil }
    let spread = greatest - least
    return scale > 0x1p20 * spread ? spread : nil
  }

  /// An error relative to the spread of the values, but for the rounding of numbers that are far from each of them.
  private func error(_ found: Double, _ expected: Double, spread: Double) -> Double {
    if found == expected || (!found.isFinite && !expected.isFinite) { return 0 }
    let rounding = (roundsToFloat ? 0x1p-23 : 0x1p-50) * expected.magnitude
    let error = ((found - expected).magnitude - rounding) / spread
    return error.isNaN ? .infinity : max(0, error)
  }

  /// What a result is like in a feature if nothing cancels; 0 where its own size says all.
  private func scale(_ result: LayerResult, column: Int) -> Double {
    func norm(_ values: some Sequence<Double>) -> Double {
      values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
    guard let dout = trace.dout?.column(column) else {
      return result == .batchMean ? trace.forward.sqrtvar[column] : 0
    }
    let scale: Double =
      switch result {
      case .batchMean: trace.forward.sqrtvar[column]
      case .batchGradBeta: norm(dout)
      case .batchGradGamma: norm(zip(dout, trace.forward.xhat.column(column)).lazy.map { $0 * $1 })
      case .gradInput:
        (trace.inputs.gamma[column] * trace.forward.ivar[column]).magnitude * norm(dout)
          / Double(dout.count).squareRoot()
      default: 0
      }
    return scale.isFinite ? scale : 0
  }
}
