import Configuration
import Foundation
import HDF5
import Jobs
import Parallel
import TestSupport
import Testing

@testable import Inspection
@testable import bn_stream

/// Golden vectors of a user's own data: how many there may be, what is written of them, and what is said.
@Suite(.timeLimit(.minutes(30))) struct OwnVectorTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(
    _ datasets: [String: TemporaryFolder.Stored], _ configuration: JobConfiguration = JobConfiguration(),
    arrays: String? = nil
  ) throws -> GoldenReport {
    try GoldenFile(
      Repository.plan(folder.file("in.h5", datasets), configuration), size: GoldenSize(),
      cancellation: Cancellation()
    ).write(
      to: folder.path("golden.h5"), arrays: arrays.map(folder.path), replaces: true,
      cancellation: Cancellation())
  }

  /// Four samples of 2¹⁸ features are 2²⁰ numbers.
  @Test func aLayerHasAMillionNumbersAtMost() throws {
    let features = 1 << 18
    let values = [Double](repeating: 0, count: 4 * (features + 1))
    let input = try folder.file(
      "in.h5", ["activations": .init(shape: [4, features + 1], values: values, type: .int8)])
    let plan = try Repository.plan(input)
    let most = try GoldenFile(
      plan, size: GoldenSize(samples: 4, features: features), cancellation: Cancellation())
    #expect(most.layers.map(\.shape) == [[4, features]] && most.layers.map(\.x.count) == [1_048_576])
    let refusal = InspectionError.goldenTooLarge(
      file: input, layer: "/", shape: [4, features + 1], most: 1_048_576)
    #expect(throws: refusal) {
      try GoldenFile(
        plan, size: GoldenSize(samples: 4, features: features + 1), cancellation: Cancellation())
    }
  }

  /// Of 3, 9 and 11, 17 the mean is 10 and the deviation 5: without given statistics y = x/5 - 2 in inference.
  @Test func foldedWithTheStatisticsOfTheData() throws {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    configuration.batchSize = BatchSize(samples: 2)
    _ = try write(["bn/activations": .init(shape: [4, 1], values: [3, 9, 11, 17])], configuration)
    let folded = try File(reading: folder.path("golden.h5")).root.group("expected/bn/folded")
    let scale = try folded.dataset("scale").readDoubles()
    let bias = try folded.dataset("bias").readDoubles()
    try #require(scale.count == 1 && bias.count == 1)
    #expect(abs(scale[0] - 0.2) < 1e-15 && abs(bias[0] + 2) < 1e-15)
  }

  /// Up to four batches have their sizes in the table, more are counted.
  @Test(
    arguments: [
      ([0, 8], "8"), ([0, 3, 8], "3, 5"), ([0, 2, 4, 6, 8], "2, 2, 2, 2"), ([0, 2, 4, 6, 8, 10], "5 × 2"),
    ] as [([Double], String)])
  func theTableSaysHowLargeBatchesAre(offsets: [Double], words: String) throws {
    let samples = Int(offsets.last ?? 0)
    let report = try write([
      "bn/activations": .init(shape: [samples, 1], values: (0..<samples).map { Double($0 * $0 % 7) }),
      "bn/batch_offsets": .init(shape: [offsets.count], values: offsets, type: .int64),
    ])
    let lines = GoldenText(report).text.replacing(/[ ]+/, with: " ").split(separator: "\n")
    #expect(lines.first == "layer shape type batches")
    #expect(lines.dropFirst().first.map { String($0) } == "/bn [\(samples), 1] float64 \(words)")
  }

  /// Every member, in files of which each has a name of its own.
  @Test func theReportSaysWhatIsWhere() throws {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0.25)
    let report = try write(
      ["bn/activations": .init(shape: [2, 3], values: [1, 2, 3, 5, 4, 6], type: .float32)], configuration,
      arrays: "golden.npz")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any])
    #expect(Set(object.keys) == ["version", "input", "output", "arrays", "layers"])
    #expect(object["input"] as? String == folder.path("in.h5"))
    #expect(object["output"] as? String == folder.path("golden.h5"))
    #expect(object["arrays"] as? String == folder.path("golden.npz"))
    let layers = try #require(object["layers"] as? [[String: Any]])
    #expect(layers.count == 1)
    let layer = try #require(layers.first)
    #expect(
      Set(layer.keys) == ["path", "shape", "feature_axis", "type", "batch_offsets", "epsilon", "results"])
    #expect(layer["path"] as? String == "/bn" && layer["shape"] as? [Int] == [2, 3])
    #expect(layer["feature_axis"] as? Int == 1 && layer["type"] as? String == "float32")
    #expect(layer["batch_offsets"] as? [Int] == [0, 2] && layer["epsilon"] as? Double == 0.25)
    let results: [String] = [
      "output", "normalized", "running_mean", "running_var", "batches/mean", "batches/var",
      "batches/inv_std", "population_mean", "population_var", "batches/count", "folded/scale",
      "folded/bias",
    ]
    #expect(layer["results"] as? [String] == results)
  }

  /// With the data stands what decides the results, and who wrote it.
  @Test(
    arguments: [
      (
        #"{"epsilon": 0.25, "momentum": 0.5, "running_variance": "biased", "statistics": "running"}"#, 0.25,
        0.5, "biased", "running"
      ),
      ("{}", 1e-5, 0.1, "unbiased", "batch"),
    ] as [(String, Double, Double, String, String)])
  func theFileSaysWhatItIs(
    json: String, epsilon: Double, momentum: Double, runningVariance: String, statistics: String
  ) throws {
    let report = try write(
      [
        "bn/activations": .init(shape: [2, 2, 3], values: (0..<12).map { Double($0 * $0 % 7) }),
        "bn/running_mean": .init(shape: [2], values: [1, 2]),
        "bn/running_var": .init(shape: [2], values: [3, 4]),
      ], JobConfiguration(json: json, source: "test"))
    let root = try File(reading: folder.path("golden.h5")).root
    #expect(try root.readString(attribute: "program") == "bn-stream")
    let version = try root.readString(attribute: "version")
    #expect(version != nil && version == report.version)
    let layer = try root.group("bn")
    #expect(try layer.readInteger(attribute: "feature_axis") == 1)
    #expect(try layer.readDouble(attribute: "epsilon") == epsilon)
    #expect(try layer.readDouble(attribute: "momentum") == momentum)
    #expect(try layer.readString(attribute: "running_variance") == runningVariance)
    #expect(try layer.readString(attribute: "statistics") == statistics)
  }
}
