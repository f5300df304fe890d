import Configuration
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// The batches' statistics that lines are told with, of layers that are computed in slices of features.
@Suite(.timeLimit(.minutes(30))) struct FirstRowsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Six samples in batches of two.
  private func layer(features: Int) throws -> Layer {
    var configuration = JobConfiguration()
    configuration.batchSize = .samples(2)
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(
          shape: [6, features], values: (0..<6 * features).map { Double($0 * $0 % 7) })
      ])
    return try Repository.plan(input, configuration).layers[0]
  }

  private func rows(features: Int) throws -> FirstRows { FirstRows(try layer(features: features)) }

  /// Writes 1000 · batch + feature.
  private func write(_ rows: FirstRows, _ batches: Range<Int>, _ features: Range<Int>) throws {
    let values = batches.flatMap { batch in features.map { Double(1000 * batch + $0) } }
    try values.withUnsafeBytes { try rows.write(TensorPart(samples: batches, features: features), from: $0) }
  }

  @Test func eachSliceHasItsOwnFeatures() throws {
    let rows = try rows(features: 5)
    try write(rows, 1..<3, 2..<5)
    try write(rows, 0..<3, 0..<2)
    #expect(rows.values.filter(\.isNaN).count == 3)
    try write(rows, 0..<1, 2..<5)
    #expect(rows.values == [0, 1, 2, 3, 4, 1000, 1001, 1002, 1003, 1004, 2000, 2001, 2002, 2003, 2004])
  }

  @Test func ofManyFeaturesTheFirstAreKept() throws {
    let rows = try rows(features: 300)
    try write(rows, 0..<3, 200..<300)
    try write(rows, 0..<3, 0..<200)
    let expected = (0..<3).flatMap { batch in (1000 * batch..<1000 * batch + 256).map(Double.init) }
    #expect(rows.values == expected)
  }

  /// What is summed for the lines themselves, too: of 10 · sample + feature and of twice as much and 1.
  @Test func sumsOfSlicesAreThoseOfTheirFeatures() throws {
    var all = LineFits(try layer(features: 5))
    for features in [2..<5, 0..<2] {
      // The cut lies within the second batch.
      for samples in [3..<6, 0..<3] {
        let part = TensorPart(samples: samples, features: features)
        let ours: [Double] = samples.flatMap { sample in features.map { Double(10 * sample + $0) } }
        let theirs: [Double] = ours.map { 2 * $0 + 1 }
        var some = all.empty(for: part)
        some.add(ours, theirs, part)
        all.merge(some)
      }
    }
    try #require(all.sums.count == 15)
    for batch in 0..<3 {
      for feature in 0..<5 {
        let found = all.sums[5 * batch + feature]
        let ours: [Double] = [Double(20 * batch + feature), Double(20 * batch + 10 + feature)]
        let sum: Double = ours[0] + ours[1]
        let squares: Double = ours[0] * ours[0] + ours[1] * ours[1]
        #expect(found.count == 2 && found.ours == sum && found.ourSquares == squares)
        #expect(found.theirs == 2 * sum + 2 && found.products == 2 * squares + sum)
      }
    }
  }
}
