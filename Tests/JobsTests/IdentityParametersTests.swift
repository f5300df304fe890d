import Configuration
import HDF5
import Jobs
import LayerFiles
import StrictJSON
import TestSupport
import Testing

/// With γ = √(var + ε) and β = mean, batch normalization is the identity (Ioffe & Szegedy, section 3).
@Suite("parameters: identity", .timeLimit(.minutes(30)))
struct IdentityParametersTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(
    "y = x for every layout and type",
    arguments: [
      "rank2", "rank3", "rank4", "rank5", "axis2", "axis_last", "whole_chunk", "wide", "one_feature",
      "one_sample", "float16", "bfloat16", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16",
      "uint32", "uint64", "big_float32", "big_float64", "big_int16", "mean_1e4", "mean_1e6", "constant",
      "epsilon_0", "batch_offsets", "batch_all", "mask_positions", "mask_positions_last", "gzip_shuffle",
      "statistics_running",
    ])
  func isIdentity(name: String) throws {
    let input = Repository.fixture("\(name).h5")
    let json = try File(reading: input).root.readString(attribute: "configuration") ?? "{}"
    var configuration = try JobConfiguration(json: json, source: name)
    configuration.parameters = .identity
    configuration.outputs = [.output]
    // Wide enough that it is not the output's rounding that is seen.
    configuration.outputType = .float64
    let output = folder.path("\(name)-out.h5")
    try run(input, to: output, configuration)
    let job = Job(input: input, output: nil, configuration: configuration, replacesOutput: false)
    for layer in try JobPlan(job).layers {
      let x = try File(reading: input).root.dataset(layer.activations.path).readDoubles()
      let y = try File(reading: output).root.dataset("\(layer.path.dropFirst())/output").readDoubles()
      let comparison = Comparison(y, Array(x.prefix(y.count)), isRelative: false)
      #expect(!y.isEmpty && comparison.firstMismatch == nil)
      #expect(comparison.error < 1e-15, "\(layer.path)[\(comparison.index)]")
    }
  }

  /// They would be refused, each of them, if anybody looked at them.
  @Test("what is given for gamma and beta is not looked at", arguments: ["gamma", "beta"])
  func parametersAreNotRead(name: String) throws {
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    try layer.createDataset("activations", type: .float64, shape: [4, 2], storage: .contiguous)
      .writeDoubles([1, 3, 2, 5, 4, 4, 8, 1])
    try layer.createDataset(name, type: .float64, shape: [7], storage: .contiguous)
      .writeDoubles(Array(repeating: 2, count: 7))
    try file.close()
    var configuration = JobConfiguration()
    let output = folder.path("out.h5")
    #expect(throws: StreamError.self) { try run(folder.path("in.h5"), to: output, configuration) }
    configuration.parameters = .identity
    let summary = try run(folder.path("in.h5"), to: output, configuration)
    #expect(summary.warnings == [])
    #expect(summary.layers.map(\.datasets.names) == [[.activations: "activations"]])
  }

  @Test("in the activations' own type, y is x to the last bit but for zeros")
  func isExact() throws {
    let input = Repository.url.appending(path: "tools/samples/digits.h5").path
    var configuration = JobConfiguration()
    configuration.parameters = .identity
    let output = folder.path("out.h5")
    try run(input, to: output, configuration)
    for layer in ["features/bn", "head/bn"] {
      let x = try File(reading: input).root.dataset("\(layer)/activations").readDoubles()
      let y = try File(reading: output).root.dataset("\(layer)/output").readDoubles()
      try #require(x.count == y.count && !x.isEmpty)
      for (x, y) in zip(x, y) where x != y { #expect(x == 0 && abs(y) < 1e-16) }
    }
  }
}
