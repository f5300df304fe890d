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

  @Test func noSamples() throws {
    #expect(try #require(Batches(samples: 0, size: .max, partialBatch: .keep)).count == 0)
  }
}
