import HDF5
import TestSupport
import Testing

/// The configuration file as the program takes it; its rules are tested in DocumentTests.
@Suite(.timeLimit(.minutes(30))) struct ConfigurationTests {
  @Test(arguments: [
    (#"{"batch_sise": 3}"#, "config.json:1:2: batch_sise is not a known key; did you mean batch_size?"),
    (
      #"{"datasets": {"activation": "x"}}"#,
      "config.json:1:15: datasets.activation is not a known key; did you mean datasets.activations?"
    ),
    (#"{"batch_size": 3,}"#, "config.json:1:17: nothing follows this comma; remove it"),
    ("{\n  // three\n}", "config.json:2:3: JSON has no comments; remove it"),
    (
      "{\"batch_size\": 3,\n \"batch_size\": 4}",
      #"config.json:2:2: the key "batch_size" occurs twice, first on line 1; remove one of them"#
    ),
    (
      #"{"batch_size": "many"}"#,
      #"config.json:1:16: batch_size is "many"; it must be an integer of at least 1, or "all""#
    ),
    (#"{"epsilon": -1}"#, "config.json:1:13: epsilon is -1; it must be a finite number of at least 0"),
    ("", "config.json:1:1: the document is empty; write at least {}"),
  ])
  func isRefused(json: String, message: String) throws {
    let program = try Program("rank2.h5")
    try program.write(json, to: "config.json")
    expectFailure(
      try program.run("--in", "rank2.h5", "--out", "out.h5", "--config", "config.json"), 78, message)
    #expect(try program.files == ["config.json", "rank2.h5"])
  }

  /// A pipe gives what is in it so far, which is not all of what comes.
  @Test func comesThroughAPipeInParts() throws {
    let program = try Program("rank2.h5")
    let result = try program.run(
      shell: #"""
        { printf '{"batch_size":'; sleep 0.3; printf ' 5, "outputs"'; sleep 0.3; printf ': ["batches"]}'; } |
          "$0" --in rank2.h5 --out out.h5 --config /dev/stdin
        """#)
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    let layer = try File(reading: program.path("out.h5")).root.group("layer")
    #expect(try layer.links().map(\.name) == ["batches"])
    #expect(try layer.dataset("batches/count").readIntegers() == [5, 5, 5, 4])
  }

  @Test func isMissing() throws {
    expectFailure(
      try Program("rank2.h5").run("--in", "rank2.h5", "--out", "out.h5", "--config", "none.json"), 78,
      #"cannot read the configuration "none.json" (--config): there is no such file; check the path"#)
  }

  @Test func optionsOverrideIt() throws {
    let program = try Program("rank2.h5")
    try program.write(#"{"batch_size": 5, "outputs": ["batches"], "epsilon": 0.5}"#, to: "config.json")
    let result = try program.run(
      "--in", "rank2.h5", "--out", "out.h5", "--config", "config.json", "--batch-size", "all")
    #expect(result.exitCode == 0)
    let layer = try File(reading: program.path("out.h5")).root.group("layer")
    #expect(try layer.links().map(\.name) == ["batches"])
    #expect(try layer.dataset("batches/count").readIntegers() == [19])
    #expect(try layer.readDouble(attribute: "epsilon") == 0.5)
  }

  @Test(arguments: [
    (
      "rank2.h5", #"{"partial_batch": "error", "batch_size": 4}"#,
      #"rank2.h5: the last batch of /layer has 3 of 4 samples, which "partial_batch": "error" forbids; choose a "#
        + #"--batch-size that divides the samples, or "keep" or "drop""#
    )
  ])
  func refusesData(file: String, json: String, message: String) throws {
    let program = try Program(file)
    try program.write(json, to: "config.json")
    expectFailure(try program.run("--in", file, "--out", "out.h5", "--config", "config.json"), 65, message)
    #expect(try program.files == ["config.json", file])
  }

  /// Found only in the middle of the run, when there already is a part of the output.
  @Test func refusesInfinitiesAndNaN() throws {
    let program = try Program("nonfinite.h5")
    try program.write(#"{"nonfinite": "error", "batch_size": 8, "threads": 1}"#, to: "config.json")
    let result = try program.run("--in", "nonfinite.h5", "--out", "out.h5", "--config", "config.json")
    #expect(result.exitCode == 65)
    #expect(
      result.error.hasPrefix(
        "bn-stream: nonfinite.h5: feature 0 of /layer has a value that is infinite or NaN "))
    #expect(try program.files == ["config.json", "nonfinite.h5"])
  }

  /// The type of results is that of the data unless somebody says another; who did is said beside it, in the summary and the output.
  @Test(arguments: [
    ("{}", "default", "float64"), (#"{"output_type": "float16"}"#, "configuration", "float16"),
  ])
  func whoSaidTheTypeOfResults(configuration: String, origin: String, type: String) throws {
    let program = try Program()
    try program.make { try $0.createGroup("layer").addTensors([6, 3]) }
    try program.write(configuration, to: "config.json")
    let result = try program.run("--in", "in.h5", "--out", "out.h5", "--config", "config.json", "--json")
    #expect(result.exitCode == 0, "\(result.error)")
    let layers = try #require(try program.object(result)["layers"] as? [[String: Any]])
    let settings = try #require(layers[0]["settings"] as? [String: Any])
    let found = try #require(settings["output_type"] as? [String: Any])
    #expect(found["origin"] as? String == origin && found["value"] as? String == type)
    let attribute = try File(reading: program.path("out.h5")).root.group("layer")
      .readString(attribute: "settings")
    let said = #""output_type":{"origin":"\#(origin)","value":"\#(type)"}"#
    #expect(attribute?.contains(said) == true, "\(attribute ?? "")")
  }
}
