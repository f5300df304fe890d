import Testing

@testable import HDF5

/// Which pipelines of filters are undone outside of the library, and which one's parameters are not its own.
@Suite(.timeLimit(.minutes(30))) struct ChunkLayoutTests {
  private static func filter(_ identifier: Int, _ parameters: [UInt32]) -> Filter {
    Filter(
      identifier: identifier, name: "filter \(identifier)", parameters: parameters, isAvailable: true,
      isOptional: false)
  }

  private static func layout(_ filters: [Filter], leavesPartial: Bool = false) -> ChunkLayout {
    ChunkLayout(shape: [4, 2], filters: filters, leavesPartialChunksUnfiltered: leavesPartial)
  }

  /// Shuffle (2) of four bytes, gzip (1) of a level, a checksum (3), and LZ4 (32004).
  private static let shuffle = filter(2, [4])
  private static let gzip = filter(1, [6])
  private static let checksum = filter(3, [])
  private static let lz4 = filter(32004, [0])

  @Test func pipelinesWithOneCompressionAreUndone() {
    for filters in [
      [], [Self.gzip], [Self.shuffle, Self.gzip, Self.checksum], [Self.checksum, Self.gzip],
      [Self.filter(1, [0])], [Self.filter(1, [9])], [Self.filter(2, [])],
    ] as [[Filter]] {
      #expect(Self.layout(filters).codecFilters(elementSize: 4)?.count == filters.count)
    }
  }

  /// Between two compressions nobody says how long the data is.
  @Test func twoCompressionsAreNotUndone() {
    for filters in [
      [Self.gzip, Self.lz4], [Self.lz4, Self.gzip], [Self.shuffle, Self.gzip, Self.lz4, Self.checksum],
    ] as [[Filter]] {
      #expect(Self.layout(filters).codecFilters(elementSize: 4) == nil)
    }
  }

  /// Parameters that are not those of a filter, one filter twice, and chunks at the edge that skip all filters.
  @Test func whatIsNotUnderstoodIsNotUndone() {
    for filters in [
      [Self.filter(1, [10])], [Self.filter(1, [])], [Self.filter(1, [4, 4])], [Self.filter(2, [4, 4])],
      [Self.filter(3, [1])],
      [Self.shuffle, Self.shuffle, Self.gzip], [Self.filter(307, [9])],
    ] as [[Filter]] {
      #expect(Self.layout(filters).codecFilters(elementSize: 4) == nil)
    }
    #expect(Self.layout([Self.gzip], leavesPartial: true).codecFilters(elementSize: 4) == nil)
  }

  /// The first in the order of the pipeline; a filter that nobody here knows has parameters that nobody can judge.
  @Test func theFilterWithForeignParametersIsNamed() {
    func foreign(_ filters: [Filter]) -> Int? {
      Self.layout(filters).filterWithForeignParameters(elementSize: 4)?.identifier
    }
    #expect(foreign([Self.shuffle, Self.gzip, Self.checksum]) == nil)
    #expect(foreign([Self.shuffle, Self.filter(1, [10]), Self.filter(3, [1])]) == 1)
    #expect(foreign([Self.filter(2, [8]), Self.filter(1, [10])]) == 2)
    #expect(foreign([Self.shuffle, Self.gzip, Self.filter(3, [1])]) == 3)
    #expect(foreign([Self.filter(307, [9, 9]), Self.gzip]) == nil)
    #expect(foreign([Self.filter(307, [9, 9]), Self.filter(1, [10])]) == 1)
  }
}
