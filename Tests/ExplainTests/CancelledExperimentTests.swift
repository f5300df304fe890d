import Jobs
import Parallel
import Testing

@testable import Explain

/// Experiments that are asked to stop.
@Suite(.timeLimit(.minutes(30))) struct CancelledExperimentTests {
  /// Values whose reading asks the experiment to stop, and is not asked for more.
  private struct Source: ExplainedSource {
    struct Asked: Error {}
    let cancellation: Cancellation
    let blockCount = 2
    func rows(block: Int) throws -> DenseMatrix {
      if cancellation.isRequested { throw Asked() }
      cancellation.request()
      return DenseMatrix(rows: 2, columns: 1, values: [1, 3])
    }
    func data(count: Int) -> ExplainedData {
      ExplainedData(file: nil, layer: nil, batch: nil, count: count, features: 1)
    }
    func requireMemory(_ byteCount: Int) {}
    func batch(_ number: Int) throws -> ExplainedBatch { throw Asked() }
    func labelledSamples() throws -> LabelledSamples { throw Asked() }
  }

  private func explain(_ topic: Topic, _ cancellation: Cancellation) throws -> Explanation {
    try Experiment(
      topic, on: Source(cancellation: cancellation), threads: 1, progress: JobProgress(),
      cancellation: cancellation
    ).explanation(batch: 0)
  }

  /// Nothing of the next layer is read.
  @Test("one that has not begun does not", arguments: Topic.allCases) func before(topic: Topic) {
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) { try explain(topic, cancellation) }
  }

  @Test(
    "whitening stops between two blocks", .enabled(if: LinearAlgebra.shared != nil, "LAPACK is not installed")
  )
  func betweenBlocks() {
    #expect(throws: Cancelled.self) { try explain(.whitening, Cancellation()) }
  }
}
