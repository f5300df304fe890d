import BatchNorm
import LayerFiles

/// What diagnostics say of a layer as a whole; numbers that there are none for are left out.
public struct DiagnosticsSummary: Codable, Sendable, Equatable {
  /// Results of the group `diagnostics` that the layer does not give.
  public var absent: [String] = []
  /// The layer's attribute `depth`: its place in the order in which layers run.
  public var depth: Int?
  /// Batches that are not a smaller last one.
  public var wholeBatches = 0
  /// Σdy² and Σdx², over all batches and features.
  public var gradOutputSquareSum: Double?
  public var gradInputSquareSum: Double?
  /// The largest error of the gradient identity, relative to s²·Σdy².
  public var gradientIdentityError: Double?
  /// The shares of Σdy², over all batches and features, that the mean and x̂ take away.
  public var meanShare: Double?
  public var normalizedShare: Double?
  /// Σ|dy·x̂| / Σ|dγ| and Σ|dy| / Σ|dβ|, over all batches and features.
  public var gammaCoherence: Double?
  public var betaCoherence: Double?
  /// The mean N² of the features, and what it is for Gaussian data.
  public var batchNoise: Double?
  public var gaussianBatchNoise: Double?
  /// The largest F of the features.
  public var shufflingF: Double?
  /// Features with F > 2 that is less likely than 1e-6 where samples are shuffled.
  public var unshuffledFeatures = 0
  /// The largest standard error of a mean, in standard deviations, and of a variance, as a share of it.
  public var meanError: Double?
  public var varianceError: Double?
  /// Batches after which both are at most 1 % in all features.
  public var meanBatches: Double?
  public var varianceBatches: Double?

  /// Of a layer before anything is computed; nil unless it is diagnosed.
  init?(_ layer: Layer) {
    guard layer.diagnoses else { return nil }
    depth = layer.depth
    absent = LayerResult.allCases
      .filter { $0.entry.askedBy == .diagnostics && !layer.gives($0) }.map(\.rawValue)
  }

  mutating func fill(_ totals: DiagnosticTotals, wholeBatches: Int, gaussianNoise: Double?) {
    func given(_ results: [LayerResult], _ value: Double?) -> Double? {
      guard let value, value.isFinite, !results.contains(where: { absent.contains($0.rawValue) }) else {
        return nil
      }
      return value
    }
    self.wholeBatches = wholeBatches
    gradOutputSquareSum = given([.gradOutputSquareSum], totals.gradientSquares)
    gradInputSquareSum = given([.gradInputSquareSum], totals.inputGradientSquares)
    gradientIdentityError = given([.gradientIdentityError], totals.identityError)
    meanShare = given([.meanShare], totals.byMean / totals.gradientSquares)
    normalizedShare = given([.normalizedShare], totals.byNormalized / totals.gradientSquares)
    gammaCoherence = given([.gammaCoherence], totals.absoluteProducts / totals.dgammas)
    betaCoherence = given([.betaCoherence], totals.absoluteGradients / totals.dbetas)
    batchNoise = given([.batchNoise], totals.noise / Double(totals.noisyFeatures))
    gaussianBatchNoise = batchNoise == nil ? nil : gaussianNoise
    shufflingF = given([.shufflingF], totals.largestF)
    unshuffledFeatures = shufflingF == nil ? 0 : totals.unshuffledFeatures
    meanError = totals.meanError
    varianceError = totals.varianceError
    meanBatches = totals.meanBatches
    varianceBatches = totals.varianceBatches
  }

  private enum CodingKeys: String, CodingKey {
    case absent, depth
    case wholeBatches = "whole_batches"
    case gradOutputSquareSum = "grad_output_square_sum"
    case gradInputSquareSum = "grad_input_square_sum"
    case gradientIdentityError = "gradient_identity_error"
    case meanShare = "mean_share"
    case normalizedShare = "normalized_share"
    case gammaCoherence = "gamma_coherence"
    case betaCoherence = "beta_coherence"
    case batchNoise = "batch_noise"
    case gaussianBatchNoise = "gaussian_batch_noise"
    case shufflingF = "shuffling_f"
    case unshuffledFeatures = "unshuffled_features"
    case meanError = "mean_error"
    case varianceError = "var_error"
    case meanBatches = "mean_batches"
    case varianceBatches = "var_batches"
  }
}
