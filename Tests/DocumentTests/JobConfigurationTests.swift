import Configuration
import StrictJSON
import Testing

@Suite("JobConfiguration", .timeLimit(.minutes(30)))
struct JobConfigurationTests {
  static let everyKey = """
    {
      "$schema": "./schema.json", "batch_size": 32, "statistics": "running", "gradient": "detached",
      "parameters": "identity",
      "epsilon": 0.001, "momentum": 0.3, "running_variance": "biased", "feature_axis": -1, "layers": ["a/*", "/"], "threads": 4,
      "memory": "1.5 GiB", "partial_batch": "drop", "single_value_batch": "allow", "nonfinite": "error",
      "outputs": ["batches", "output"], "output_type": "bfloat16", "uint16_as_bfloat16": true,
      "output_storage": {"layout": "chunked", "chunk_samples": 7, "gzip": 2, "shuffle": true, "fletcher32": true},
      "sync": false, "grouped_by": "role", "strict": true,
      "datasets": {"activations": "x", "grad_output": "dy", "gamma": "g", "beta": "b", "running_mean": "m",
        "running_var": "v", "batch_offsets": "o", "mask": "k", "labels": "l"}
    }
    """

  @Test("an empty object is the default configuration")
  func defaults() throws {
    let configuration = try JobConfiguration(json: "{}", source: "bn.json")
    #expect(configuration == JobConfiguration())
    #expect(configuration.epsilon == nil && configuration.momentum == nil && configuration.batchSize == nil)
    #expect(
      configuration.outputs
        == Set(OutputTensor.allCases).subtracting([.normalized, .diagnostics, .moments, .histograms]))
    #expect(configuration.statistics == nil && JobConfiguration.defaultStatistics == .batch)
    #expect(JobConfiguration.defaultEpsilon.value == 1e-5)
    #expect(JobConfiguration.defaultFeatureAxis.index == 1)
  }

  @Test(
    "the ways to compress and to reorder, of which the ones that are there since later are in the JSON only where they are used",
    arguments: [
      (#""zstd": 22, "bitshuffle": true"#, .zstd(level: 22), #","shuffle":false,"zstd":22}"#, true),
      (#""lz4": true, "gzip": 0"#, .lz4, #","layout":"chunked","lz4":true,"shuffle":false}"#, false),
      (
        #""gzip": 3, "lz4": false, "zstd": 0"#, .gzip(level: 3), #","layout":"chunked","shuffle":false}"#,
        false
      ),
      (
        #""shuffle": true, "bitshuffle": false, "gzip": 1"#, .gzip(level: 1),
        #","layout":"chunked","shuffle":true}"#, false
      ),
    ] as [(String, OutputStorage.Compression, String, Bool)])
  func compressions(
    keys: String, compression: OutputStorage.Compression, end: String, bitshuffles: Bool
  ) throws {
    let configuration = try JobConfiguration(
      json: #"{"output_storage": {"layout": "chunked", \#(keys)}}"#, source: "bn.json")
    #expect(configuration.outputStorage.compression == compression)
    #expect(configuration.outputStorage.bitshuffles == bitshuffles)
    #expect(configuration.json.contains(end))
    #expect(try JobConfiguration(json: configuration.json, source: "") == configuration)
  }

  @Test("what is said in JSON is what was asked for, with the least value of each key and the greatest")
  func storageIsSaid() throws {
    for keys in [
      #""gzip": 1"#, #""gzip": 9"#, #""zstd": 1"#, #""zstd": 22"#, #""lz4": true"#, #""shuffle": true"#,
      #""bitshuffle": true"#, #""fletcher32": true"#, #""chunk_samples": 1"#,
    ] {
      let configuration = try JobConfiguration(
        json: #"{"output_storage": {"layout": "chunked", \#(keys)}}"#, source: "bn.json")
      #expect(configuration.json.contains(keys.replacing(": ", with: ":")), "\(keys)")
      #expect(try JobConfiguration(json: configuration.json, source: "") == configuration, "\(keys)")
    }
  }

  static let exclusive = [
    (#""gzip": 1"#, #""zstd": 1"#), (#""gzip": 1"#, #""lz4": true"#), (#""zstd": 1"#, #""lz4": true"#),
    (#""shuffle": true"#, #""bitshuffle": true"#),
  ]

  @Test("of two ways to do one thing only one may be chosen, in whichever order", arguments: exclusive)
  func exclude(one: String, other: String) throws {
    for (first, second) in [(one, other), (other, one)] {
      func key(_ text: String) -> String { "output_storage." + text.split(separator: "\"")[0] }
      let error = #expect(throws: ConfigurationError.self) {
        try JobConfiguration(
          json: "{\"output_storage\": {\"layout\": \"chunked\",\n\(first),\n\(second)}}", source: "bn.json")
      }
      // Where the second one is.
      #expect(
        error
          == .exclusiveKeys(
            path: key(second), other: key(first), at: SourcePosition(source: "bn.json", line: 3, column: 1)))
    }
  }

  @Test("every key reaches its field")
  func everyField() throws {
    let configuration = try JobConfiguration(json: Self.everyKey, source: "bn.json")
    #expect(configuration.batchSize == .samples(32))
    #expect(configuration.statistics == .running)
    #expect(configuration.gradient == .detached)
    #expect(configuration.parameters == .identity)
    #expect(configuration.epsilon?.value == 0.001)
    #expect(configuration.momentum == .exponential(0.3))
    #expect(configuration.runningVariance == .biased)
    #expect(configuration.featureAxis?.index == -1)
    #expect(configuration.layers.map(\.text) == ["a/*", "/"])
    #expect(configuration.threads?.count == 4)
    #expect(configuration.memory?.bytes == 3 << 29)
    #expect(configuration.partialBatch == .drop)
    #expect(configuration.singleValueBatch == .allow)
    #expect(configuration.nonfinite == .error)
    #expect(configuration.outputs == [.batches, .output])
    #expect(configuration.outputType == .bfloat16)
    #expect(configuration.readsUInt16AsBFloat16)
    #expect(configuration.groupedBy == .role)
    #expect(configuration.outputStorage.layout == .chunked)
    #expect(configuration.outputStorage.chunkSamples == 7)
    #expect(configuration.outputStorage.gzipLevel == 2)
    #expect(configuration.outputStorage.shuffles && configuration.outputStorage.hasChecksum)
    #expect(!configuration.synchronizes && configuration.isStrict)
    #expect(
      DatasetRole.allCases.map { configuration.datasets.names(for: $0) }
        == "x dy g b m v o k l".split(separator: " ").map { [String($0)] })
  }

  @Test("quantiles are said in ascending order, and only where they are asked for")
  func quantiles() throws {
    let configuration = try JobConfiguration(json: #"{"quantiles": [99.5, -0, 50]}"#, source: "bn.json")
    #expect(configuration.json.contains(#","quantiles":[0,50,99.5],"single_value_batch""#))
    #expect(!JobConfiguration().json.contains("quantiles"))
  }

  @Test(
    "how a file is grouped is said in the JSON where it is not as usual",
    arguments: [("layer", false), ("role", true), ("none", true)])
  func groupingIsSaid(grouping: String, isSaid: Bool) throws {
    let configuration = try JobConfiguration(
      json: #"{"grouped_by": "\#(grouping)"}"#, source: "bn.json")
    #expect(configuration.json.contains(#""grouped_by":"\#(grouping)""#) == isSaid)
    #expect(try JobConfiguration(json: configuration.json, source: "") == configuration)
  }

  @Test("null momentum is the cumulative average, no momentum is not set")
  func momentum() throws {
    #expect(try JobConfiguration(json: #"{"momentum": null}"#, source: "").momentum == .cumulative)
    #expect(try JobConfiguration(json: "{}", source: "").momentum == nil)
  }

  @Test("the canonical text has sorted keys and every default")
  func canonicalText() throws {
    #expect(
      JobConfiguration().json
        == #"{"datasets":{},"gradient":"full","layers":[],"nonfinite":"count","#
        + #""output_storage":{"layout":"contiguous"},"outputs":["output","grad_input","grad_gamma","grad_beta","running","population","batches"],"#
        + #""parameters":"file","partial_batch":"keep","single_value_batch":"error","#
        + #""strict":false,"sync":true,"uint16_as_bfloat16":false}"#
    )
    #expect(
      try JobConfiguration(json: Self.everyKey, source: "").json
        == #"{"batch_size":32,"datasets":{"activations":"x","batch_offsets":"o","beta":"b","gamma":"g","#
        + #""grad_output":"dy","labels":"l","mask":"k","running_mean":"m","running_var":"v"},"epsilon":0.001,"#
        + #""feature_axis":-1,"gradient":"detached","grouped_by":"role","layers":["a/*","/"],"memory":1610612736,"momentum":0.3,"#
        + #""nonfinite":"error","output_storage":{"chunk_samples":7,"fletcher32":true,"gzip":2,"#
        + #""layout":"chunked","shuffle":true},"output_type":"bfloat16","outputs":["output","batches"],"#
        + #""parameters":"identity","partial_batch":"drop","running_variance":"biased","#
        + #""single_value_batch":"allow","statistics":"running","strict":true,"sync":false,"threads":4,"uint16_as_bfloat16":true}"#
    )
  }

  @Test(
    "the canonical text reads back as an equal configuration",
    arguments: [
      "{}", everyKey, #"{"momentum": null}"#, #"{"batch_size": "all"}"#, #"{"epsilon": 1e-300}"#,
      #"{"epsilon": 0.30000000000000004}"#, #"{"epsilon": -0.0, "momentum": -0.0}"#,
      #"{"momentum": 0.1234567890123456789}"#, #"{"memory": 9223372036854775807}"#,
      #"{"quantiles": [99.5, 15, 50]}"#,
      #"{"datasets": {"gamma": "é \"quoted\" \u2028\\"}}"#,
    ])
  func roundTrip(document: String) throws {
    let configuration = try JobConfiguration(json: document, source: "")
    let again = try JobConfiguration(json: configuration.json, source: "")
    #expect(again == configuration)
    #expect(again.json == configuration.json)
  }
}
