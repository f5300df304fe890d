import Foundation
import StrictJSON
import Testing

@testable import Configuration

@Suite("Settings and their origins", .timeLimit(.minutes(30)))
struct LayerSettingsTests {
  @Test("every key is of a layer, of all results, or of neither, and known to be")
  func everyKeyIsPlaced() {
    let neither: [JobConfiguration.Key] = [
      .schema, .layers, .threads, .memory, .synchronizes, .groupedBy, .datasets, .strict,
    ]
    let placed = JobConfiguration.Key.ofLayers + JobConfiguration.Key.ofResults + neither
    #expect(Set(placed) == Set(JobConfiguration.Key.allCases))
    #expect(placed.count == JobConfiguration.Key.allCases.count)
  }

  @Test("a file's keys are the file's, others nobody's")
  func originsOfAFile() throws {
    let configuration = try JobConfiguration(
      json: #"{"gradient": "detached", "epsilon": 1}"#, source: "bn.json")
    #expect(configuration.origins[.epsilon] == .configuration)
    #expect(configuration.origins[.momentum] == nil)
    let settings = LayerSettings(configuration)
    #expect(settings[.gradient]?.origin == .configuration && settings[.gradient]?.value.string == "detached")
    #expect(settings[.nonfinite]?.origin == .byDefault && settings[.nonfinite]?.value.string == "count")
    // The layer has not spoken.
    #expect(settings[.epsilon] == nil)
  }

  @Test("attributes have the type of an input's attributes")
  func attributes() {
    var settings = LayerSettings()
    settings.add(.momentum, Momentum.exponential(1), .option)
    settings.add(.epsilon, Epsilon(0)!, .byDefault)
    settings.add(.featureAxis, 2, .attribute)
    settings.add(.batchSize, BatchDivision.all, .configuration)
    settings.add(.gradient, "full", .byDefault)
    #expect(settings.attributes.map(\.name) == ["batch_size", "epsilon", "momentum", "feature_axis"])
    #expect(settings.attributes.map(\.value) == [.text("all"), .number(0), .number(1), .integer(2)])
    settings.add(.momentum, Momentum.cumulative, .option)
    settings.add(.batchSize, BatchDivision.offsets, .dataset)
    #expect(settings.attributes.map(\.value) == [.number(0), .text("none"), .integer(2)])
    for (name, value) in settings.attributes {
      switch name {
      case "epsilon": #expect(Epsilon(stored: value) == Epsilon(0))
      case "momentum": #expect(Momentum(stored: value) == .cumulative)
      default: #expect(FeatureAxis(stored: value)?.index == 2)
      }
    }
  }

  @Test("what an attribute may hold follows the rules of the configuration file")
  func storedValues() {
    #expect(BatchSize(stored: .text("all")) == .all && BatchSize(stored: .text("none")) == nil)
    #expect(BatchSize(stored: .integer(0)) == nil && BatchSize(stored: .text("32")) == nil)
    #expect(Momentum(stored: .integer(1)) == .exponential(1) && Momentum(stored: .number(.nan)) == nil)
    #expect(Epsilon(stored: .number(.infinity)) == nil && Epsilon(stored: .number(1e-300))?.value == 1e-300)
    #expect(StatisticsSource(stored: .text("running")) == .running)
    #expect(StatisticsSource(stored: .text("Running")) == nil && StatisticsSource(stored: .integer(1)) == nil)
    #expect(FeatureAxis(stored: .number(1.5)) == nil)
  }

  @Test("values stand as they are encoded")
  func values() {
    #expect(BatchDivision.offsets.json == JSONValue(encoding: BatchDivision.offsets))
    #expect(BatchDivision.samples(7).json == JSONValue(encoding: BatchDivision.samples(7)))
    #expect(BatchSize.all.json == JSONValue(encoding: BatchSize.all))
    #expect(BatchSize.samples(7).json == JSONValue(encoding: BatchSize.samples(7)))
    #expect(FeatureAxis(-1)!.json == JSONValue(encoding: FeatureAxis(-1)!))
    #expect(StatisticsSource.running.json == JSONValue(encoding: StatisticsSource.running))
    for number in [0, 1, 0.1, 1e-5, 1e-300, 1e17, 1e300, 0.30000000000000004] {
      #expect(Epsilon(number)!.json == JSONValue(encoding: Epsilon(number)!), "\(number)")
    }
    for momentum in [Momentum.cumulative, .exponential(0), .exponential(1), .exponential(0.1)] {
      #expect(momentum.json == JSONValue(encoding: momentum))
    }
  }

  @Test("what holds without an attribute is a default with it, too, and nothing else is")
  func defaultsOfLayers() {
    var settings = LayerSettings()
    settings.add(.batchSize, BatchSize.samples(256), .attribute)
    settings.add(.statistics, StatisticsSource.batch, .attribute)
    settings.add(.epsilon, Epsilon(0.00001)!, .attribute)
    settings.add(.momentum, Momentum.exponential(0.1), .attribute)
    settings.add(.runningVariance, RunningVarianceEstimate.unbiased, .attribute)
    settings.add(.featureAxis, FeatureAxis(1)!, .attribute)
    #expect(settings.entries.count == 6)
    #expect(settings.entries.filter { !$0.isDefault }.map(\.key) == [])
    settings.add(.batchSize, BatchSize.all, .attribute)
    settings.add(.statistics, StatisticsSource.running, .attribute)
    settings.add(.epsilon, Epsilon(0.001)!, .attribute)
    settings.add(.momentum, Momentum.cumulative, .attribute)
    settings.add(.runningVariance, RunningVarianceEstimate.biased, .attribute)
    settings.add(.featureAxis, FeatureAxis(-1)!, .attribute)
    #expect(settings.entries.count == 6)
    #expect(settings.entries.filter(\.isDefault).map(\.key) == [])
  }

  @Test("what holds for all layers is a default also where the file says it, and nothing else is")
  func defaultsOfResults() throws {
    func settings(_ json: String) throws -> [LayerSettings.Entry] {
      LayerSettings(try JobConfiguration(json: json, source: "bn.json")).entries
        .filter { $0.origin == .configuration }
    }
    let usual = try settings(
      """
      {"gradient": "full", "parameters": "file", "partial_batch": "keep", "single_value_batch": "error",
       "nonfinite": "count", "uint16_as_bfloat16": false, "output_storage": {"layout": "contiguous"},
       "outputs": ["batches", "population", "running", "grad_beta", "grad_gamma", "grad_input", "output"]}
      """)
    #expect(usual.count == 8 && usual.filter { !$0.isDefault }.map(\.key) == [])
    let others = try settings(
      """
      {"gradient": "detached", "parameters": "identity", "partial_batch": "drop", "single_value_batch": "allow",
       "nonfinite": "error", "uint16_as_bfloat16": true, "output_storage": {"layout": "chunked"},
       "outputs": ["batches"], "quantiles": [50], "output_type": "float64"}
      """)
    #expect(others.count == 10 && others.filter(\.isDefault).map(\.key) == [])
  }

  @Test("settings read back as they were written")
  func roundTrip() throws {
    var settings = LayerSettings(JobConfiguration())
    settings.add(.momentum, Momentum.cumulative, .option)
    settings.add(.epsilon, Epsilon(0.30000000000000004)!, .attribute)
    let again = try JSONDecoder().decode(LayerSettings.self, from: Data(settings.json.utf8))
    #expect(again.json == settings.json)
    #expect(again.entries.map(\.key) == settings.entries.map(\.key))
  }
}
