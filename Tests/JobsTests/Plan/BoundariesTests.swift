import Configuration
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

/// Where batches begin is said by integers in a row, however a program stores them.
@Suite(.timeLimit(.minutes(30))) struct BoundariesTests {
  private func layer(_ shape: [Int], _ add: (Group) throws -> Void = { _ in }) throws -> Layer {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    try layer.createDataset("activations", type: .float32, shape: [8, 1], storage: .contiguous)
      .writeDoubles([1, 2, 3, 4, 5, 6, 7, 9])
    try layer.createDataset("batch_offsets", type: .int64, shape: shape, storage: .contiguous)
      .writeIntegers([0, 3, 8])
    try add(layer)
    try file.close()
    let plan = try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil, configuration: JobConfiguration(), replacesOutput: false))
    return try #require(plan.layers.first)
  }

  /// MATLAB has no arrays of one axis.
  @Test(arguments: [[3], [1, 3], [3, 1], [1, 3, 1]]) func rowsAndColumns(shape: [Int]) throws {
    let batches = try layer(shape).batches
    #expect(batches.count == 2)
    #expect(batches[0] == 0..<3 && batches[1] == 3..<8)
  }

  /// A size of batches that nobody uses may be anything.
  @Test func besideAWrongBatchSize() throws {
    let found = try layer([3]) { try $0.writeAttribute("batch_size", 0) }
    #expect(found.batches.count == 2)
    #expect(found.batchDivision == .offsets)
  }
}
