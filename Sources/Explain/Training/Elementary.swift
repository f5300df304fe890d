/// The exponential function and the logarithm by the basic operations alone, in one order: the same bits on every processor and
/// with every C library, unlike `exp` and `log`, which choose their code by the processor. A training of many steps makes
/// another last bit visible.
///
/// Both are within 2 ulps, which no experiment here notices.
enum Elementary {
  /// log 2 in two parts, the first with its last 11 bits 0, so that its product with an exponent is exact.
  private static let log2High = 0x1.62e42fefa38p-1
  private static let log2Low = 0x1.ef35793c7673p-45

  /// 1/n! for n from 13 down to 0: beyond, terms are less than 2⁻⁵⁴ of the sum for |r| ≤ log(2)/2.
  private static let inverseFactorials: [Double] = {
    var factorial = 1.0
    return (0...13).map { number in
      if number > 1 { factorial *= Double(number) }
      return 1 / factorial
    }.reversed()
  }()

  /// eˣ = 2ᵏ·eʳ with k the integer nearest to x/log 2, and eʳ by its series.
  ///
  /// Edge cases: ∞ from 709.8 on, 0 below -745.2; NaN for NaN.
  static func exp(_ x: Double) -> Double {
    guard x < 710 else { return x.isNaN ? x : .infinity }
    guard x > -746 else { return x.isNaN ? x : 0 }
    let exponent = (x / log2High).rounded()
    let rest = (-exponent * log2Low).addingProduct(1, x - exponent * log2High)
    var sum = 0.0
    for coefficient in inverseFactorials { sum = coefficient.addingProduct(sum, rest) }
    // In two steps: 2ᵏ alone may be no normal number where the product is.
    let half = Int(exponent) / 2
    return sum * power(half) * power(Int(exponent) - half)
  }

  private static func power(_ exponent: Int) -> Double {
    Double(sign: .plus, exponent: exponent, significand: 1)
  }

  /// log x = k·log 2 + 2·artanh s with x = 2ᵏ·m, √½ < m ≤ √2 and s = (m - 1)/(m + 1), by the series of artanh.
  ///
  /// Edge cases: -∞ for 0, NaN below 0, ∞ and NaN as they are.
  static func log(_ x: Double) -> Double {
    guard x > 0 else { return x == 0 ? -.infinity : .nan }
    guard x.isFinite else { return x }
    var exponent = x.exponent
    var significand = x.significand
    if significand > 2.0.squareRoot() {
      significand /= 2
      exponent += 1
    }
    let s = (significand - 1) / (significand + 1)
    let square = s * s
    // s² ≤ 0.0295: after the term of s²³ all are less than 2⁻⁵⁶ of the first.
    var sum = 0.0
    for odd in stride(from: 23, through: 1, by: -2) { sum = (1 / Double(odd)).addingProduct(sum, square) }
    return (Double(exponent) * log2High).addingProduct(2 * s, sum) + Double(exponent) * log2Low
  }

  /// 1/(1 + e⁻ˣ)
  static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
}
