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

  private static let scaleOffset: [UInt32] = [2, 0, 8, 0, 4] + [UInt32](repeating: 0, count: 15)

  /// Eight elements of four bytes in a chunk: szip (4), n-bit (5) and scale-offset (6), of which the library has the only decoder, and
  /// bitshuffle (32008), whose library is the program itself.
  @Test(
    arguments: [
      (4, [141, 8, 32, 8], [141, 7, 32, 8]), (5, [8, 0, 8, 1, 4, 0, 12, 3], [8, 0, 9, 1, 4, 0, 12, 3]),
      (6, scaleOffset, [2, 0]), (32008, [0, 5, 4], [0, 5, 8]),
    ] as [(Int, [UInt32], [UInt32])])
  func parametersOfEachFilterAreCompared(identifier: Int, own: [UInt32], foreign: [UInt32]) {
    func named(_ parameters: [UInt32]) -> Int? {
      let filters = [Self.filter(identifier, parameters), Self.checksum]
      return Self.layout(filters).filterWithForeignParameters(elementSize: 4)?.identifier
    }
    #expect(named(own) == nil)
    #expect(named(foreign) == identifier)
    #expect(named([]) == identifier)
  }
}
