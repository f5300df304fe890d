import Testing

@testable import Jobs
@testable import LayerFiles

@Suite(.timeLimit(.minutes(30))) struct BatchesTests {
  @Test(arguments: [10, 11, 1 << 62, .max])
  func sizesBeyondTheLastSample(size: Int) throws {
    let batches = try #require(Batches(samples: 10, size: size, partialBatch: .keep))
    #expect(batches.count == 1)
    #expect(batches[0] == 0..<10)
    #expect(batches.largest == 10)
    #expect(batches.first(ofSize: 1) == nil)
  }

  /// The batch of each sample, its first and its last one included, beside that of going through all batches; empty ones have none.
  @Test(arguments: [
    [0, 3, 5], [0, 0, 3, 3, 3, 7, 8, 8], [0, 1, 2, 3], [0, 10], [0, 0, 0, 1], [0, 4, 4, 4, 4, 4, 9],
  ])
  func everySampleIsInItsBatch(offsets: [Int]) throws {
    let given = Batches(offsets: offsets)
    #expect(given.emptyCount == zip(offsets, offsets.dropFirst()).count { $0 == $1 })
    let last = try #require(offsets.last)
    let even = try #require(Batches(samples: last, size: 3, partialBatch: .keep))
    for batches in [given, even] {
      #expect((0..<batches.count).flatMap { Array(batches[$0]) } == Array(0..<last))
      for number in 0..<batches.count {
        for sample in batches[number] {
          #expect(batches.index(ofSample: sample) == number, "sample \(sample)")
        }
      }
    }
  }

  @Test func noSamples() throws {
    #expect(try #require(Batches(samples: 0, size: .max, partialBatch: .keep)).count == 0)
  }
}
