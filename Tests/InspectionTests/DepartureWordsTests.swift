import BatchNorm
import LayerFiles
import Testing

@testable import Inspection
@testable import bn_stream

/// What `verify` says of another program in words: what it did, and the option with which the results agree.
@Suite(.timeLimit(.minutes(30))) struct DepartureWordsTests {
  private static let words: [(kind: LayerDeparture, words: String)] = [
    (.epsilon(0), "no epsilon"), (.epsilon(0.001), "epsilon 0.001"),
    (
      .wrongAxes([0, 2]),
      "statistics over the axes (0, 2) of a batch in place of all but the features'"
    ),
    (
      .cancellation,
      "a variance computed as E[x^2] - E[x]^2 in float32, which cancels where a mean is large for its deviation"
    ),
    (.runningVariance(.biased), "a running variance that follows the biased one"),
    (.runningVariance(.unbiased), "a running variance that follows the unbiased one"),
    (.parametersSwapped, "gamma and beta swapped"), (.gammaIgnored, "gamma left out"),
    (.betaIgnored, "beta left out"), (.parametersIgnored, "gamma and beta left out"),
    (
      .gradientDetached,
      "statistics taken for constants in the backward pass (--gradient detached)"
    ), (.gradientNotDetached, "a gradient that flows through the statistics (--gradient full)"),
    (
      .momentum(0.9),
      "momentum 0.9 as the new value's weight, which is the old one's in Keras and ONNX"
    ), (.maskIgnored, "a mask that is ignored"),
    (.runningStatistics, "running statistics in place of the batch's (--statistics running)"),
    (.batchStatistics, "the batch's statistics in place of the running ones (--statistics batch)"),
    (.wholeDataset, "one batch of all samples (--batch-size all)"),
    (.previousBatch(.own), "the statistics of the batch before in place of the batch's own"),
    (
      .runningAverages(afterBatch: true),
      "running statistics, as they are after each batch, in place of the batch's own"
    ),
    (
      .runningAverages(afterBatch: false),
      "running statistics, as they are before each batch, in place of the batch's own"
    ), (.shifted(.gamma, by: 1), "gamma of feature f+1 for feature f"),
    (.shifted(.beta, by: -2), "beta of feature f-2 for feature f"),
    (.shifted(.parameters, by: 3), "gamma and beta of feature f+3 for feature f"),
    (.shifted(.statistics, by: -1), "mean and variance of feature f-1 for feature f"),
    (.shifted(.features, by: 1), "all results of feature f+1 for feature f"),
    (
      .two(.maskIgnored, .gammaIgnored),
      "two things at once, a mask that is ignored, and gamma left out"
    ),
    (
      .mistake(.epsilonOutsideRoot(0.5)),
      "epsilon outside of the root, 1/(sqrt(var) + 0.5) for 1/sqrt(var + eps)"
    ), (.mistake(.rootForgotten), "a forgotten root, 1/(var + eps) for 1/sqrt(var + eps)"),
    (.mistake(.multipliedByDeviation), "sqrt(var + eps) as a factor in place of a divisor"),
    (.mistake(.meanNotSubtracted), "a mean that is not subtracted, x/sqrt(var + eps)"),
    (.mistake(.squareMean), "the mean of squares, E[x^2], in place of the variance"),
    (.mistake(.unbiasedVariance), "normalization by the unbiased variance (divided by m - 1)"),
    (
      .mistake(.divisor(.fixed(32), .all)),
      "sums of x and x^2 divided by 32 whatever a batch has, as if smaller ones were padded with zeros"
    ),
    (
      .mistake(.divisor(.samples(positions: 1), .mean)),
      "a mean whose sum is divided by the number of samples alone, without positions"
    ),
    (
      .mistake(.divisor(.positions(1), .variance)),
      "a variance whose sum is divided by the number of positions alone, without samples"
    ),
    (
      .mistake(.divisor(.samples(positions: 1), .valuesAroundMean)),
      "sums of x and (x - mean)^2 divided by the number of samples alone, without positions"
    ), (.mistake(.gradientWithoutMean), "a gradient without the term dbeta/m"),
    (.mistake(.gradientWithoutNormalized), "a gradient without the term xhat*dgamma/m"),
    (
      .mistake(.gradientOfSums), "a gradient with dbeta and dgamma where their m-th parts should be"
    ), (.mistake(.gradientWithoutInvStd), "a gradient without the factor 1/sqrt(var + eps)"),
    (
      .mistake(.gammaGradientWithoutInvStd),
      "dgamma as sum(dy*(x - mean)), without 1/sqrt(var + eps)"
    ),
    (
      .mistake(.gammaGradientWithoutMean),
      "dgamma as sum(dy*x)/sqrt(var + eps), without subtracting the mean"
    ), (.mistake(.gammaGradientOfValues), "dgamma as sum(dy*x), of x where xhat should be"),
    (
      .mistake(.parameterGradientMeans),
      "dgamma and dbeta as means over the batch in place of sums"
    ), (.mistake(.parameterGradientsSwapped), "dgamma and dbeta swapped"),
    (.kept(.unbiasedVariance), "the unbiased variance (divided by m - 1) kept as batches/var"),
    (.kept(.deviation), "sqrt(var) kept as batches/var"),
    (.kept(.deviationForInvStd), "sqrt(var + eps) kept as batches/inv_std"),
    (.kept(.varianceForInvStd), "the variance kept as batches/inv_std"),
    (.kept(.varianceAndEpsilonForInvStd), "var + eps kept as batches/inv_std"),
  ]

  /// As scripts read them in the JSON, and with which number.
  private static let names: [(kind: LayerDeparture, name: String, value: Double?)] = [
    (.epsilon(0.001), "epsilon", 0.001), (.wrongAxes([0, 2]), "statistics_over_axes", nil),
    (.cancellation, "cancellation", nil), (.runningVariance(.biased), "running_variance_biased", nil),
    (.runningVariance(.unbiased), "running_variance_unbiased", nil),
    (.parametersSwapped, "parameters_swapped", nil), (.gammaIgnored, "gamma_ignored", nil),
    (.betaIgnored, "beta_ignored", nil), (.parametersIgnored, "parameters_ignored", nil),
    (.gradientDetached, "gradient_detached", nil), (.gradientNotDetached, "gradient_not_detached", nil),
    (.momentum(0.9), "momentum", 0.9), (.maskIgnored, "mask_ignored", nil),
    (.runningStatistics, "running_statistics", nil), (.batchStatistics, "batch_statistics", nil),
    (.wholeDataset, "whole_dataset", nil), (.previousBatch(.given), "previous_batch_statistics", nil),
    (.runningAverages(afterBatch: true), "running_averages", nil),
    (.runningAverages(afterBatch: false), "running_averages_before_batch", nil),
    (.shifted(.statistics, by: -2), "shifted_statistics", -2),
    (.shifted(.features, by: 16), "shifted_features", 16), (.two(.maskIgnored, .gammaIgnored), "two", nil),
    (.mistake(.epsilonOutsideRoot(0.5)), "epsilon_outside_root", 0.5),
    (.mistake(.divisor(.fixed(32), .all)), "sums_divided_by", 32),
    (.mistake(.divisor(.fixed(32), .values)), "sums_divided_by", 32),
    (
      .mistake(.divisor(.samples(positions: 6), .valuesAroundMean)), "sums_around_mean_divided_by_samples",
      nil
    ),
    (.mistake(.divisor(.positions(6), .mean)), "mean_divided_by_positions", nil),
    (.mistake(.divisor(.positions(6), .variance)), "variance_divided_by_positions", nil),
    (.kept(.varianceAndEpsilonForInvStd), "kept_variance_and_epsilon_for_inv_std", nil),
    (.kept(.unbiasedVariance), "kept_unbiased_variance", nil),
  ]

  @Test(arguments: names.indices) func areCalledSoInJSON(row: Int) {
    let (kind, name, value) = Self.names[row]
    let found = ConsistentDeparture(kind, results: ["output"], relativeError: 0)
    #expect(found.departure == name && found.value == value)
  }

  @Test(arguments: words.indices) func sayWhatWasDone(row: Int) {
    let (kind, expected) = Self.words[row]
    #expect(ConsistentDeparture(kind, results: ["output"], relativeError: 0).words == expected)
  }
}
