import Arithmetic

/// Batch normalization of arrays of one shape, forward and backward, with exact statistics:
///
///     y = γ·x̂ + β        x̂ = (x - mean)·invStd        invStd = 1/√(variance + ε)
///
/// with mean and biased variance over the m values of a feature. `[Float]` or `[Double]`, row-major. The same values give the
/// same bits on every processor; results are rounded once.
///
/// Edge cases: a feature whose values are all the same has y = β, also with ε = 0. NaN and infinities poison their own feature
/// alone.
public struct BatchNormLayer: Hashable, Sendable {
  private let decomposition: Decomposition
  private let samples: Int
  private let epsilon: Double

  /// - Parameters:
  ///   - shape: [N, …], the features on one of the further axes; each axis at least 1 long.
  ///   - featureAxis: 1 or more, or negative, counted from the end: 1 for NCHW, -1 for channels last.
  ///   - epsilon: ε ≥ 0, finite.
  /// - Throws: `BatchNormLayerError.shape`, also if bytes of so many values are beyond an Int; `.epsilon`.
  public init(shape: [Int], featureAxis: Int = 1, epsilon: Double = 1e-5) throws(BatchNormLayerError) {
    let (byteCount, fits) = shape.reduce((8, true)) {
      let (product, overflows) = $0.0.multipliedReportingOverflow(by: $1)
      return (product, $0.1 && $1 > 0 && !overflows)
    }
    guard fits, byteCount > 0, let layout = FeatureLayout(shape: shape, featureAxis: featureAxis) else {
      throw .shape(shape, featureAxis: featureAxis)
    }
    guard epsilon >= 0, epsilon.isFinite else { throw .epsilon(epsilon) }
    decomposition = Decomposition(layout)
    samples = shape[0]
    self.epsilon = epsilon
  }

  /// Mean and variance of every feature of x, which has the layer's shape.
  /// - Throws: `BatchNormLayerError.count`.
  public func statistics<E: Element>(of x: [E]) throws(BatchNormLayerError) -> FeatureStatistics {
    FeatureStatistics(try compute(x, nil, nil, nil, .statistics).result)
  }

  /// Normalizes x, of the layer's shape, by its own statistics.
  /// - Parameters:
  ///   - x: of the layer's shape.
  ///   - gamma: γ, [C]; nil for ones.
  ///   - beta: β, [C]; nil for zeros.
  /// - Returns: y, as x, and the statistics.
  /// - Throws: `BatchNormLayerError.count`.
  public func forward<E: Element>(
    _ x: [E], gamma: [Double]? = nil, beta: [Double]? = nil
  ) throws(BatchNormLayerError) -> (y: [E], statistics: FeatureStatistics) {
    let (y, result) = try compute(x, nil, gamma, beta, .y)
    return (y, FeatureStatistics(result))
  }

  /// The gradients of a loss L, which flow through the statistics, too (Ioffe & Szegedy 2015, arXiv:1502.03167, §3):
  ///
  ///     dβ = Σdy        dγ = Σdy·x̂        dx = γ·invStd·(dy - dβ/m - x̂·dγ/m)
  ///
  /// - Parameters:
  ///   - x: as `forward` was given it.
  ///   - dy: ∂L/∂y, as x.
  ///   - gamma: γ, [C]; nil for ones. No gradient depends on β.
  /// - Throws: `BatchNormLayerError.count`.
  public func backward<E: Element>(
    _ x: [E], _ dy: [E], gamma: [Double]? = nil
  ) throws(BatchNormLayerError) -> BatchNormGradients<E> {
    let (dx, result) = try compute(x, dy, gamma, nil, .dx)
    var gradients = BatchNormGradients(dx: dx, dgamma: [], dbeta: [])
    result.coefficients.appendGammaGradients(to: &gradients.dgamma)
    result.coefficients.appendBetaGradients(to: &gradients.dbeta)
    return gradients
  }

  private enum Wanted { case statistics, y, dx }

  /// The statistics pass, and the apply pass where a tensor is wanted.
  private func compute<E: Element>(
    _ x: [E], _ dy: [E]?, _ gamma: [Double]?, _ beta: [Double]?, _ wanted: Wanted
  ) throws(BatchNormLayerError) -> (tensor: [E], result: BatchResult) {
    let (features, values) = (
      decomposition.layout.featureCount, samples * decomposition.layout.valuesPerSample
    )
    let gamma = gamma ?? Array(repeating: 1, count: features)
    let beta = beta ?? Array(repeating: 0, count: features)
    for (argument, found, expected) in [
      (BatchNormLayerError.Argument.x, x.count, values), (.dy, dy?.count ?? values, values),
      (.gamma, gamma.count, features), (.beta, beta.count, features),
    ] where found != expected { throw .count(of: argument, found: found, expected: expected) }

    let rule = NormalizationRule(
      .batch, given: [], parameters: zip(gamma, beta).map { FeatureParameters(gamma: $0, beta: $1) },
      epsilon: epsilon)
    let result = BatchResult(decomposition, rule, hasMask: false)
    let collector = MomentCollector(decomposition, hasMask: false)
    let type: KernelType = E.self == Float.self ? .float : .double
    let tensor = x.withUnsafeBytes { x in
      (dy ?? []).withUnsafeBytes { gradient in
        let x = ReadableTensor(x.baseAddress!, type)
        let dy = dy.map { _ in ReadableTensor(gradient.baseAddress!, type) }
        collector.add(x: x, dy: dy, mask: nil, samples: samples)
        collector.finish(into: result)
        result.updateCoefficients(collector.features)
        if wanted == .statistics { return [E]() }
        return [E](unsafeUninitializedCapacity: values) { memory, count in
          let written = WritableTensor(UnsafeMutableRawPointer(memory.baseAddress!), type)
          let tensors = SampleTensors(
            x: x, dy: dy, y: wanted == .y ? written : nil, xHat: nil, dx: wanted == .dx ? written : nil,
            mask: nil, centersGradient: true, samples: samples)
          _ = tensors.apply(result.coefficients, octets: 0..<decomposition.octetCount)
          count = values
        }
      }
    }
    return (tensor, result)
  }
}

/// The statistics of a batch, [C] each.
public struct FeatureStatistics: Hashable, Sendable {
  /// Σx / m
  public let mean: [Double]
  /// Σ(x - mean)² / m, biased.
  public let variance: [Double]
  /// m, the number of values of each feature.
  public let count: Int

  fileprivate init(_ result: BatchResult) {
    (mean, variance, count) = (result.all.means, result.all.variances, result.all.count)
  }
}

/// The gradients of a batch.
public struct BatchNormGradients<E: Element>: Hashable, Sendable {
  /// ∂L/∂x, of the layer's shape.
  public let dx: [E]
  /// ∂L/∂γ, [C].
  public fileprivate(set) var dgamma: [Double]
  /// ∂L/∂β, [C].
  public fileprivate(set) var dbeta: [Double]
}

/// What a layer cannot be made of, or cannot compute with.
public enum BatchNormLayerError: Error, Hashable, Sendable {
  /// An axis is shorter than 1, there is no such feature axis beside the samples' axis, or there are too many values.
  case shape([Int], featureAxis: Int)
  /// ε is negative, infinite or NaN.
  case epsilon(Double)
  /// An array has not as many numbers as the layer's shape says.
  case count(of: Argument, found: Int, expected: Int)

  /// An array that was given.
  public enum Argument: Hashable, Sendable {
    /// The activations.
    case x
    /// The gradient from above.
    case dy
    /// γ.
    case gamma
    /// β.
    case beta
  }
}
