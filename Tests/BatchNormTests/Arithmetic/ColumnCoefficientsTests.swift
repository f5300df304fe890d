import Arithmetic
import Testing

/// What is precomputed of a column, where a number in it is not finite.
@Suite(.timeLimit(.minutes(30))) struct ColumnCoefficientsTests {
  /// A mean's low part is taken off of y; beside an infinite scale, of whichever sign, it would make an infinity of every y.
  @Test(arguments: [Double.infinity, -.infinity], [0x1p-60, -0x1p-60, 0.0] as [Double])
  func anInfiniteScaleLeavesBeta(scale: Double, low: Double) {
    let of = { (number: Double) in Lanes(repeating: number) }
    func coefficients(_ scale: Double) -> ColumnCoefficients {
      ColumnCoefficients(
        mean: DoubleDouble(of(3), of(low)), scale: of(scale), beta: of(0.5), invStd: of(1),
        gradientMean: DoubleDouble(of(0)), slope: of(0))
    }
    #expect(coefficients(scale).offset == of(0.5))
    #expect(coefficients(scale).output(distance: of(2)) == of(scale))
    // Beside a finite one: 0.5 - low·2⁶⁰.
    #expect(coefficients(0x1p60).offset == of(0.5 - low * 0x1p60))
  }
}
