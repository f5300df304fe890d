import Configuration
import Foundation
import Jobs
import LayerFiles
import Parallel
import StrictJSON
import Testing

@Suite("JobSummary", .timeLimit(.minutes(30)))
struct JobSummaryTests {
  static let layer: LayerSummary = {
    var layer = LayerSummary(
      path: "/encoder/bn1", shape: [1000, 64, 8, 8], elementType: "float16", outputType: "float32",
      featureAxis: 1,
      features: 64, samples: 1000, batches: 4, batchSize: .samples(256), passes: 1, forwardOnly: false,
      statistics: .batch, gradient: .full, epsilon: 1e-5, momentum: .cumulative)
    layer.settings.add(.epsilon, Epsilon(1e-5)!, .attribute)
    layer.settings.add(.momentum, Momentum.cumulative, .option)
    layer.datasets = RoleNames([.gamma: "weight"])
    layer.nonfiniteInputs = 3
    layer.bytesRead = 3_000_000_000
    layer.bytesWritten = 1_000_000_000
    return layer
  }()

  @Test("is one JSON object with sorted keys and plain slashes")
  func text() {
    var summary = JobSummary(
      status: .done, version: "1.0.0", input: "in/a.h5", output: "out.h5", layers: [Self.layer],
      totals: JobTotals(of: [Self.layer], seconds: 2), threads: 2, memoryLimit: 1 << 30)
    summary.time.read = 0.5
    #expect(
      summary.json == """
        {
          "input" : "in/a.h5",
          "layers" : [
            {
              "batch_size" : 256,
              "batches" : 4,
              "bytes_read" : 3000000000,
              "bytes_written" : 1000000000,
              "datasets" : {
                "gamma" : "weight"
              },
              "dropped_samples" : 0,
              "element_type" : "float16",
              "empty_batches" : 0,
              "epsilon" : 1e-05,
              "feature_axis" : 1,
              "features" : 64,
              "forward_only" : false,
              "gradient" : "full",
              "gradient_overflow_features" : 0,
              "masked_positions" : 0,
              "momentum" : null,
              "never_written_gradients" : 0,
              "never_written_samples" : 0,
              "nonfinite_features" : 0,
              "nonfinite_inputs" : 3,
              "nonfinite_masked_inputs" : 0,
              "nonfinite_parameters" : {

              },
              "output_overflow" : 0,
              "output_type" : "float32",
              "passes" : 1,
              "path" : "/encoder/bn1",
              "samples" : 1000,
              "settings" : {
                "epsilon" : {
                  "origin" : "attribute",
                  "value" : 1e-05
                },
                "momentum" : {
                  "origin" : "option",
                  "value" : null
                }
              },
              "shape" : [
                1000,
                64,
                8,
                8
              ],
              "spoiled_features" : 0,
              "statistics" : "batch",
              "variance_overflow_features" : 0,
              "zero_variance_features" : 0
            }
          ],
          "memory_limit" : 1073741824,
          "output" : "out.h5",
          "status" : "done",
          "threads" : 2,
          "time" : {
            "read" : 0.5
          },
          "totals" : {
            "batches" : 4,
            "bytes_read" : 3000000000,
            "bytes_written" : 1000000000,
            "gigabytes_per_second" : 2,
            "samples" : 1000,
            "seconds" : 2
          },
          "version" : "1.0.0",
          "warnings" : [

          ]
        }
        """)
  }

  @Test("a failed run's summary has its error, and no configuration if that was refused")
  func failure() throws {
    let summary = JobSummary(
      status: .failed, error: .init(code: 78, message: "bn.json:1:1: …"), version: "1.0.0", input: "a.h5")
    let json = try JSONParser.parse(Array(summary.json.utf8))
    #expect(json["status"]?.string == "failed")
    #expect(json["error"]?["code"]?.integer == 78)
    #expect(json["error"]?["message"]?.string == "bn.json:1:1: …")
    #expect(json["configuration"] == nil)
    #expect(json["totals"]?["gigabytes_per_second"]?.finiteDouble == 0)
  }

  @Test(
    "decodes to an equal summary", arguments: ["{}", JobConfigurationTests.everyKey, #"{"momentum": null}"#])
  func roundTrip(configuration: String) throws {
    var layers = [Self.layer, Self.layer, Self.layer]
    layers[1].batchSize = .all
    layers[1].momentum = .exponential(0.1)
    layers[2].batchSize = .offsets
    let summary = JobSummary(
      status: .interrupted, version: "1.0.0", input: "a.h5",
      configuration: try JobConfiguration(json: configuration, source: ""), layers: layers,
      totals: JobTotals(of: layers, seconds: 0.7), peakMemoryBytes: 5, time: StageTimes(compute: 0.1),
      warnings: ["a \"warning\""])
    let again = try JSONDecoder().decode(JobSummary.self, from: Data(summary.json.utf8))
    #expect(again == summary)
    #expect(again.json == summary.json)
  }

  @Test("a configuration inside a summary is as strict as a file")
  func strictConfiguration() throws {
    #expect(
      throws: ConfigurationError.unknownKey(
        path: "epsilom", nearest: "epsilon", known: JobConfiguration.Key.allCases.map(\.rawValue),
        at: SourcePosition(source: "configuration", line: 1, column: 1))
    ) {
      try JSONDecoder().decode(JobConfiguration.self, from: Data(#"{"epsilom": 1}"#.utf8))
    }
  }

  @Test("numbers that are not finite do not stop a summary")
  func nonfinite() throws {
    let summary = JobSummary(
      status: .done, version: "1.0.0", input: "a.h5", time: StageTimes(read: .nan, wait: .infinity))
    let json = try JSONParser.parse(Array(summary.json.utf8))
    #expect(json["time"]?["read"]?.string == "NaN")
  }
}
