import BatchNorm
import Inspection
import LayerFiles

extension ConsistentDeparture {
  /// What the other program does.
  var words: String { kind.words }
}

extension LayerDeparture {
  fileprivate var words: String {
    switch self {
    case .epsilon(0): "no epsilon"
    case .epsilon(let epsilon): "epsilon \(epsilon)"
    case .mistake(let mistake): mistake.words
    case .wrongAxes(let axes):
      "statistics over the axes (\(axes.map(String.init).joined(separator: ", "))) of a batch in place of all but the features'"
    case .cancellation:
      "a variance computed as E[x^2] - E[x]^2 in float32, which cancels where a mean is large for its deviation"
    case .kept(let kept): kept.words
    case .runningVariance(let estimate): "a running variance that follows the \(estimate.rawValue) one"
    case .parametersSwapped: "gamma and beta swapped"
    case .gammaIgnored: "gamma left out"
    case .betaIgnored: "beta left out"
    case .parametersIgnored: "gamma and beta left out"
    case .gradientDetached: "statistics taken for constants in the backward pass (--gradient detached)"
    case .gradientNotDetached: "a gradient that flows through the statistics (--gradient full)"
    case .momentum(let momentum):
      "momentum \(momentum) as the new value's weight, which is the old one's in Keras and ONNX"
    case .maskIgnored: "a mask that is ignored"
    case .runningStatistics: "running statistics in place of the batch's (--statistics running)"
    case .batchStatistics: "the batch's statistics in place of the running ones (--statistics batch)"
    case .wholeDataset: "one batch of all samples (--batch-size all)"
    case .previousBatch: "the statistics of the batch before in place of the batch's own"
    case .runningAverages(true):
      "running statistics, as they are after each batch, in place of the batch's own"
    case .runningAverages(false):
      "running statistics, as they are before each batch, in place of the batch's own"
    case .shifted(let rows, let distance):
      "\(rows.words) of feature f\(distance < 0 ? "" : "+")\(distance) for feature f"
    case .two(let first, let second): "two things at once, \(first.words), and \(second.words)"
    }
  }
}

extension FormulaMistake {
  fileprivate var words: String {
    switch self {
    case .epsilonOutsideRoot(let epsilon):
      "epsilon outside of the root, 1/(sqrt(var) + \(epsilon)) for 1/sqrt(var + eps)"
    case .rootForgotten: "a forgotten root, 1/(var + eps) for 1/sqrt(var + eps)"
    case .multipliedByDeviation: "sqrt(var + eps) as a factor in place of a divisor"
    case .meanNotSubtracted: "a mean that is not subtracted, x/sqrt(var + eps)"
    case .squareMean: "the mean of squares, E[x^2], in place of the variance"
    case .unbiasedVariance: "normalization by the unbiased variance (divided by m - 1)"
    case .divisor(let divisor, let sums): "\(sums.words) divided by \(divisor.words)"
    case .gradientWithoutMean: "a gradient without the term dbeta/m"
    case .gradientWithoutNormalized: "a gradient without the term xhat*dgamma/m"
    case .gradientOfSums: "a gradient with dbeta and dgamma where their m-th parts should be"
    case .gradientWithoutInvStd: "a gradient without the factor 1/sqrt(var + eps)"
    case .gammaGradientWithoutInvStd: "dgamma as sum(dy*(x - mean)), without 1/sqrt(var + eps)"
    case .gammaGradientWithoutMean: "dgamma as sum(dy*x)/sqrt(var + eps), without subtracting the mean"
    case .gammaGradientOfValues: "dgamma as sum(dy*x), of x where xhat should be"
    case .parameterGradientMeans: "dgamma and dbeta as means over the batch in place of sums"
    case .parameterGradientsSwapped: "dgamma and dbeta swapped"
    }
  }
}

extension FormulaMistake.DividedSums {
  fileprivate var words: String {
    switch self {
    case .all, .values: "sums of x and x^2"
    case .valuesAroundMean: "sums of x and (x - mean)^2"
    case .mean: "a mean whose sum is"
    case .variance: "a variance whose sum is"
    }
  }
}

extension FormulaMistake.SumDivisor {
  fileprivate var words: String {
    switch self {
    case .fixed(let count): "\(count) whatever a batch has, as if smaller ones were padded with zeros"
    case .samples: "the number of samples alone, without positions"
    case .positions: "the number of positions alone, without samples"
    }
  }
}

extension LayerDeparture.KeptStatistic {
  fileprivate var words: String {
    switch self {
    case .unbiasedVariance: "the unbiased variance (divided by m - 1) kept as batches/var"
    case .deviation: "sqrt(var) kept as batches/var"
    case .deviationForInvStd: "sqrt(var + eps) kept as batches/inv_std"
    case .varianceForInvStd: "the variance kept as batches/inv_std"
    case .varianceAndEpsilonForInvStd: "var + eps kept as batches/inv_std"
    }
  }
}

extension LayerDeparture.ShiftedRows {
  fileprivate var words: String {
    switch self {
    case .gamma: "gamma"
    case .beta: "beta"
    case .parameters: "gamma and beta"
    case .statistics: "mean and variance"
    case .features: "all results"
    }
  }
}
