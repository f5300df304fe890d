/// What normalizing with a batch's own statistics adds to a value, as its batch is another one each time: the variance over the batches
/// of (x - μᵦ)·iᵦ, averaged over x (stochastic normalization disturbance: Huang et al. 2019, arXiv:1904.03441).
enum BatchNoise {
  /// Its expectation for independent normal values, one of a feature in each sample, and without ε:
  ///
  ///     (1 + 1/m)·m/(m - 3) - (m/2)·[Γ((m - 2)/2)/Γ((m - 1)/2)]²
  ///
  /// - Parameter count: m; nil is returned up to 3, where there is no expectation.
  static func ofGaussianData(_ count: Int) -> Double? {
    guard count > 3 else { return nil }
    let m = Double(count)
    // Γ(z)/Γ(z + ½) by Γ(z + 1) = z·Γ(z) up to where its asymptotic series has all digits.
    var (z, ratio) = (m / 2 - 1, 1.0)
    while z < 200 {
      ratio *= (z + 0.5) / z
      z += 1
    }
    let inverse = 1 / z
    // Γ(z + ½)/Γ(z) = √z·(1 - 1/(8z) + 1/(128z²) + 5/(1024z³) - 21/(32768z⁴) - …)
    let series =
      1 - inverse * (1 / 8.0 - inverse * (1 / 128.0 + inverse * (5 / 1024.0 - inverse * 21 / 32768)))
    let square = ratio * ratio * inverse / (series * series)
    // (m + 1)/(m - 3) - m/2·square, both near 1.
    return (m + 1) / (m - 3) - m / 2 * square
  }
}
