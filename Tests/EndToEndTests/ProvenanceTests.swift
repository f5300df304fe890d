import Foundation
import HDF5
import TestSupport
import Testing

/// What an output file says of itself: every attribute that docs/formats.md lists.
@Suite(.timeLimit(.minutes(30))) struct ProvenanceTests {
  @Test(.timeLimit(.minutes(30)), arguments: [Arrangement(1), Arrangement(7, "32MiB")])
  func attributesOfTheRoot(arrangement: Arrangement) throws {
    let program = try Program()
    try [InputLayer([700, 300], seed: 91)].write(to: program.path("input.h5"))
    // With nanoseconds, which have to be there: 2001-09-09T01:46:40.123456789Z.
    var times = [timespec(tv_sec: 0, tv_nsec: 0), timespec(tv_sec: 1_000_000_000, tv_nsec: 123_456_789)]
    #expect(utimensat(AT_FDCWD, program.path("input.h5"), &times, 0) == 0)
    let settings = Settings(batchSize: 400, isDetached: true, momentum: nil, outputType: .float64)
    try program.write(settings.json, to: "configuration.json")
    let result = try program.run(
      [
        "--in", "./input.h5", "--out", "output.h5", "--config", "configuration.json", "--epsilon", "0.5",
        "--layer", "l*",
      ] + arrangement.options)
    #expect(result.exitCode == 0)

    let root = try File(reading: program.path("output.h5")).root
    #expect(try root.readString(attribute: "program") == "bn-stream")
    let version = try program.run("--version").output.trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(try root.readString(attribute: "version") == version)
    #expect(try root.readString(attribute: "input_path") == "./input.h5")
    let size = try #require(
      try FileManager.default.attributesOfItem(atPath: program.path("input.h5"))[.size] as? Int)
    #expect(try root.readInteger(attribute: "input_size") == size)
    #expect(try root.readString(attribute: "input_modified") == "2001-09-09T01:46:40.123456789Z")
    let libraries = try #require(try root.readStrings(attribute: "libraries"))
    #expect(libraries.count == 1 && libraries[0].wholeMatch(of: #/HDF5 \d+\.\d+\.\d+/#) != nil)

    let text = try #require(try root.readString(attribute: "configuration"))
    let found = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
    let expected: NSDictionary = [
      "batch_size": 400, "statistics": "batch", "gradient": "detached", "parameters": "file", "epsilon": 0.5,
      "momentum": NSNull(), "layers": ["l*"], "partial_batch": "keep", "single_value_batch": "error",
      "nonfinite": "count",
      "outputs": [
        "output", "normalized", "grad_input", "grad_gamma", "grad_beta", "running", "population", "batches",
      ],
      "output_type": "float64",
      "output_storage": ["layout": "contiguous"] as NSDictionary,
      "sync": true, "uint16_as_bfloat16": false, "strict": false, "datasets": [:] as NSDictionary,
    ]
    for key in Set(found.allKeys as? [String] ?? []).union(expected.allKeys as? [String] ?? []) {
      #expect(
        (found[key] as? NSObject) == (expected[key] as? NSObject),
        "\(key): \(found[key] ?? "absent"), not \(expected[key] ?? "absent")")
    }
  }

  /// Nine digits, whichever of them are zeros, and on either side of 1970.
  @Test(
    arguments: [
      (1_000_000_000, 50_000_000, "2001-09-09T01:46:40.050000000Z"),
      (1_000_000_000, 7, "2001-09-09T01:46:40.000000007Z"), (0, 0, "1970-01-01T00:00:00.000000000Z"),
      (-1, 500_000_000, "1969-12-31T23:59:59.500000000Z"),
    ])
  func timeOfTheInput(seconds: Int, nanoseconds: Int, text: String) throws {
    let program = try Program()
    try [InputLayer([6, 3], seed: 93)].write(to: program.path("input.h5"))
    var times = [timespec(), timespec(tv_sec: seconds, tv_nsec: nanoseconds)]
    #expect(utimensat(AT_FDCWD, program.path("input.h5"), &times, 0) == 0)
    #expect(try program.run("--in", "input.h5", "--out", "output.h5").exitCode == 0)
    let root = try File(reading: program.path("output.h5")).root
    #expect(try root.readString(attribute: "input_modified") == text)
    // It is the same input still.
    let again = try program.run("--in", "input.h5", "--out", "output.h5", "--resume")
    #expect(again.exitCode == 0 && again.output.contains("is finished already"))
  }

  /// An option comes before the configuration, that before the layer's attribute, and that before the default; the output
  /// has what was used.
  @Test(.timeLimit(.minutes(30)), arguments: [0, 1, 2, 3])
  func attributesOfLayers(level: Int) throws {
    var plain = InputLayer(at: "", [520, 300], type: .native(.float64), seed: 92)
    plain.attributes = [:]
    var other = InputLayer(at: "deep/inside", [90, 300, 4, 5], seed: 93)
    other.attributes = level == 0 ? [:] : ["epsilon": 0.25, "momentum": 0.75, "batch_size": 37]
    if level > 0 { (other.attributes["feature_axis"], other.attributes["depth"]) = (-3, 3) }
    let used: (epsilon: [Double], momentum: [Double], batchSize: [Int]) =
      switch level {
      case 0: ([1e-5, 1e-5], [0.1, 0.1], [256, 256])
      case 1: ([1e-5, 0.25], [0.1, 0.75], [256, 37])
      case 2: ([0.125, 0.125], [0.5, 0.5], [50, 50])
      default: ([2, 2], [0.375, 0.375], [43, 43])
      }
    let program = try Program()
    try [plain, other].write(to: program.path("input.h5"))
    try program.write(
      level < 2
        ? #"{"outputs": \#(Settings.everyOutput)}"#
        : #"{"outputs": \#(Settings.everyOutput), "epsilon": 0.125, "momentum": 0.5, "batch_size": 50}"#,
      to: "configuration.json")
    let options =
      level < 3 ? [] : ["--epsilon", "2", "--momentum", "0.375", "--batch-size", "43"]
    let result = try program.run(
      ["--in", "input.h5", "--out", "output.h5", "--config", "configuration.json"] + options)
    #expect(result.exitCode == 0 && result.error == "")
    let root = try File(reading: program.path("output.h5")).root
    for (index, layer) in [plain, other].enumerated() {
      let settings = Settings(
        batchSize: used.batchSize[index], epsilon: used.epsilon[index], momentum: used.momentum[index])
      let group = layer.path == "" ? root : try root.group(layer.path)
      #expect(try group.readDouble(attribute: "epsilon") == used.epsilon[index])
      #expect(try group.readInteger(attribute: "feature_axis") == 1)
      #expect(try group.readInteger(attribute: "depth") == (index == 1 && level > 0 ? 3 : nil))
      try expectEveryResult(in: group, layer, settings, ExpectedResults(layer, settings), "level \(level)")
    }
  }
}
