import Configuration
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

@testable import Inspection

/// How much `check` looks at of large batches.
@Suite(.timeLimit(.minutes(30))) struct CheckSelectionTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func layer(_ shape: [Int]) throws -> Layer {
    var configuration = JobConfiguration()
    configuration.batchSize = .all
    let values: [Double] = (0..<shape.reduce(1, *)).map { Double($0 % 101) }
    let input = try folder.file(
      "in.h5", ["activations": .init(shape: shape, values: values, type: .int8)])
    return try Repository.plan(input, configuration).layers[0]
  }

  /// At most 2¹⁸ values of each feature, but no less than a sample.
  @Test(
    arguments: [
      ([262_144, 1], 262_144, false), ([262_145, 1], 262_144, true), ([3, 1, 256, 512], 2, true),
      ([2, 1, 256, 512], 2, false), ([2, 1, 512, 512], 1, true),
    ] as [([Int], Int, Bool)])
  func samplesOfLargeBatches(shape: [Int], samples: Int, isShortened: Bool) throws {
    let selection = CheckSelection(try layer(shape), memory: 1 << 30)
    #expect(selection.batches.map { $0.samples } == [0..<samples])
    #expect(selection.isShortened == isShortened && selection.features == [0])
  }

  /// 2²⁴ values of a batch are those of 64 features with 2¹⁸ values each, the first and the last among them.
  @Test(
    arguments: [
      ([262_144, 64], 64), ([262_144, 65], 64), ([131_072, 100], 100), ([2, 65, 512, 512], 64),
      ([2, 64, 512, 512], 64),
    ] as [([Int], Int)])
  func featuresOfLargeBatches(shape: [Int], features: Int) throws {
    // Nothing is written, and nothing read.
    let file = try File(anew: folder.path("in.h5"))
    _ = try file.root.createDataset(
      "activations", type: .native(.int8), shape: shape, storage: .contiguous)
    try file.close()
    var configuration = JobConfiguration()
    configuration.batchSize = .all
    let layer = try Repository.plan(folder.path("in.h5"), configuration).layers[0]
    let selection = CheckSelection(layer, memory: 1 << 40)
    #expect(selection.features.count == features && Set(selection.features).count == features)
    #expect(selection.features.first == 0 && selection.features.last == shape[1] - 1)
  }

  /// Unless somebody asks for a number, fewer in large batches: they visit 2²³ values there, and four coordinates at least.
  @Test func coordinatesOfLargeBatches() throws {
    let selection = CheckSelection(try layer([4, 1]), memory: 1 << 30)
    let numbers: [(wanted: Int?, rows: Int, expected: Int)] = [
      (nil, 100, 64), (nil, 262_144, 32), (nil, 8_388_608, 4), (50, 262_144, 50), (1000, 8_388_608, 1000),
    ]
    for (wanted, rows, expected) in numbers {
      #expect(selection.coordinates(wanted, rows: rows) == expected, "of \(rows) rows")
    }
  }
}
