import Configuration
import HDF5
import LayerFiles
import TestSupport
import Testing

@testable import Jobs

/// Of more than 1,048,576 boundaries of batches the last one is looked at before the others are read.
@Suite(.timeLimit(.minutes(30))) struct ManyBoundariesTests {
  /// All batches but the last are empty.
  private static let count = 1 << 20

  private func plan(last: Int) throws -> JobPlan {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    try layer.createDataset("activations", type: .float32, shape: [4, 1], storage: .contiguous)
      .writeDoubles([1, 2, 3, 4])
    var offsets = [Int64](repeating: 0, count: Self.count + 2)
    offsets[Self.count + 1] = Int64(last)
    let dataset = try layer.createDataset(
      "batch_offsets", type: .int64, shape: [offsets.count], storage: .contiguous)
    try offsets.withUnsafeBytes { try dataset.write(leading: 0..<offsets.count, as: .int64, from: $0) }
    try file.close()
    return try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil,
        configuration: JobConfiguration(json: #"{"outputs": ["population"]}"#, source: "test"),
        replacesOutput: false))
  }

  @Test func endWithTheLast() throws {
    let batches = try #require(plan(last: 4).layers.first).batches
    #expect(batches.count == 1_048_577 && batches.emptyCount == 1_048_576)
    #expect(batches[Self.count] == 0..<4)
  }

  @Test func endWithAnotherNumber() throws {
    let error = #expect(throws: StreamError.self) { try plan(last: 3) }
    guard case .offsetsInvalid(_, "/layer/batch_offsets", .lastIsNotSampleCount(last: 3, samples: 4))? = error
    else {
      Issue.record("\(String(describing: error))")
      return
    }
  }
}
