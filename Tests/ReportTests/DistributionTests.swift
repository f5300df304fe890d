import BatchNorm
import TestSupport
import Testing

@testable import Report

/// Bars of equal width, from counts of bits.
@Suite(.timeLimit(.minutes(30))) struct DistributionTests {
  private func distribution(_ numbers: [Float]) -> Distribution? {
    var histogram = BitHistogram()
    numbers.withUnsafeBufferPointer { histogram.add($0) }
    return Distribution(histogram)
  }

  /// Numbers that are everywhere alike fill all bars alike, to within the bins at the ends.
  @Test(arguments: [(0, 1), (-1, 1), (3, 5), (-8, -1)] as [(Float, Float)]) func uniform(
    range: (Float, Float)
  ) throws {
    let count = 200_000
    let numbers = (0..<count).map { range.0 + (range.1 - range.0) * (Float($0) + 0.5) / Float(count) }
    let found = try #require(distribution(numbers))
    #expect(found.values == count && found.nan == 0 && found.infinite == 0)
    let drawn = found.bars.reduce(0, +)
    #expect((drawn + Double(found.below + found.above) - Double(count)).magnitude < 1e-6 * Double(count))
    // The density is that of the numbers.
    let width = (found.to - found.from) / Double(found.bars.count)
    let density = Double(count) / Double(range.1 - range.0)
    for bar in found.bars[1..<39] { #expect((bar / (width * density) - 1).magnitude < 0.1) }
    let half = Double(range.0 + range.1) / 2
    #expect((found.median - half).magnitude <= 0.26 * max(half.magnitude, 0.1))
  }

  /// The tails are told, not drawn.
  @Test func tails() throws {
    let numbers = (0..<10_000).map { 1 + Float($0) / 10_000 } + [1e30, -1e30, .nan, .infinity, -.infinity]
    let found = try #require(distribution(numbers))
    #expect(found.values == 10_005 && found.nan == 1 && found.infinite == 2)
    #expect(found.below == 1 && found.above == 1 && found.from == 1 && found.to <= 2)
    #expect(DistributionPicture.numbers(found).hasSuffix("; 2 not drawn; 1 NaN, 2 infinite"))
  }

  /// NaN and infinities are told together, where there is either.
  @Test(
    arguments: [
      ([Float.infinity, -.infinity], "; 0 NaN, 2 infinite"), ([.nan], "; 1 NaN, 0 infinite"), ([], nil),
    ] as [([Float], String?)])
  func whatIsNotFiniteIsTold(odd: [Float], words: String?) throws {
    let told = DistributionPicture.numbers(try #require(distribution([1, 2, 3] + odd)))
    #expect(words.map { told.hasSuffix($0) } ?? !told.contains("infinite"))
  }

  /// As another program may have copied or damaged counts: as floating-point numbers, of which those that are no counts are none.
  @Test func whatIsNoCountIsNone() throws {
    var histogram = BitHistogram()
    ([1, 1, 2, .nan] as [Float]).withUnsafeBufferPointer { histogram.add($0) }
    var counts = histogram.counts.map(Double.init)
    let unused = counts.indices.filter { counts[$0] == 0 }
    let odd: [Double] = [.nan, .infinity, -.infinity, 1e30, 0x1p63, -5]
    for (bin, count) in zip(unused, odd) { counts[bin] = count }
    let made = try MadeResults()
    try made.layer(
      "layer", vectors: ["population_mean": [1], "population_var": [1], "histograms/input": counts])
    let layer = try #require(made.report().layers.first)
    #expect(layer.distributions.input == Distribution(histogram))
    #expect(layer.distributions.input?.values == 4 && layer.distributions.input?.nan == 1)
  }

  /// More values than can be counted are none that a file has.
  @Test func whatNobodyCanCountIsNone() throws {
    var counts = BitHistogram().counts.map(Double.init)
    for bin in 10..<14 { counts[bin] = 0x1p61 }
    let made = try MadeResults()
    try made.layer(
      "layer", vectors: ["population_mean": [1], "population_var": [1], "histograms/input": counts])
    #expect(try #require(made.report().layers.first).distributions.input == nil)
  }

  @Test func oneNumberAndNone() throws {
    let found = try #require(distribution([Float](repeating: -2, count: 7)))
    #expect((found.bars.reduce(0, +) - 7).magnitude < 1e-9 && found.from < found.to)
    let zero = try #require(distribution([0, 0, 0]))
    #expect((zero.bars.reduce(0, +) - 3).magnitude < 1e-9 && zero.bars.allSatisfy(\.isFinite))
    #expect(distribution([.nan, .infinity]) == nil && distribution([]) == nil)
  }

  /// Of a thousand numbers a thousandth is the first one, and half of them are five hundred: a share that is just reached is reached.
  @Test func sharesThatAreJustReached() throws {
    var numbers: [Float] = [1, 8]
    for number in [2, 4] as [Float] { numbers += [Float](repeating: number, count: 499) }
    let found = try #require(distribution(numbers))
    // Each power of two has four bins.
    #expect(found.low == 1 && found.below == 0)
    #expect(found.median > 2 && found.median < 2.5)
    #expect(found.high > 4 && found.high < 5 && found.above == 1)
  }
}
