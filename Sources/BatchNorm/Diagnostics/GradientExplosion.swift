#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// By how much Σ|dx|² grows from one batch normalization to the one before it in a wide, fully connected network at initialization, with
/// normal weights (G. Yang et al. 2019, "A mean field theory of batch normalization", arXiv:1902.08129).
public enum GradientExplosion {
  /// With ReLU between, by
  ///
  ///     R(B) = [(B - 1 + J₀)/(1 - J₁) - 1]/(B - 3)
  ///     J₁ = (√(1 - c²) + (π - acos c)·c)/π        J₀ = (π - acos c)/π        c = -1/(B - 1)
  ///
  /// which falls to π/(π - 1) = 1.467 for large batches.
  /// - Parameter batchSize: B; nil is returned up to 3, where the gradient has no finite mean.
  public static func relu(batchSize: Int) -> Double? {
    guard batchSize > 3 else { return nil }
    let count = Double(batchSize)
    let c = -1 / (count - 1)
    let angle = Double.pi - acos(c)
    let (j1, j0) = (((1 - c * c).squareRoot() + angle * c) / .pi, angle / .pi)
    return ((count - 1 + j0) / (1 - j1) - 1) / (count - 3)
  }

  /// Without an activation between, by (B - 2)/(B - 3).
  public static func linear(batchSize: Int) -> Double? {
    batchSize > 3 ? Double(batchSize - 2) / Double(batchSize - 3) : nil
  }
}
