/// The sum of `terms`, with an error of about one rounding of the result instead of one per term.
///
/// Neumaier's improvement of Kahan summation: `lost` collects, exactly, what each addition rounds away, and
/// is added back at the end. The error is at most about 1 ulp of the result plus m²·2⁻¹⁰⁶·Σ|terms|.
///
/// Edge cases: an empty sequence gives 0; an infinite or NaN term (or an overflow) gives what plain addition
/// gives.
///
/// Source: A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", ZAMM 54
/// (1974).
package func sum(_ terms: some Sequence<Double>) -> Double {
  var total = 0.0
  var lost = 0.0
  for term in terms {
    let next = total + term
    // The smaller of the two loses its low digits; subtracting the larger first recovers them exactly.
    lost +=
      total.magnitude >= term.magnitude
      ? (total - next) + term
      : (term - next) + total
    total = next
  }
  // After an overflow `lost` is inf - inf = NaN and says nothing.
  return total.isFinite ? total + lost : total
}
