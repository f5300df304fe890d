import BatchNorm
import BatchNormReference
import Testing

/// Compares what the kernels made of a batch with the reference.
///
/// All bounds are relative to the scale of the tensor, or to the sum of the magnitudes that were added up.
/// - A tensor of Floats is off by the rounding of its largest values, 2⁻²⁴ = 6e-8 of its scale, and nothing else
///   that could be seen: at most 1e-7.
/// - A tensor of Doubles carries the roundings of a handful of operations, 1.1e-16 each, of both sides: 1e-13.
/// - Moments are added up in blocks of 256 rows in Double and merged in double-double: 1e-12, in practice 1e-15.
struct Comparison {
  let batch: Batch
  let kernels: Kernels
  let output: Kernels.Output
  let reference: ReferenceResult

  init(_ batch: Batch, _ kernels: Kernels) {
    self.batch = batch
    self.kernels = kernels
    output = kernels.run(batch)
    reference = batch.reference
  }

  /// The bound for large tensors, relative to their scale.
  var tolerance: Double { kernels.output == .float ? 1e-7 : 1e-13 }

  func expectAgreement(_ comment: Comment, sourceLocation: SourceLocation = #_sourceLocation) {
    func expect(_ error: Double, _ bound: Double, _ name: String) {
      #expect(error <= bound, "\(name), \(comment)", sourceLocation: sourceLocation)
    }
    #expect(output.keptToItsMemory, comment, sourceLocation: sourceLocation)
    #expect(output.isFinite, comment, sourceLocation: sourceLocation)
    #expect(
      (output.y == nil, output.xHat == nil, output.dx == nil)
        == (!kernels.wantsOutput, !kernels.wantsNormalized, !kernels.wantsGradient || batch.dy == nil),
      comment, sourceLocation: sourceLocation)
    if output.y != nil { expect(yError, tolerance, "y") }
    if output.xHat != nil { expect(xHatError, tolerance, "x̂") }
    if output.dx != nil { expect(dxError, tolerance, "dx") }
    if batch.normalization != .running {
      expect(meanError, 1e-12, "mean")
      expect(varianceError, 1e-12, "variance")
    }
    expect(invStdError, 1e-12, "invStd")
    if batch.dy != nil {
      expect(parameterErrors.dgamma, 1e-13, "dgamma")
      expect(parameterErrors.dbeta, 1e-13, "dbeta")
    }
    let counts = Set(output.statistics.map(\.count))
    #expect(
      batch.normalization == .running || counts == [reference.count], comment, sourceLocation: sourceLocation)
  }

  // MARK: - Errors, relative to their scale

  var yError: Double { error(output.y ?? [], reference.y, scale: reference.y.scale) }

  var xHatError: Double { error(output.xHat ?? [], reference.xHat, scale: reference.xHat.scale) }

  /// The scale of dx is that of the gradient before its mean and its part along x̂ are taken away.
  var dxError: Double {
    let layout = batch.layout
    let scaled = (batch.dy ?? []).enumerated().map { index, dy in
      let feature = index / layout.planeLength % layout.featureCount
      return batch.parameters[feature].gamma * reference.invStd[feature] * dy
    }
    return error(output.dx ?? [], reference.dx, scale: scaled.scale)
  }

  /// Relative to the mean, or to the deviation where that is larger.
  var meanError: Double {
    output.statistics.indices.map { feature in
      let scale = max(reference.mean[feature].magnitude, reference.variance[feature].squareRoot())
      return ratio(output.counted.means[feature] - reference.mean[feature], scale)
    }.scale
  }

  var varianceError: Double {
    output.statistics.indices.map { feature in
      ratio(output.counted.variances[feature] - reference.variance[feature], reference.variance[feature])
    }.scale
  }

  var invStdError: Double {
    output.coefficients.indices.map { feature in
      ratio(output.coefficients[feature].invStd - reference.invStd[feature], reference.invStd[feature])
    }.scale
  }

  /// dγ relative to Σ|dy·x̂|, dβ to Σ|dy|.
  var parameterErrors: (dgamma: Double, dbeta: Double) {
    var dgamma: [Double] = []
    var dbeta: [Double] = []
    for feature in output.coefficients.indices {
      let dy = batch.column(feature, of: batch.dy ?? [])
      let xHat = batch.column(feature, of: reference.xHat)
      let coefficients = output.coefficients[feature]
      dgamma.append(
        ratio(
          coefficients.dgamma - reference.dgamma[feature],
          zip(dy, xHat).reduce(0) { $0 + ($1.0 * $1.1).magnitude }))
      dbeta.append(
        ratio(coefficients.dbeta - reference.dbeta[feature], dy.reduce(0) { $0 + $1.magnitude }))
    }
    return (dgamma.scale, dbeta.scale)
  }

  private func error(_ values: [Double], _ expected: [Double], scale: Double) -> Double {
    guard values.count == expected.count else { return .infinity }
    return ratio(zip(values, expected).map { $0 - $1 }.scale, scale)
  }

  private func ratio(_ error: Double, _ scale: Double) -> Double { error == 0 ? 0 : error.magnitude / scale }
}
