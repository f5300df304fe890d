import Configuration
import Foundation
import HDF5
import TestSupport
import Testing

/// `inspect` says what a file holds, and of every file what `run` would say.
@Suite(.timeLimit(.minutes(30))) struct InspectTests {
  /// Filters that have a choice of what compresses are named with what was chosen, as hdf5plugin was told when it made the files.
  @Test(arguments: [
    ("bitshuffle_lz4.h5", "layer", "bitshuffle", "lz4"),
    ("bitshuffle_zstd.h5", "layer", "bitshuffle", "zstd"),
    ("blosc.h5", "blosclz_plain", "blosc", "blosclz"), ("blosc.h5", "lz4_shuffle", "blosc", "lz4"),
    ("blosc.h5", "lz4hc_plain", "blosc", "lz4hc"), ("blosc.h5", "zlib_bitshuffle", "blosc", "zlib"),
    ("blosc.h5", "zstd_plain", "blosc", "zstd"), ("zstd_shuffle.h5", "layer", "zstd", nil),
    ("blosc2/blosc2.h5", "blosclz_plain", "blosc2", "blosclz"),
    ("blosc2/blosc2.h5", "zlib_delta", "blosc2", "zlib"),
  ])
  func namesWhatCompresses(file: String, layer: String, filter: String, compressor: String?) throws {
    let program = try Program(file)
    let file = try #require(program.files.first)
    let text = try program.run("inspect", file, "--layer", layer).output.replacing(/\s+/, with: " ")
    #expect(text.contains(compressor.map { ", \(filter) of \($0), " } ?? ", \(filter), "), "\(text)")
    let object = try program.object(program.run("inspect", file, "--layer", layer, "--json"))
    let layers = try #require(object["layers"] as? [[String: Any]])
    let inputs = try #require(layers[0]["inputs"] as? [[String: Any]])
    let filters = try #require(inputs[0]["filters"] as? [String])
    let expected = filters.map { $0 == filter ? compressor : nil }
    let found = inputs[0]["compressors"] as? [Any]
    #expect(found?.map { $0 as? String } == (compressor == nil ? nil : expected))
  }

  /// Of every bad file, `inspect` either says what `run` says, in full, or cannot read the file and says so itself.
  @Test func saysOfBadFilesWhatRunSays() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Repository.fixture("bad"))
      .filter { $0.hasSuffix(".h5") && !BadInputTests.crashes.contains($0) }.sorted()
    #expect(names.count > 60)
    let program = try Program()
    var refusals = 0
    for name in names {
      try? FileManager.default.removeItem(atPath: program.path("in.h5"))
      try FileManager.default.copyItem(
        atPath: Repository.fixture("bad/\(name)"), toPath: program.path("in.h5"))
      let run = try program.run("--in", "in.h5", "--dry-run", "--json")
      let inspected = try program.run("inspect", "in.h5", "--json")
      guard inspected.exitCode == 0 else {
        #expect(inspected.exitCode == run.exitCode, "\(name)")
        #expect(inspected.error == run.error.replacing("--in", with: "<file>"), "\(name)")
        continue
      }
      #expect(inspected.error == "", "\(name)")
      let refusal = try program.object(inspected)["refusal"] as? [String: Any]
      #expect((refusal?["code"] as? Int ?? 0) == Int(run.exitCode), "\(name)")
      #expect((refusal?["message"] as? String).map { "bn-stream: \($0)\n" } ?? "" == run.error, "\(name)")
      if refusal != nil { refusals += 1 }
    }
    #expect(refusals > 40)
  }

  /// One bad layer hides no other one, and each has its own message, as `run` says it of that layer alone.
  @Test func eachLayerHasItsOwn() throws {
    let program = try Program()
    try program.make { root in
      try root.createGroup("a").addTensors([6, 3])
      let b = try root.createGroup("b")
      try b.addTensors([6, 3])
      try b.add("gamma", [1, 2])
      let c = try root.createGroup("c")
      try c.addTensors([6, 3])
      try c.writeAttribute("epsilon", -1.0)
      // Its results would lie in the way.
      try root.group("a").createGroup("output").addTensors([6, 3])
      // Too large for the memory limit.
      try root.createGroup("d").addTensors([6, 1_000_000], gradient: false, type: .float32)
      let keras = try root.createGroup("keras")
      for name in ["gamma", "beta", "moving_mean", "moving_var"] { try keras.add(name, [1, 2, 3]) }
      let results = try root.createGroup("expected").createGroup("a")
      for name in ["output", "running_mean"] { try results.add(name, [1]) }
      try root.createGroup("notes").add("text", [1])
    }
    // Chunks hold all features of a sample, so that the limit cannot be kept by slices of them.
    try program.write(#"{"output_storage": {"layout": "chunked"}}"#, to: "config.json")
    let options = ["--memory", "17MiB", "--threads", "1", "--config", "config.json"]
    let report = try program.object(program.run(["inspect", "in.h5", "--json"] + options))
    let layers = try #require(report["layers"] as? [[String: Any]])
    #expect(layers.map { $0["path"] as? String } == ["/a", "/a/output", "/b", "/c", "/d"])
    for layer in layers {
      let path = try #require(layer["path"] as? String)
      // `/a/output` alone is a layer like others.
      let selection = path == "/a/output" ? ["--layer", "/a", "--layer", path] : ["--layer", path]
      let run = try program.run(["--in", "in.h5", "--dry-run", "--json"] + selection + options)
      let refusal = layer["refusal"] as? [String: Any]
      #expect((refusal?["code"] as? Int ?? 0) == Int(run.exitCode), "\(path)")
      #expect((refusal?["message"] as? String).map { "bn-stream: \($0)\n" } ?? "" == run.error, "\(path)")
      #expect((layer["plan"] == nil) == (refusal != nil), "\(path)")
      guard let plan = layer["plan"] as? NSDictionary else { continue }
      // What a dry run says is the same, facts included.
      let planned = try #require(try program.object(run)["layers"] as? [[String: Any]])
      let dry = try #require(planned.first { $0["path"] as? String == path }) as NSDictionary
      for key in plan.allKeys { #expect((plan[key] as? NSObject) == (dry[key] as? NSObject), "\(key)") }
      for key in ["inputs", "unused_names", "settings"] {
        #expect((layer[key] as? NSObject) == (dry[key] as? NSObject), "\(key)")
      }
    }
    #expect(layers.map { $0["refusal"] == nil } == [true, false, false, false, false])
    let near = try #require(report["near_layers"] as? [[String: Any]])
    #expect(near.map { $0["path"] as? String } == ["/keras"])
    #expect(near.first?["missing"] as? [String] == ["activations"])
    let unused = try #require(near.first?["unused_names"] as? [[String: String]])
    #expect(unused == [["name": "moving_var", "looks_like": "running_var"]])
    // The whole run stops at the first of them.
    let run = try program.run(["--in", "in.h5", "--dry-run"] + options)
    let refusal = report["refusal"] as? [String: Any]
    #expect((refusal?["message"] as? String).map { "bn-stream: \($0)\n" } == run.error)
    let text = try program.run(["inspect", "in.h5"] + options).output
    #expect(text.contains("\nin.h5: 5 layers, of which run would refuse 4\n"), "\(text)")
  }

  /// Each name that other programs have, beside activations and without them: Flax's `mean` is what a result of batches is called, too.
  @Test func everyNameThatLooksLikeARoleIsSeen() throws {
    let program = try Program()
    var expected: [String: DatasetRole] = [:]
    for (name, looksLike) in NearName.datasets {
      guard case .role(let role) = looksLike, role != .activations,
        !DatasetRole.allCases.contains(where: { $0.defaultNames.contains(name) })
      else { continue }
      expected[name] = role
    }
    #expect(expected.count > 60)
    try program.make { root in
      for name in expected.keys {
        let layer: Group = try root.descendant("layers/\(name)")
        try layer.addTensors([6, 2], gradient: false)
        try layer.add(name, [1, 2])
        try (root.descendant("near/\(name)") as Group).add(name, [1, 2])
      }
      // What an output has.
      try (root.descendant("near/results") as Group).add("population_mean", [0])
      for name in ["mean", "var", "inv_std", "count"] {
        try (root.descendant("near/batches") as Group).add(name, [0])
      }
    }
    let report = try program.object(program.run("inspect", "in.h5", "--json"))
    // Labels alone make no layer, and a run misses none.
    let ofResults = expected.filter { $0.value != .labels }
    #expect(ofResults.count < expected.count)
    for (key, folder, expected) in [("layers", "/layers", expected), ("near_layers", "/near", ofResults)] {
      var found: [String: String] = [:]
      for layer in try #require(report[key] as? [[String: Any]]) {
        let unused = try #require(layer["unused_names"] as? [[String: String]])
        #expect(unused.count == 1 && layer["path"] as? String == "\(folder)/\(unused[0]["name"] ?? "")")
        found[unused[0]["name"] ?? ""] = unused[0]["looks_like"]
      }
      #expect(found == expected.mapValues(\.rawValue), "\(key)")
    }
    let warnings = try #require(report["warnings"] as? [String])
    #expect(warnings.count == ofResults.count)
    for name in ofResults.keys { #expect(warnings.contains { $0.contains("but `\(name)`") }, "\(name)") }
  }

  /// Of this file the large tensors are inside their objects' headers.
  @Test func saysWhatIsCompact() throws {
    let program = try Program("compact.h5")
    let report = try program.object(program.run("inspect", "compact.h5", "--json"))
    let layer = try #require((report["layers"] as? [[String: Any]])?.first)
    let inputs = try #require(layer["inputs"] as? [[String: Any]])
    let found = inputs.map { ($0["role"] as? String ?? "") + " " + ($0["storage"] as? String ?? "") }
    #expect(
      found.sorted() == [
        "activations compact", "beta contiguous", "gamma contiguous", "grad_output compact",
        "running_mean contiguous", "running_var contiguous",
      ])
    let text = try program.run("inspect", "compact.h5").output.replacing(/\s+/, with: " ")
    #expect(text.contains(" float32, compact, ") && text.contains(" float32, contiguous, "), "\(text)")
  }

  /// Numbers in other files are refused, and lie there in one of two ways.
  @Test(arguments: [("virtual_dataset.h5", "virtual"), ("external_storage.h5", "external")])
  func saysWhatLiesInOtherFiles(file: String, storage: String) throws {
    let program = try Program("bad/\(file)")
    let report = try program.object(program.run("inspect", file, "--json"))
    let layer = try #require((report["layers"] as? [[String: Any]])?.first)
    let inputs = try #require(layer["inputs"] as? [[String: Any]])
    #expect(inputs.map { $0["role"] as? String } == ["activations"])
    #expect(inputs.map { $0["storage"] as? String } == [storage])
  }

  @Test func saysHowEachDatasetLies() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.add(
        "activations", Group.numbers([64, 8], seed: 1), shape: [64, 8],
        storage: .chunked(shape: [16, 8], filters: [.shuffle, .deflate(level: 6)]))
      try layer.add("weight", [1, 2, 3, 4, 5, 6, 7, 8], type: .float32)
      try layer.add("dy", [0])
      try layer.add("notes", [0])
      try layer.writeAttribute("epsilon", 0.5)
    }
    try program.write(#"{"nonfinite": "error"}"#, to: "config.json")
    let arguments = ["inspect", "in.h5", "--batch-size", "10", "--config", "config.json", "--threads", "1"]
    let report = try program.object(program.run(arguments + ["--json"]))
    let layer = try #require((report["layers"] as? [[String: Any]])?.first)
    let inputs = try #require(layer["inputs"] as? [[String: Any]])
    #expect(inputs.map { $0["role"] as? String } == ["activations", "gamma"])
    #expect(inputs.map { $0["name"] as? String } == ["activations", "weight"])
    #expect(inputs.map { $0["type"] as? String } == ["float64", "float32"])
    #expect(inputs.map { $0["storage"] as? String } == ["chunked", "contiguous"])
    #expect(
      inputs[0]["chunk"] as? [Int] == [16, 8] && inputs[0]["filters"] as? [String] == ["shuffle", "gzip"])
    #expect(inputs.map { $0["bytes"] as? Int } == [4096, 32])
    let stored = try #require(inputs[0]["stored_bytes"] as? Int)
    #expect(0 < stored && stored < 4096 && inputs[1]["stored_bytes"] as? Int == 32)
    #expect(layer["unused_names"] as? [[String: String]] == [["name": "dy", "looks_like": "grad_output"]])
    let settings = try #require(layer["settings"] as? [String: [String: Any]])
    #expect(
      settings["batch_size"]?["origin"] as? String == "option"
        && settings["batch_size"]?["value"] as? Int == 10)
    #expect(settings["nonfinite"]?["origin"] as? String == "configuration")
    #expect(settings["epsilon"]?["origin"] as? String == "attribute")
    #expect(settings["momentum"]?["origin"] as? String == "default")
    #expect((report["warnings"] as? [String])?.count == 1)
    #expect((layer["plan"] as? [String: Any])?["batches"] as? Int == 7)

    let text = try program.run(arguments)
    #expect(text.exitCode == 0 && text.error == "")
    let beginning = text.output.split(separator: "\n").prefix(6).joined(separator: "\n")
    #expect(
      Line(
        """
        /layer
          activations    activations  [64, 8] float64, chunks of [16, 8], shuffle, gzip,
                                      ‹size› for 4 KiB
          gamma          weight       [8] float32, contiguous, 32 B
          settings       by option: batch_size 10; by configuration: nonfinite error; by
                         attribute: epsilon 0.5; by default: statistics batch, gradient
        """
      ).matches(beginning), "\(text.output)")
    #expect(text.output.contains("\n  batches        7 × 10\n"))
    #expect(text.output.contains("\n  not read       `dy`, which looks like grad_output\n"))
    #expect(text.output.hasSuffix("\nin.h5: 1 layer; run would compute it\n"))
    #expect(text.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }

  /// 24 numbers of eight bytes are read, and as many of four are written.
  @Test func saysWhatIsReadAndWritten() throws {
    let program = try Program()
    try program.make { try $0.createGroup("layer").addTensors([8, 3], gradient: false) }
    try program.write(#"{"output_type": "float32"}"#, to: "config.json")
    let result = try program.run("inspect", "in.h5", "--config", "config.json")
    #expect(result.exitCode == 0)
    let words = result.output.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
    #expect(words.contains(" 1 pass, reads 192 B, writes 96 B of float32, forward only "), "\(result.output)")
  }

  /// Of several layers a dry run says each one's own settings.
  @Test func aDryRunSaysEachLayersSettings() throws {
    let program = try Program()
    let epsilons: [Double] = [0.5, 0.25, 0.125]
    try program.make { root in
      for (index, epsilon) in epsilons.enumerated() {
        let layer = try root.createGroup("layer\(index)")
        try layer.addTensors([6, 3])
        try layer.writeAttribute("epsilon", epsilon)
      }
    }
    let plan = try program.object(program.run("--in", "in.h5", "--dry-run", "--json"))
    let layers = try #require(plan["layers"] as? [[String: Any]])
    let settings = layers.compactMap { $0["settings"] as? [String: [String: Any]] }
    let found: [Double] = settings.compactMap { $0["epsilon"]?["value"] as? Double }
    #expect(found == epsilons)
  }

  @Test func readsNothingButDescriptions() throws {
    let program = try Program()
    // Bytes that no disk here holds: nothing was written.
    try LargeInput.write(to: program, samples: 1 << 17)
    let result = try program.run("inspect", "large.h5")
    #expect(
      result.exitCode == 0 && result.output.contains("[131072, 1024] float32, contiguous"), "\(result.output)"
    )
  }

  @Test func saysWhyAFileCannotBeRead() throws {
    let program = try Program("bad/text.h5")
    for (file, code) in [("absent.h5", 66), ("text.h5", 65), (".", 66)] as [(String, Int32)] {
      let result = try program.run("inspect", file)
      #expect(result.exitCode == code && result.output == "")
    }
    let json = try program.object(program.run("inspect", "text.h5", "--json"))
    #expect(json["status"] as? String == "failed")
  }
}
