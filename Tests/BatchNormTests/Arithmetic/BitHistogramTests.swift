import BatchNormReference
import Foundation
import Testing

@testable import BatchNorm

/// Counts by the first bits of numbers, against the numbers themselves.
@Suite(.timeLimit(.minutes(30))) struct BitHistogramTests {
  private func counts(_ numbers: [Float]) -> [Int: Int] {
    var histogram = BitHistogram()
    numbers.withUnsafeBufferPointer { histogram.add($0) }
    return Dictionary(uniqueKeysWithValues: histogram.counts.enumerated().filter { $1 > 0 }.map { ($0, $1) })
  }

  /// Bits by hand: 1 is 0x3F800000, with its sign set 0xBF800000, of which the first 11 bits are 1532; -1 is 0xBF800000, inverted 0x407FFFFF.
  @Test func binsByHand() {
    #expect(counts([1, 1.24, 1.25, -1, 0, -0.0]) == [1532: 2, 1533: 1, 515: 1, 1024: 1, 1023: 1])
    #expect(counts([.nan, -.nan, .infinity, -.infinity]) == [2046: 2, 2044: 1, 3: 1])
    #expect(BitHistogram.nanBin == 2046 && BitHistogram.binCount == 2048)
    #expect(BitHistogram.bounds(ofBin: 1532) == (1, Double(Float(1.25).nextDown)))
    #expect(BitHistogram.bounds(ofBin: 515) == (Double(Float(-1.25).nextUp), -1))
  }

  /// The bins are in the order of the numbers, without a gap between them.
  @Test func binsFollowEachOther() {
    for bin in 4..<2043 {
      let (least, greatest) = BitHistogram.bounds(ofBin: bin)
      #expect(
        least <= greatest
          && (bin == 1023 || Float(greatest).nextUp == Float(BitHistogram.bounds(ofBin: bin + 1).least)))
    }
  }

  @Test func everyNumberIsInItsBin() {
    var random = SplitMix64(seed: 3)
    let numbers = (0..<20_000).map { _ in Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &random))
    }
    let finite = numbers.filter(\.isFinite)
    var histogram = BitHistogram()
    numbers.withUnsafeBufferPointer { histogram.add($0) }
    #expect(histogram.total == numbers.count)
    #expect(histogram.counts[BitHistogram.nanBin] == numbers.count(where: \.isNaN))
    for bin in 4..<2044 where bin != 1023 && bin != 1024 {
      let (least, greatest) = BitHistogram.bounds(ofBin: bin)
      #expect(histogram.counts[bin] == finite.count { Double($0) >= least && Double($0) <= greatest })
    }
  }

  /// Doubles are counted as the nearest of float32, and parts add to the whole.
  @Test func partsAndDoubles() {
    let numbers: [Double] = [1.25 - 1e-12, 1e300, -1e-300, 3, .nan, -.nan]
    var whole = BitHistogram()
    numbers.withUnsafeBufferPointer { whole.add($0) }
    var floats = BitHistogram()
    numbers.map { Float($0) }.withUnsafeBufferPointer { floats.add($0) }
    #expect(whole == floats && whole.counts[1533] == 1 && whole.counts[BitHistogram.nanBin] == 2)
    var sum = BitHistogram()
    for number in numbers {
      var part = BitHistogram()
      [number].withUnsafeBufferPointer { part.add($0) }
      sum.add(part)
    }
    #expect(sum == whole)
    #expect(BitHistogram(counts: whole.counts) == whole && BitHistogram(counts: [1]) == nil)
  }
}
