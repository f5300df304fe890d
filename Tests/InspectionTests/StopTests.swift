import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// A signal that comes while `verify`, `check` or `trace` reads is heard, and so is one that comes while vectors are made.
@Suite(.timeLimit(.minutes(30))) struct StopTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Six batches, and the results of one of them.
  private func plan() throws -> JobPlan {
    var configuration = JobConfiguration()
    configuration.batchSize = BatchSize(samples: 4)
    configuration.threads = ThreadCount(1)
    let values = (0..<24 * 3).map { sin(Double($0 * $0)) }
    return try Repository.plan(
      folder.file(
        "in.h5",
        [
          "bn/activations": .init(shape: [24, 3], values: values),
          "bn/grad_output": .init(shape: [24, 3], values: values.reversed()),
        ]), configuration)
  }

  /// Stops at each call of the first so many reads, one run after the other.
  private func expectStop(
    reads: Int, _ work: (JobPlan, Cancellation) throws -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for read in 0..<reads {
      let cancellation = Cancellation()
      let seen = Guarded(0)
      let calls = WatchedFileCalls { call, _ in
        guard call.kind == .read, call.name == "in.h5" else { return .made }
        let number = seen.withLock { seen in
          defer { seen += 1 }
          return seen
        }
        if number == read { cancellation.request() }
        return .made
      }
      #expect(throws: StreamError.interrupted, "read \(read)", sourceLocation: sourceLocation) {
        try calls.watch { try work(plan(), cancellation) }
      }
      #expect(seen.withLock { $0 } > read, sourceLocation: sourceLocation)
      #expect(
        try folder.names.allSatisfy { ["in.h5", "other.h5"].contains($0) }, sourceLocation: sourceLocation)
    }
  }

  /// x and dy of each batch; what is asked for at the last batch is answered.
  @Test func ofVerify() throws {
    let other = try folder.file("other.h5", ["bn/grad_beta": .init(shape: [3], values: [0, 0, 0])])
    try expectStop(reads: 10) { plan, cancellation in
      _ = try Verification(plan, against: other, relative: nil, absolute: nil)
        .report(progress: JobProgress(), cancellation: cancellation)
    }
  }

  /// Four batches, each read for the graph and for the kernels.
  @Test func ofCheck() throws {
    try expectStop(reads: 12) { plan, cancellation in
      _ = try Check(plan, cancellation: cancellation).report()
    }
  }

  @Test func ofTrace() throws {
    try expectStop(reads: 2) { plan, cancellation in
      try TraceFile(plan, cancellation: cancellation).write(to: folder.path("out.h5"), batch: 3) { _ in }
    }
  }

  /// x of each batch, for the statistics that layers are folded with.
  @Test func ofFoldedLayers() throws {
    let zeros = TemporaryFolder.Stored(shape: [3], values: [0, 0, 0])
    let other = try folder.file("other.h5", ["bn/scale": zeros, "bn/bias": zeros])
    try expectStop(reads: 4) { plan, cancellation in
      _ = try Verification(plan, against: other, relative: nil, absolute: nil)
        .foldedReport(progress: JobProgress(), cancellation: cancellation)
    }
  }

  /// Before a layer is read, and before its results are computed.
  @Test func ofVectors() throws {
    let made = try plan()
    let cancellation = Cancellation()
    let file = try GoldenFile(made, size: GoldenSize(), cancellation: cancellation)
    cancellation.request()
    #expect(throws: Cancelled.self) {
      try GoldenFile(made, size: GoldenSize(), cancellation: cancellation)
    }
    #expect(throws: Cancelled.self) {
      try file.write(to: folder.path("golden.h5"), replaces: false, cancellation: cancellation)
    }
    #expect(try folder.names == ["in.h5"])
  }
}
