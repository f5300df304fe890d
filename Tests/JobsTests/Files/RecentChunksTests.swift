import Parallel
import Testing

@testable import LayerFiles

/// Which decoded chunks wait for whoever reads on.
@Suite(.timeLimit(.minutes(30))) struct RecentChunksTests {
  private func chunk() throws -> AlignedBuffer { try AlignedBuffer(byteCount: 64) }

  /// Of chunks that nobody reads to their end those that came last are kept, as many as were planned for.
  @Test(arguments: 1...4) func noMoreAreKeptThanPlanned(limit: Int) throws {
    var recent = RecentChunks(limit: limit)
    let chunks = try (0..<10).map { _ in try chunk() }
    for (index, chunk) in chunks.enumerated() { recent.add(chunk, at: [index, 0]) }
    for (index, chunk) in chunks.enumerated() {
      let found = recent.take([index, 0], isFinished: false)
      #expect(index < 10 - limit ? found == nil : found === chunk, "chunk \(index)")
    }
  }

  /// One that is read to its end goes, and makes room.
  @Test func whatIsFinishedGoes() throws {
    var recent = RecentChunks(limit: 2)
    let (first, second, third) = (try chunk(), try chunk(), try chunk())
    recent.add(first, at: [0, 0])
    recent.add(second, at: [0, 8])
    #expect(recent.take([0, 0], isFinished: false) === first)
    #expect(recent.take([0, 8], isFinished: true) === second)
    #expect(recent.take([0, 8], isFinished: true) == nil)
    recent.add(third, at: [8, 0])
    #expect(recent.take([0, 0], isFinished: true) === first)
    #expect(recent.take([8, 0], isFinished: true) === third)
  }
}
