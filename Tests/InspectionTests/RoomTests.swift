import Configuration
import HDF5
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// What `trace` and `verify --write-golden` write is not begun where the file system has no room for it.
@Suite(.timeLimit(.minutes(30))) struct RoomTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Nine samples in batches of 3, 2 and 4: two numbers in a sample of one layer, and four of the other.
  private func plan() throws -> JobPlan {
    let offsets = TemporaryFolder.Stored(shape: [4], values: [0, 3, 5, 9], type: .int64)
    let values: [Double] = (0..<36).map { Double($0 * $0 % 11) }
    return try Repository.plan(
      folder.file(
        "in.h5",
        [
          "one/activations": .init(shape: [9, 2], values: Array(values[..<18])),
          "one/batch_offsets": offsets,
          "two/activations": .init(shape: [9, 1, 4], values: values), "two/batch_offsets": offsets,
        ]))
  }

  /// Expects that out.h5 is written where so many bytes are free, and with one byte less is refused before it begins.
  private func expectRoom(
    _ need: Int, sourceLocation: SourceLocation = #_sourceLocation, _ write: (_ path: String) throws -> Void
  ) throws {
    func calls(free: Int) -> WatchedFileCalls {
      WatchedFileCalls { call, _ in call.kind == .freeByteCount ? .free(free) : .made }
    }
    let path = folder.path("out.h5")
    let refusal = StreamError.notEnoughSpace(path: path, need: need, free: need - 1)
    #expect(throws: refusal, sourceLocation: sourceLocation) {
      try calls(free: need - 1).watch { try write(path) }
    }
    #expect(try folder.names == ["in.h5"], sourceLocation: sourceLocation)
    try calls(free: need).watch { try write(path) }
    #expect(try folder.names == ["in.h5", "out.h5"], sourceLocation: sourceLocation)
  }

  /// Sixteen nodes of float64 are as large as the two samples of batch 1, in both layers.
  @Test func ofTrace() throws {
    let plan = try plan()
    try expectRoom(2 * (2 + 4) * 16 * 8) { try TraceFile(plan).write(to: $0, batch: 1) { _ in } }
  }

  /// Five tensors of float64 are as large as the nine samples, in both layers.
  @Test func ofVectors() throws {
    let file = try GoldenFile(plan(), size: GoldenSize(), cancellation: Cancellation())
    try expectRoom(9 * (2 + 4) * 8 * 5) {
      _ = try file.write(to: $0, replaces: false, cancellation: Cancellation())
    }
  }
}
