#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The F distribution: of the ratio of two mean squares of normal numbers.
public enum FDistribution {
  /// P(F ≥ f) with the two degrees of freedom, to some 1e-12 of itself where it is not less than 1e-300:
  ///
  ///     I_x(d₂/2, d₁/2)        x = d₂/(d₂ + d₁·f)
  ///
  /// Edge cases: 1 for f ≤ 0, 0 for f = ∞, NaN for NaN and for degrees of freedom that are not positive.
  public static func upperTail(_ f: Double, _ numerator: Double, _ denominator: Double) -> Double {
    if f.isNaN || !(numerator > 0) || !(denominator > 0) { return .nan }
    if f <= 0 { return 1 }
    if f == .infinity { return 0 }
    let (a, b) = (denominator / 2, numerator / 2)
    let whole = denominator + numerator * f
    let (x, y) = (denominator / whole, numerator * f / whole)
    // Where the fraction converges slowly, its mirror image converges quickly.
    return x < (a + 1) / (a + b + 2) ? beta(x, y, a, b) : 1 - beta(y, x, b, a)
  }

  /// The regularized incomplete beta function I_x(a, b) by its continued fraction (Abramowitz & Stegun 26.5.8), evaluated by Lentz's
  /// method (W. J. Lentz, Applied Optics 15, 1976; Press et al., Numerical Recipes, §6.4).
  /// - Parameter y: 1 - x
  private static func beta(_ x: Double, _ y: Double, _ a: Double, _ b: Double) -> Double {
    let front = exp(a * log(x) + b * log(y) + logGamma(a + b) - logGamma(a) - logGamma(b)) / a
    let tiny = 1e-300
    func nonzero(_ value: Double) -> Double { value.magnitude < tiny ? tiny : value }
    var c = 1.0
    var d = 1 / nonzero(1 - (a + b) * x / (a + 1))
    var fraction = d
    for step in 1...100_000 {
      let m = Double(step)
      for numerator in [
        m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
        -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
      ] {
        d = 1 / nonzero(1 + numerator * d)
        c = nonzero(1 + numerator / c)
        fraction *= c * d
      }
      if (c * d - 1).magnitude < 1e-15 { break }
    }
    return front * fraction
  }

  /// ln Γ(z) for z > 0: Stirling's series from 15 on, before by Γ(z + 1) = z·Γ(z). (The C library's writes a global variable.)
  static func logGamma(_ z: Double) -> Double {
    var (z, product) = (z, 1.0)
    while z < 15 {
      product *= z
      z += 1
    }
    let inverse = 1 / z
    let square = inverse * inverse
    let series =
      inverse
      * (1 / 12.0 - square
        * (1 / 360.0 - square
          * (1 / 1260.0 - square * (1 / 1680.0 - square * (1 / 1188.0 - square * 691 / 360360)))))
    return (z - 0.5) * log(z) - z + 0.918_938_533_204_672_74 + series - log(product)
  }
}
