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

  private func rows(features: Int) throws -> FirstRows {
    var configuration = JobConfiguration()
    configuration.batchSize = .samples(2)
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(
          shape: [6, features], values: (0..<6 * features).map { Double($0 * $0 % 7) })
      ])
    return FirstRows(try Repository.plan(input, configuration).layers[0])
  }

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
}
