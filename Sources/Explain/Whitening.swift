import BatchNorm
import BatchNormReference

/// Whitening by the whole covariance beside normalization of each dimension (Ioffe & Szegedy 2015, §3): what it costs, how well it can be done,
/// and what correlation batch normalization leaves.
struct Whitening {
  let source: any ExplainedSource
  let algebra: LinearAlgebra

  /// Bytes that C features take: the covariance, its eigenvectors, what LAPACK works with, and products.
  static func memory(featureCount: Int) -> Int {
    let (square, overflows) = featureCount.multipliedReportingOverflow(by: featureCount)
    return overflows || square > Int.max >> 7 ? .max : 8 * 8 * square
  }

  func explanation(step: StepHandler) throws -> Explanation {
    let clock = ContinuousClock()
    var count = 0
    // 1. The mean of each feature, and 2. the covariance around it, each in one pass over the file.
    var sums: [[Double]] = []
    for block in 0..<source.blockCount {
      try step()
      let rows = try source.rows(block: block)
      sums.append(rows.columnSums)
      count += rows.rows
    }
    let data = source.data(count: count)
    let features = data.features
    guard count > 0 else { return Explanation(.whitening, on: data, [], isConclusive: false) }
    let mean = (0..<features).map { feature in sum(sums.map { $0[feature] }) / Double(count) }
    var covariance = DenseMatrix(repeating: 0, rows: features, columns: features)
    var (whole, dimensionwise) = (Duration.zero, Duration.zero)
    var variances = [Double](repeating: 0, count: features)
    for block in 0..<source.blockCount {
      try step()
      var centered = try source.rows(block: block)
      for index in centered.values.indices { centered.values[index] -= mean[index % features] }
      whole += clock.measure {
        let product = centered.transposed * centered
        for index in product.values.indices { covariance.values[index] += product.values[index] }
      }
      dimensionwise += clock.measure {
        for index in centered.values.indices {
          variances[index % features].addProduct(centered.values[index], centered.values[index])
        }
      }
    }
    covariance.values = covariance.values.map { $0 / Double(count) }
    var decomposition: (values: [Double], vectors: DenseMatrix)?
    whole += clock.measure { decomposition = algebra.eigen(covariance) }
    guard let decomposition else { return Explanation(.whitening, on: data, [], isConclusive: false) }
    return Explanation(
      .whitening, on: data,
      [
        Measure(
          .covarianceOperations, nil,
          Double(count) * Double(features * features) + Double(features) * Double(features * features)),
        Measure(.dimensionwiseOperations, nil, Double(count) * Double(features)),
        Measure(.covarianceSeconds, nil, whole / .seconds(1)),
        Measure(.dimensionwiseSeconds, nil, dimensionwise / .seconds(1)),
      ] + measures(covariance, decomposition),
      series: [
        Series("eigenvalues", decomposition.values.reversed()),
        Series("covariance", [features, features], covariance.values),
      ],
      // Where nothing varies there is nothing to whiten.
      isConclusive: (decomposition.values.last ?? 0) > 0)
  }

  private func measures(
    _ covariance: DenseMatrix, _ decomposition: (values: [Double], vectors: DenseMatrix)
  ) -> [Measure] {
    let features = covariance.rows
    let largest = decomposition.values.last ?? 0
    // What is smaller is rounding of what is larger.
    let kept = (0..<features).filter { decomposition.values[$0] > Double(features) * 0x1p-52 * largest }
    guard let least = kept.first, largest > 0 else {
      return [Measure(.dimensionsLeftOut, nil, Double(features))]
    }
    let values = kept.map { decomposition.values[$0] }
    let vectors = decomposition.vectors.selecting(rows: kept)
    let condition = largest / decomposition.values[least]
    // Zero-phase whitening W = Vᵀ·Λ^(-1/2)·V; on the span of the eigenvectors that are kept W·Σ·Wᵀ is the identity, Vᵀ·V.
    var scaled = vectors
    for index in scaled.values.indices { scaled.values[index] /= values[index / features].squareRoot() }
    let whitener = vectors.transposed * scaled
    let allowed = 100 * condition * 0x1p-53
    var measures = [
      Measure(.dimensionsLeftOut, nil, Double(features - kept.count)),
      Measure(.conditionNumber, nil, condition),
      Measure(
        .effectiveRank, nil, values.reduce(0, +) * values.reduce(0, +) / values.reduce(0) { $0 + $1 * $1 }),
      Measure(
        .whiteningError, nil,
        largestDifference(whitener * covariance * whitener.transposed, vectors.transposed * vectors),
        .atMost(allowed)),
    ]
    let varying = (0..<features).filter { covariance[$0, $0] > 0 }
    let block = DenseMatrix(
      rows: varying.count, columns: varying.count,
      values: varying.flatMap { row in varying.map { covariance[row, $0] } })
    if let factor = algebra.cholesky(block) {
      let solved = factor.solvingLower(block)
      measures.append(
        Measure(
          .choleskyError, nil,
          largestDifference(
            factor.solvingLower(solved.transposed), DenseMatrix(identity: varying.count)),
          .atMost(allowed)))
    }
    let squares = varying.flatMap { row in
      varying.filter { $0 != row }.map { column in
        covariance[row, column] * covariance[row, column]
          / (covariance[row, row] * covariance[column, column])
      }
    }
    measures.append(
      Measure(
        .remainingCorrelation, nil,
        squares.isEmpty ? 0 : (sum(squares) / Double(squares.count)).squareRoot()))
    return measures
  }

  private func largestDifference(_ a: DenseMatrix, _ b: DenseMatrix) -> Double {
    zip(a.values, b.values).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }
}

extension DenseMatrix {
  /// Ones on the diagonal.
  init(identity size: Int) {
    self.init(repeating: 0, rows: size, columns: size)
    for index in 0..<size { self[index, index] = 1 }
  }

  /// X with self·X = b, where self is a lower triangle.
  func solvingLower(_ b: DenseMatrix) -> DenseMatrix {
    var x = b
    for row in 0..<rows {
      for earlier in 0..<row {
        let factor = -self[row, earlier]
        for column in 0..<x.columns { x[row, column].addProduct(factor, x[earlier, column]) }
      }
      for column in 0..<x.columns { x[row, column] /= self[row, row] }
    }
    return x
  }
}
