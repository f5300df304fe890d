import Testing

@testable import BatchNormReference

@Suite(.timeLimit(.minutes(30))) struct CompensatedSumTests {
  @Test func smallSums() {
    #expect(sum([]) == 0)
    #expect(sum([1, 2, 3]) == 6)
  }

  /// Plain addition gives 0 and Kahan's original algorithm 0, too; the true sum is 2.
  @Test func recoversWhatCancellationHides() {
    #expect(sum([1, 1e100, 1, -1e100]) == 2)
  }

  /// 0.1 is a Double a little above a tenth; a million of them sum to 100000 after one rounding. Plain
  /// addition gives 100000.00000133288.
  @Test func doesNotDrift() {
    #expect(sum(repeatElement(0.1, count: 1_000_000)) == 100_000)
  }

  @Test func nonFiniteTermsActAsInPlainAddition() {
    #expect(sum([1, .infinity, 2]) == .infinity)
    #expect(sum([1, .infinity, -.infinity]).isNaN)
    #expect(sum([1, .nan, 2]).isNaN)
    #expect(sum([.greatestFiniteMagnitude, .greatestFiniteMagnitude, 1]) == .infinity)
  }
}
