import Configuration
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

  /// The first of several of a size; of batches of one size that is the first, and the last one may be shorter.
  @Test(arguments: [(1, 1), (2, 3), (3, 0), (4, nil), (0, 2)] as [(Int, Int?)])
  func theFirstOfASize(size: Int, expected: Int?) throws {
    #expect(Batches(offsets: [0, 3, 4, 4, 6, 9, 10, 12]).first(ofSize: size) == expected)
  }

  @Test(
    arguments: [(10, 3, 3, 0), (10, 3, 1, 3), (10, 3, 2, nil), (9, 3, 3, 0), (2, 3, 3, nil), (2, 3, 2, 0)]
      as [(Int, Int, Int, Int?)])
  func theFirstOfASizeInEvenBatches(samples: Int, even: Int, size: Int, expected: Int?) throws {
    let batches = try #require(Batches(samples: samples, size: even, partialBatch: .keep))
    #expect(batches.first(ofSize: size) == expected)
  }

  /// What becomes of the samples that fill no batch: of each policy the batches, the samples in them, those that are left out, and the
  /// samples of the largest batch. Where nothing is left there is nothing to refuse.
  @Test(
    arguments: [
      (10, 3, .keep, [4, 10, 0, 3]), (10, 3, .drop, [3, 9, 1, 3]), (10, 5, .keep, [2, 10, 0, 5]),
      (10, 5, .drop, [2, 10, 0, 5]), (10, 5, .error, [2, 10, 0, 5]), (10, 10, .error, [1, 10, 0, 10]),
      (0, 4, .error, [0, 0, 0, 0]), (2, 3, .keep, [1, 2, 0, 2]), (2, 3, .drop, [0, 0, 2, 0]),
    ] as [(Int, Int, PartialBatchPolicy, [Int])])
  func whatFillsNoBatch(samples: Int, size: Int, policy: PartialBatchPolicy, expected: [Int]) throws {
    let batches = try #require(Batches(samples: samples, size: size, partialBatch: policy))
    let found = [batches.count, batches.sampleCount, batches.droppedSamples, batches.largest]
    #expect(found == expected)
    let inBatches: Int = (0..<batches.count).reduce(0) { $0 + batches[$1].count }
    #expect(inBatches == batches.sampleCount)
  }

  /// One sample too many, or too few.
  @Test(arguments: [(10, 3), (11, 10), (9, 10)]) func anIncompleteBatchMayBeAnError(samples: Int, size: Int) {
    #expect(Batches(samples: samples, size: size, partialBatch: .error) == nil)
  }

  @Test func noSamples() throws {
    #expect(try #require(Batches(samples: 0, size: .max, partialBatch: .keep)).count == 0)
  }
}
