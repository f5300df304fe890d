import Arithmetic
import BatchNormReference
import Testing

/// Double-double arithmetic against exact rational numbers.
@Suite(.timeLimit(.minutes(30))) struct DoubleDoubleTests {
  /// A number of 106 random bits, of any sign, with a high part between 2^-range and 2^range.
  private static func number(_ generator: inout SplitMix64, range: Int = 40) -> DoubleDouble<Double> {
    let high =
      generator.uniform()
      * Double(sign: .plus, exponent: .random(in: -range...range, using: &generator), significand: 1)
    return .sum(high, high.ulp / 2 * Double.random(in: -1...1, using: &generator))
  }

  private static let seeds: ClosedRange<UInt64> = 1...200

  @Test func sumAndProductOfDoublesAreExact() {
    for seed in Self.seeds {
      var generator = SplitMix64(seed: seed)
      let a = Self.number(&generator, range: 60).high
      let b = Self.number(&generator, range: 60).high
      #expect(Exact(DoubleDouble.sum(a, b)) == Exact(a) + Exact(b), "seed \(seed): \(a) + \(b)")
      #expect(Exact(DoubleDouble.product(a, b)) == Exact(a) * Exact(b), "seed \(seed): \(a) · \(b)")
    }
  }

  /// The bounds of Joldes, Muller and Popescu with u = 2⁻⁵³, their algorithms 6, 12 and 15: 3u² for the sum, 5u² for
  /// the product, about 10u² for the quotient. The products here drop low·low, so 6u².
  @Test func operationsKeepAbout104Bits() {
    let u2 = 0x1p-106
    for seed in Self.seeds {
      var generator = SplitMix64(seed: seed)
      let a = Self.number(&generator, range: 20)
      let b = Self.number(&generator, range: 20)
      let (x, y) = (Exact(a), Exact(b))
      #expect((x + y).isNear(Exact(a + b), tolerance: 3.1 * u2), "seed \(seed)")
      #expect((x - y).isNear(Exact(a - b), tolerance: 3.1 * u2), "seed \(seed)")
      #expect((x * y).isNear(Exact(a * b), tolerance: 6 * u2), "seed \(seed)")
      #expect((x / Exact(b.high)).isNear(Exact(a / b.high), tolerance: 10 * u2), "seed \(seed)")
    }
  }

  /// Where the high parts cancel, what is left still has its relative precision.
  @Test func cancellationLosesNothing() {
    for seed in Self.seeds {
      var generator = SplitMix64(seed: seed)
      let a = Self.number(&generator, range: 3)
      let b = DoubleDouble.sum(a.high, a.low + a.low.ulp * generator.uniform())
      let difference = Exact(a) - Exact(b)
      #expect(difference.isNear(Exact(a - b), tolerance: 0x1p-104), "seed \(seed)")
    }
  }

  /// Where they cancel altogether, the low parts are all that is left, and their sum is exact.
  @Test func lowPartsAreAddedExactly() {
    for seed in Self.seeds {
      var generator = SplitMix64(seed: seed)
      let high = Self.number(&generator, range: 3).high
      let low = [1, 0x1p-30, 0x1p-45].map { $0 * high.ulp / 2 * Double.random(in: -1...1, using: &generator) }
      for other in low {
        let (a, b) = (DoubleDouble(high, low[0]), DoubleDouble(-high, other))
        #expect(Exact(a + b) == Exact(low[0]) + Exact(other), "seed \(seed)")
      }
    }
  }

  /// Results are normalized: high is the nearest Double to the whole.
  @Test func highPartIsNearest() {
    for seed in Self.seeds {
      var generator = SplitMix64(seed: seed)
      let a = Self.number(&generator)
      let b = Self.number(&generator)
      for result in [a + b, a - b, a * b, a / b.high] {
        #expect(result.value == result.high, "seed \(seed)")
        #expect(result.low.magnitude <= result.high.ulp / 2, "seed \(seed)")
      }
    }
  }

  /// Eight lanes compute what one Double does, bit for bit.
  @Test func lanesAgreeWithScalars() {
    var generator = SplitMix64(seed: 11)
    var a = DoubleDouble(Lanes.zero)
    var b = a
    for lane in 0..<8 {
      a[lane] = Self.number(&generator)
      b[lane] = Self.number(&generator)
    }
    for lane in 0..<8 {
      expectSame((a + b)[lane], a[lane] + b[lane])
      expectSame((a - b)[lane], a[lane] - b[lane])
      expectSame((a * b)[lane], a[lane] * b[lane])
      expectSame((a / b.high)[lane], a[lane] / b[lane].high)
    }
  }

  private func expectSame(_ a: DoubleDouble<Double>, _ b: DoubleDouble<Double>) {
    #expect(a.high == b.high && a.low == b.low)
  }

  @Test(arguments: [Double.infinity, -.infinity, .nan])
  func nothingFiniteComesOfWhatIsNot(value: Double) {
    let one = DoubleDouble(1.0)
    let bad = DoubleDouble(value)
    for result in [one + bad, bad - one, one * bad, bad / 2.0] { #expect(!result.value.isFinite) }
  }
}
