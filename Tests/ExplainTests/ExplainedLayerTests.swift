import Configuration
import HDF5
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Explain

/// The samples of a file's layer, with their classes, as networks are trained on them.
@Suite(.timeLimit(.minutes(30))) struct ExplainedLayerTests {
  /// A layer of the numbers 0, 1, 2 and so on, with labels.
  private func samples(_ shape: [Int], labels: [Int]) throws -> LabelledSamples {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createDataset("activations", type: .float64, shape: shape, storage: .contiguous)
      .writeDoubles((0..<shape.reduce(1, *)).map { Double($0) })
    try file.root.createDataset(
      "labels", type: .native(.int64), shape: [labels.count], storage: .contiguous
    ).writeIntegers(labels)
    try file.close()
    let plan = try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil, configuration: JobConfiguration(), replacesOutput: false))
    let layer = ExplainedLayer(
      try #require(plan.layers.first), of: plan, cancellation: Cancellation())
    return try layer.labelledSamples()
  }

  /// A sample [2, 1, 4] has eight numbers, though it has two features. All are divided by the largest, which is 23.
  @Test func pictureHasAllItsNumbers() throws {
    let samples = try samples([3, 2, 1, 4], labels: [7, 5, 7])
    #expect(samples.data.count == 3 && samples.data.features == 8)
    #expect(samples.data.layer == "/" && samples.data.batch == nil)
    #expect(samples.x.rows == 3 && samples.x.columns == 8)
    #expect(samples.x[1, 0] == 8.0 / 23 && samples.x[2, 7] == 1)
    #expect(samples.labels == [1, 0, 1] && samples.classes == 2)
  }

  /// From two classes on there is something to learn; more than a thousand are none.
  @Test(arguments: [2, 1000]) func fewestAndMostClasses(count: Int) throws {
    let samples = try samples([count, 1], labels: (0..<count).map { 3 * $0 })
    #expect(samples.classes == count && samples.labels == Array(0..<count))
  }

  /// The layer of zeros in a file, for a job of one thread.
  private func zeros(
    _ folder: TemporaryFolder, _ shape: [Int], memory: Int = 64 << 20, hasLabels: Bool = false
  ) throws -> ExplainedLayer {
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createDataset("activations", type: .native(.int8), shape: shape, storage: .contiguous)
      .writeDoubles([Double](repeating: 0, count: shape.reduce(1, *)))
    if hasLabels {
      try file.root.createDataset(
        "labels", type: .native(.int8), shape: [shape[0]], storage: .contiguous
      ).writeIntegers([Int](repeating: 0, count: shape[0]))
    }
    try file.close()
    var configuration = try JobConfiguration(json: #"{"threads": 1}"#, source: "test")
    configuration.memory = ByteCount(memory)
    let plan = try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
    return ExplainedLayer(try #require(plan.layers.first), of: plan, cancellation: Cancellation())
  }

  /// Blocks have 4 MiB of float64 at most, whatever the axes: of 2 · 64 · 64 values a sample 64 samples.
  @Test func blocksOfPicturesAreAsLarge() throws {
    let folder = try TemporaryFolder()
    let layer = try zeros(folder, [65, 2, 64, 64])
    #expect(layer.blockCount == 2)
    let last = try layer.rows(block: 1)
    #expect(last.rows == 4096 && last.columns == 2)
  }

  /// Beside a covariance six copies of a block are held: of ten features 52,428 samples, 6 · 8 · 524,280 bytes.
  @Test func whiteningMayTakeAllMemory() throws {
    let folder = try TemporaryFolder()
    let layer = try zeros(folder, [4, 10], memory: 25_166_440)
    try layer.requireMemory(1000)
    for (bytes, need) in [(1001, 25_166_441), (Int.max, Int.max)] {
      #expect(
        throws: StreamError.needsMemory(
          file: folder.path("in.h5"), layer: "/", need: need, limit: 25_166_440,
          what: .covariance(features: 10))
      ) { try layer.requireMemory(bytes) }
    }
  }

  /// Samples take three times their values in float64, 3 · 8 · 4 · 262,144 bytes; with as much, the labels are looked at.
  @Test func samplesMayTakeAllMemory() throws {
    let folder = try TemporaryFolder()
    let file = folder.path("in.h5")
    let enough = try zeros(folder, [262_144, 4], memory: 25_165_824, hasLabels: true)
    #expect(throws: ExplainError.tooFewClasses(file: file, dataset: "/labels", count: 1)) {
      try enough.labelledSamples()
    }
    let other = try TemporaryFolder()
    let less = try zeros(other, [262_144, 4], memory: 25_165_823, hasLabels: true)
    #expect(
      throws: StreamError.needsMemory(
        file: other.path("in.h5"), layer: "/", need: 25_165_824, limit: 25_165_823,
        what: .allSamples(262_144))
    ) { try less.labelledSamples() }
  }
}
