import Configuration
import StrictJSON
import Testing

@Suite("configs/schema.json and the examples beside it", .timeLimit(.minutes(30)))
struct SchemaTests {
  let schema: JSONSchema

  init() throws {
    schema = try JSONSchema.project()
  }

  @Test("there are examples")
  func examplesExist() {
    #expect(ConfigsFolder.examples.count >= 4)
  }

  @Test("every example is accepted by the program and by the schema", arguments: ConfigsFolder.examples)
  func example(name: String) throws {
    _ = try JobConfiguration(jsonFile: ConfigsFolder.path(of: name))
    let text = String(decoding: try ConfigsFolder.bytes(of: name), as: UTF8.self)
    #expect(try schema.accepts(text))
    #expect(text.contains(#""$schema": "./schema.json""#))
  }

  @Test("the examples mean what their names say")
  func exampleMeanings() throws {
    let recalibrate = try JobConfiguration(jsonFile: ConfigsFolder.path(of: "recalibrate.json"))
    #expect(recalibrate.statistics == .batch && recalibrate.outputs == [.running, .population, .batches])
    #expect(recalibrate.batchSize == nil)
    let inference = try JobConfiguration(jsonFile: ConfigsFolder.path(of: "inference.json"))
    #expect(inference.statistics == .running)
    let keras = try JobConfiguration(jsonFile: ConfigsFolder.path(of: "keras-nhwc.json"))
    #expect(
      keras.featureAxis?.index == -1 && keras.epsilon?.value == 1e-3 && keras.momentum == .exponential(0.01))
    #expect(keras.datasets.names(for: .activations) == ["inputs"])
    // These frameworks keep the biased variance.
    for name in ["keras-nhwc.json", "flax-nhwc.json", "onnx-training.json"] {
      let configuration = try JobConfiguration(jsonFile: ConfigsFolder.path(of: name))
      #expect(configuration.runningVariance == .biased, "\(name)")
    }
  }

  @Test("the schema knows the program's keys, no more and no fewer")
  func keys() throws {
    let properties = try #require(schema.root["properties"])
    #expect(properties.members.map(\.0) == JobConfiguration.Key.allCases.map(\.rawValue))
    let roles = try #require(properties["datasets"]?["properties"])
    #expect(roles.members.map(\.0) == DatasetRole.allCases.map(\.rawValue))
    let storage = try #require(properties["output_storage"]?["properties"])
    #expect(storage.members.map(\.0) == OutputStorage.Key.allCases.map(\.rawValue))
    #expect(
      storage["layout"]?["enum"]?.items.map(\.string) == OutputStorage.Layout.allCases.map(\.rawValue))
  }

  @Test("every key is described")
  func descriptions() throws {
    let properties = try #require(schema.root["properties"])
    for (name, key) in properties.members + (properties["datasets"]?["properties"]?.members ?? []) {
      #expect(key["description"]?.string?.isEmpty == false, "\(name)")
    }
  }

  @Test("the schema's choices are the program's")
  func choices() throws {
    func choices(_ key: String) -> [String?] {
      schema.root["properties"]?[key]?["enum"]?.items.map(\.string) ?? []
    }
    #expect(choices("statistics") == StatisticsSource.allCases.map(\.rawValue))
    #expect(choices("running_variance") == RunningVarianceEstimate.allCases.map(\.rawValue))
    #expect(choices("grouped_by") == LayerGrouping.allCases.map(\.rawValue))
    #expect(choices("gradient") == GradientMode.allCases.map(\.rawValue))
    #expect(choices("parameters") == ParameterSource.allCases.map(\.rawValue))
    #expect(choices("partial_batch") == PartialBatchPolicy.allCases.map(\.rawValue))
    #expect(choices("single_value_batch") == SingleValueBatchPolicy.allCases.map(\.rawValue))
    #expect(choices("nonfinite") == NonfinitePolicy.allCases.map(\.rawValue))
    #expect(choices("output_type") == OutputElementType.allCases.map(\.rawValue))
    let outputs = schema.root["properties"]?["outputs"]?["items"]?["enum"]?.items.map(\.string)
    #expect(outputs == OutputTensor.allCases.map(\.rawValue))
  }

  @Test("the schema's defaults are the program's")
  func defaults() throws {
    let properties = try #require(schema.root["properties"]).members
    let defaults = properties.compactMap { name, key in key["default"].map { "\"\(name)\":\($0.text)" } }
    var expected = JobConfiguration()
    expected.batchSize = JobConfiguration.defaultBatchSize
    expected.epsilon = JobConfiguration.defaultEpsilon
    expected.momentum = JobConfiguration.defaultMomentum
    expected.runningVariance = JobConfiguration.defaultRunningVariance
    expected.featureAxis = JobConfiguration.defaultFeatureAxis
    expected.statistics = JobConfiguration.defaultStatistics
    let document = "{" + defaults.joined(separator: ",") + "}"
    #expect(try JobConfiguration(json: document, source: "schema.json") == expected)
    #expect(try schema.accepts(document))
  }

  @Test(
    "good documents are accepted by both",
    arguments: [
      "{}", JobConfigurationTests.everyKey, #"{"batch_size": "all"}"#, #"{"batch_size": 256.0}"#,
      #"{"momentum": null}"#, #"{"momentum": 0}"#, #"{"momentum": 1}"#, #"{"epsilon": 0}"#,
      #"{"feature_axis": -4}"#, #"{"layers": []}"#, #"{"threads": 1024}"#, #"{"memory": 1}"#,
      #"{"memory": "800000000"}"#, #"{"memory": "1.5 gb"}"#, #"{"memory": "7B"}"#,
      #"{"outputs": ["normalized"]}"#,
      #"{"output_storage": {}}"#, #"{"output_storage": {"layout": "chunked", "gzip": 0}}"#,
      #"{"output_storage": {"layout": "chunked", "zstd": 22, "gzip": 0, "bitshuffle": true}}"#,
      #"{"sync": true}"#,
      #"{"datasets": {"gamma": "x"}}"#, #"{"datasets": {"gamma": "none", "beta": "none"}}"#,
      #"{"datasets": {"gamma": ".x"}}"#,
    ])
  func good(document: String) throws {
    #expect(refusal(document) == nil)
    #expect(try schema.accepts(document))
  }

  @Test(
    "bad documents are refused by both",
    arguments: [
      "[]", "null", #"{"batch_sise": 1}"#, #"{"$schema": 1}"#, #"{"batch_size": 0}"#, #"{"batch_size": 1.5}"#,
      #"{"batch_size": "256"}"#, #"{"batch_size": null}"#, #"{"statistics": "mean"}"#,
      #"{"statistics": null}"#,
      #"{"gradient": "Full"}"#, #"{"epsilon": -1}"#, #"{"epsilon": "1e-5"}"#, #"{"epsilon": null}"#,
      #"{"momentum": 1.5}"#, #"{"momentum": -0.1}"#, #"{"momentum": "none"}"#, #"{"feature_axis": 0}"#,
      #"{"feature_axis": 1.5}"#, #"{"layers": "a"}"#, #"{"layers": [""]}"#, #"{"layers": [1]}"#,
      #"{"threads": 0}"#,
      #"{"threads": 1025}"#, #"{"memory": 0}"#, #"{"memory": "2Gi"}"#, #"{"memory": "-1"}"#,
      #"{"memory": "1.5"}"#,
      #"{"memory": "1.5B"}"#, #"{"memory": true}"#, #"{"partial_batch": "pad"}"#,
      #"{"single_value_batch": true}"#,
      #"{"nonfinite": "ignore"}"#, #"{"outputs": []}"#, #"{"outputs": ["dx"]}"#,
      #"{"outputs": ["output", "output"]}"#, #"{"outputs": "output"}"#, #"{"output_type": "int8"}"#,
      #"{"uint16_as_bfloat16": "yes"}"#, #"{"datasets": {"gama": "x"}}"#, #"{"datasets": {"gamma": ""}}"#,
      #"{"datasets": {"gamma": "."}}"#, #"{"datasets": {"gamma": "a/b"}}"#,
      #"{"datasets": {"gamma": "a\u0000"}}"#,
      #"{"datasets": {"gamma": 1}}"#, #"{"datasets": []}"#, #"{"output_storage": "chunked"}"#,
      #"{"output_storage": {"layout": "chunked", "gzip": 10}}"#,
      #"{"output_storage": {"layout": "chunked", "zstd": 23}}"#,
      #"{"output_storage": {"layout": "chunked", "lz4": 1}}"#,
      #"{"output_storage": {"layout": "chunked", "chunk_samples": 0}}"#,
      #"{"output_storage": {"layout": "tiled"}}"#, #"{"sync": 1}"#,
    ])
  func bad(document: String) throws {
    #expect(refusal(document) != nil)
    #expect(try !schema.accepts(document))
  }
}
