import Arithmetic
import BigInt

/// An exact rational number, to compare the rounded ones with: numerator/denominator·2^exponent.
///
/// Powers of two are all that Doubles bring into a denominator; apart from the others they cost a shift, and no product.
struct Exact {
  private let numerator: BigInt
  /// Greater than 0, and odd; nil for 1, which most have.
  private let denominator: BigInt?
  private let exponent: Int

  private init(_ numerator: BigInt, _ denominator: BigInt? = nil, exponent: Int = 0) {
    guard let denominator else {
      (self.numerator, self.denominator, self.exponent) = (numerator, nil, exponent)
      return
    }
    let shift = denominator.trailingZeroBitCount
    let isNegative = denominator.signum() < 0
    let odd = (isNegative ? -denominator : denominator) >> shift
    self.numerator = isNegative ? -numerator : numerator
    self.denominator = odd == 1 ? nil : odd
    self.exponent = exponent - shift
  }

  init(_ value: Int) { self.init(BigInt(value)) }

  /// The number that a finite Double stands for.
  init(_ value: Double) {
    precondition(value.isFinite)
    guard value != 0 else {
      self.init(0)
      return
    }
    // value = significand · 2^exponent with an integer of 53 bits.
    let significand = Int(value.significand * 0x1p52)
    self.init(BigInt(value < 0 ? -significand : significand), exponent: Int(value.exponent) - 52)
  }

  init(_ value: DoubleDouble<Double>) { self = Exact(value.high) + Exact(value.low) }

  /// The product of a number and a denominator; below, of two denominators.
  private static func product(_ a: BigInt, _ b: BigInt?) -> BigInt { b.map { a * $0 } ?? a }
  private static func common(_ a: BigInt?, _ b: BigInt?) -> BigInt? {
    guard let a else { return b }
    return product(a, b)
  }

  /// Both numerators over one denominator, times a power of two.
  private static func aligned(
    _ a: Exact, _ b: Exact
  ) -> (BigInt, BigInt, denominator: BigInt?, exponent: Int) {
    let exponent = min(a.exponent, b.exponent)
    let (left, right) = (a.numerator << (a.exponent - exponent), b.numerator << (b.exponent - exponent))
    if a.denominator == b.denominator { return (left, right, a.denominator, exponent) }
    return (
      product(left, b.denominator), product(right, a.denominator), common(a.denominator, b.denominator),
      exponent
    )
  }

  static func + (a: Exact, b: Exact) -> Exact {
    let (left, right, denominator, exponent) = aligned(a, b)
    return Exact(left + right, denominator, exponent: exponent)
  }

  static func - (a: Exact, b: Exact) -> Exact {
    let (left, right, denominator, exponent) = aligned(a, b)
    return Exact(left - right, denominator, exponent: exponent)
  }

  static func * (a: Exact, b: Exact) -> Exact {
    Exact(
      a.numerator * b.numerator, common(a.denominator, b.denominator),
      exponent: a.exponent + b.exponent)
  }

  static func / (a: Exact, b: Exact) -> Exact {
    Exact(
      product(a.numerator, b.denominator), product(b.numerator, a.denominator),
      exponent: a.exponent - b.exponent)
  }

  var magnitude: Exact {
    Exact(numerator.signum() < 0 ? -numerator : numerator, denominator, exponent: exponent)
  }

  static func <= (a: Exact, b: Exact) -> Bool {
    let (left, right, _, _) = aligned(a, b)
    return left <= right
  }

  static func == (a: Exact, b: Exact) -> Bool {
    let (left, right, _, _) = aligned(a, b)
    return left == right
  }

  /// |self - value| ≤ tolerance · scale, decided exactly.
  func isNear(_ value: Exact, tolerance: Double, scale: Exact) -> Bool {
    (self - value).magnitude <= Exact(tolerance) * scale
  }

  /// |self - value| ≤ tolerance · |self|, decided exactly.
  func isNear(_ value: Exact, tolerance: Double) -> Bool {
    isNear(value, tolerance: tolerance, scale: magnitude)
  }
}

extension Sequence<Exact> {
  var total: Exact { reduce(Exact(0), +) }
}

/// Mean and variance of numbers by exact rational arithmetic.
struct ExactStatistics {
  let mean: Exact
  /// Biased.
  let variance: Exact

  init(_ values: [Double]) {
    let count = Exact(values.count)
    let numbers = values.map { Exact($0) }
    let sum = numbers.total
    mean = sum / count
    // Divided once, in the end.
    variance = (count * numbers.map { $0 * $0 }.total - sum * sum) / (count * count)
  }
}

extension Exact {
  /// The nearest Double, where that is a normal number.
  var double: Double {
    if numerator == 0 { return 0 }
    // A quotient of 61 or 62 bits, and a last bit that stands for the remainder: its rounding to 53 bits is right.
    let denominator = (denominator ?? 1).magnitude
    let shift = 61 + denominator.bitWidth - numerator.magnitude.bitWidth
    let (dividend, divisor) = (
      shift < 0 ? numerator.magnitude : numerator.magnitude << shift,
      shift < 0 ? denominator << -shift : denominator
    )
    let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
    let rounded = Double((UInt64(quotient) << 1) | (remainder == 0 ? 0 : 1))
    return Double(
      sign: numerator < 0 ? .minus : .plus, exponent: exponent - shift - 1, significand: rounded)
  }

  /// As two Doubles, to about 2⁻¹⁰⁵.
  var doubleDouble: DoubleDouble<Double> {
    let high = double
    return .sum(high, (self - Exact(high)).double)
  }
}
