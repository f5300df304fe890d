import Configuration
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

@testable import Inspection

/// A batch without samples, wherever it is, keeps `verify` from nothing that it says of the others.
@Suite(.timeLimit(.minutes(30))) struct EmptyBatchTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Normalized over both of its features, of which the second is larger, every sample is -1, 1.
  @Test(
    arguments: [([0, 0, 4, 8], [[1, 2]]), ([0, 4, 4, 8], [[0, 0], [2, 2]]), ([0, 4, 8, 8], [[0, 1]])]
      as [([Double], [[Int]])])
  func wrongAxesAreNamed(offsets: [Double], wrong: [[Int]]) throws {
    let x: [Double] = [1, 4, -2, 8, 3, 5, -7, 2, 0, 9, 6, 11, -4, -1, 2, 7]
    let theirs: [Double] = (0..<16).map { $0 % 2 == 0 ? -1 : 1 }
    let input = try folder.file(
      "in.h5",
      [
        "layer/activations": .init(shape: [8, 2], values: x),
        "layer/batch_offsets": .init(shape: [4], values: offsets, type: .int64),
      ])
    let other = try folder.file("other.h5", ["layer/output": .init(shape: [8, 2], values: theirs)])
    let plan = try Repository.plan(input, json: #"{"epsilon": 0, "threads": 1}"#)
    let layer = try plan.verified(against: other).layers[0]
    #expect(layer.comparisons.map(\.agrees) == [false])
    #expect(layer.comparisons.first?.wrong?.batches?.ranges == wrong)
    #expect(layer.comparisons.first?.wrong?.batches?.of == 3)
    #expect(layer.departures.map(\.departure) == ["statistics_over_axes"])
    #expect(layer.departures.first?.axes == [1] && layer.unexplained == [])
  }
}
