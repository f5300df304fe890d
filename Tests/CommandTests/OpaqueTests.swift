import HDF5
import TestSupport
import Testing

/// Opaque elements of two bytes are bfloat16 where their type says so or nothing at all, and where the configuration says it of any.
@Suite(.timeLimit(.minutes(30))) struct OpaqueTests {
  /// The numbers are 1, 2, 0.5 and -3.
  @Test(arguments: [
    ("ml_dtypes.BFloat16", "{}"), ("bfloat16", "{}"), ("", "{}"),
    ("pair", #"{"uint16_as_bfloat16": true}"#),
  ])
  func areBFloat16(tag: String, json: String) throws {
    let program = try Program()
    try program.make { root in
      try root.createGroup("layer").addOpaque(
        "activations", tag: tag, shape: [2, 2], [0x3F80, 0x4000, 0x3F00, 0xC040])
    }
    try program.write(json, to: "config.json")
    let result = try program.run("--in", "in.h5", "--out", "out.h5", "--config", "config.json")
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    let layer = try File(reading: program.path("out.h5")).root.group("layer")
    #expect(try layer.dataset("population_mean").readDoubles() == [0.75, -0.5])
  }

  /// So may be what is given for each feature. Of the numbers 1 and 0.5, 2 and -2, x̂ is 1 and -1 where ε is 0; γ is 2 and 0.5, β is 1 and -3.
  @Test func parametersAreBFloat16() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addOpaque("activations", tag: "", shape: [2, 2], [0x3F80, 0x4000, 0x3F00, 0xC000])
      try layer.addOpaque("gamma", tag: "bfloat16", shape: [2], [0x4000, 0x3F00])
      try layer.addOpaque("beta", tag: "bfloat16", shape: [1, 2], [0x3F80, 0xC040])
    }
    try program.write(#"{"epsilon": 0, "output_type": "float64"}"#, to: "config.json")
    let result = try program.run("--in", "in.h5", "--out", "out.h5", "--config", "config.json")
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    let output = try File(reading: program.path("out.h5")).root.dataset("layer/output")
    #expect(try output.readDoubles() == [3, -2.5, -1, -3.5])
  }
}
