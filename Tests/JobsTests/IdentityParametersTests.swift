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
