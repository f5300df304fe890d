/// Whether the upstream gradient of a feature is the same for every value, to a relative 1e-6.
///
/// Then Σ x̂ = 0 makes dγ = 0, and dx = γ·ivar·(dy - dβ/m) = 0: the input gradient vanishes whatever the mean
/// and variance terms are, so agreement of two programs, or with finite differences, proves nothing.
/// `L = Σ out` is such a loss. (With a mask Σ x̂ over all rows need not be 0; the answer is about dout alone.)
///
/// - Parameter dout: [m, C].
public func isUniformGradient(_ dout: FeatureMatrix, feature: Int) -> Bool {
  let column = dout.column(feature)
  guard let smallest = column.min(), let largest = column.max() else { return true }
  // What is left of dx is then at most 1e-6 of its usual size, which a check relative to that size hardly sees.
  let tolerance = 1e-6
  return largest - smallest <= tolerance * max(smallest.magnitude, largest.magnitude)
}
