import Arithmetic
import BigInt

/// An exact rational number, to compare the rounded ones with.
struct Exact {
  let numerator: BigInt
  /// Greater than 0.
  let denominator: BigInt

  private init(_ numerator: BigInt, _ denominator: BigInt) {
    // Powers of two are all that Doubles bring into a denominator; without them it stays small.
    let shift = min(
      numerator == 0 ? Int.max : numerator.trailingZeroBitCount, denominator.trailingZeroBitCount)
    let sign: BigInt = denominator < 0 ? -1 : 1
    self.numerator = sign * (numerator >> shift)
    self.denominator = sign * (denominator >> shift)
  }

  init(_ value: Int) { self.init(BigInt(value), 1) }

  /// The number that a finite Double stands for.
  init(_ value: Double) {
    precondition(value.isFinite)
    guard value != 0 else {
      self.init(0, 1)
      return
    }
    // value = significand · 2^exponent with an integer of 53 bits.
    let exponent = value.exponent
    let significand = BigInt(Int(value.significand * 0x1p52)) * (value < 0 ? -1 : 1)
    let shift = Int(exponent) - 52
    self.init(shift >= 0 ? significand << shift : significand, shift >= 0 ? 1 : BigInt(1) << -shift)
  }

  init(_ value: DoubleDouble<Double>) { self = Exact(value.high) + Exact(value.low) }

  static func + (a: Exact, b: Exact) -> Exact {
    Exact(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator)
  }

  static func - (a: Exact, b: Exact) -> Exact {
    Exact(a.numerator * b.denominator - b.numerator * a.denominator, a.denominator * b.denominator)
  }

  static func * (a: Exact, b: Exact) -> Exact {
    Exact(a.numerator * b.numerator, a.denominator * b.denominator)
  }

  static func / (a: Exact, b: Exact) -> Exact {
    Exact(a.numerator * b.denominator, a.denominator * b.numerator)
  }

  var magnitude: Exact { Exact(numerator < 0 ? -numerator : numerator, denominator) }

  static func <= (a: Exact, b: Exact) -> Bool {
    a.numerator * b.denominator <= b.numerator * a.denominator
  }

  static func == (a: Exact, b: Exact) -> Bool {
    a.numerator * b.denominator == b.numerator * a.denominator
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
    // In leaves of the last binary digit of all the values the sums are sums of integers.
    let exponent = values.map { $0 == 0 ? 0 : Int($0.exponent) - 52 }.min() ?? 0
    let integers = values.map { value -> BigInt in
      if value == 0 { return 0 }
      let significand = BigInt(Int(value.significand * 0x1p52)) * (value < 0 ? -1 : 1)
      return significand << (Int(value.exponent) - 52 - exponent)
    }
    let count = BigInt(values.count)
    let sum = integers.reduce(0, +)
    let squares = integers.reduce(0) { $0 + $1 * $1 }
    let leaf = exponent >= 0 ? Exact(BigInt(1) << exponent) : Exact(1) / Exact(BigInt(1) << -exponent)
    mean = Exact(sum) * leaf / Exact(count)
    variance = Exact(count * squares - sum * sum) * leaf * leaf / Exact(count * count)
  }
}

extension Exact {
  fileprivate init(_ value: BigInt) { self.init(value, 1) }
}

extension Exact {
  /// The nearest Double, where that is a normal number.
  var double: Double {
    if numerator == 0 { return 0 }
    // A quotient of 61 or 62 bits, and a last bit that stands for the remainder: its rounding to 53 bits is right.
    let shift = 61 + denominator.magnitude.bitWidth - numerator.magnitude.bitWidth
    let (dividend, divisor) = (
      shift < 0 ? numerator.magnitude : numerator.magnitude << shift,
      shift < 0 ? denominator.magnitude << -shift : denominator.magnitude
    )
    let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
    let rounded = Double((UInt64(quotient) << 1) | (remainder == 0 ? 0 : 1))
    return Double(sign: numerator < 0 ? .minus : .plus, exponent: -shift - 1, significand: rounded)
  }

  /// As two Doubles, to about 2⁻¹⁰⁵.
  var doubleDouble: DoubleDouble<Double> {
    let high = double
    return .sum(high, (self - Exact(high)).double)
  }
}
