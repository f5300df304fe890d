import Foundation
import HDF5
import TestSupport
import Testing

/// `inspect` of files that `run` refuses, each for one reason alone or for two.
@Suite(.timeLimit(.minutes(30))) struct InspectRefusalTests {
  /// What is wrong with a file, or with what is asked for.
  struct Reason: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var options: [String] = []
    let build: @Sendable (Group) throws -> Void
  }

  static let reasons = [
    Reason(testDescription: "a layer where another one has its results") { root in
      try root.createGroup("a").addTensors([6, 3])
      try root.group("a").createGroup("grad_input").addTensors([6, 3])
    },
    Reason(testDescription: "a dataset of another shape") { root in
      let layer = try root.createGroup("a")
      try layer.addTensors([6, 3])
      try layer.add("gamma", [1, 2])
    },
    Reason(testDescription: "a setting that is none") { root in
      try root.createGroup("a").addTensors([6, 3])
      try root.group("a").writeAttribute("momentum", 7.0)
    },
    Reason(testDescription: "too little memory", options: ["--memory", "17MiB", "--threads", "1"]) { root in
      // Large positions of one feature, which cannot be divided.
      try root.createGroup("a").addTensors([2, 1, 1_000_000], gradient: false, type: .float32)
    },
    Reason(testDescription: "a name that strict takes for a mistake", options: ["--strict"]) { root in
      try root.createGroup("a").addTensors([6, 3])
      try root.group("a").add("running_variance", [1, 2, 3])
    },
    Reason(testDescription: "a setting that strict takes for a mistake", options: ["--strict"]) { root in
      try root.createGroup("a").addTensors([6, 3])
      try root.group("a").writeAttribute("eps", 0.5)
    },
    // Of several the first that a run meets, which reads all layers before it divides the memory, and is strict when that is done.
    Reason(
      testDescription: "too little memory before a dataset of another shape",
      options: ["--memory", "17MiB", "--threads", "1"]
    ) { root in
      try root.createGroup("a").addTensors([2, 1, 1_000_000], gradient: false, type: .float32)
      let layer = try root.createGroup("b")
      try layer.addTensors([6, 3])
      try layer.add("gamma", [1, 2])
    },
    // What is selected and not there comes before what is wrong with a layer.
    Reason(
      testDescription: "a name that no layer has, and a dataset of another shape",
      options: ["--layer", "a", "--layer", "nowhere"]
    ) { root in
      let layer = try root.createGroup("a")
      try layer.addTensors([6, 3])
      try layer.add("gamma", [1, 2])
    },
    Reason(
      testDescription: "too little memory, and a name that strict takes for a mistake",
      options: ["--memory", "17MiB", "--threads", "1", "--strict"]
    ) { root in
      try root.createGroup("a").addTensors([2, 1, 1_000_000], gradient: false, type: .float32)
      let layer = try root.createGroup("b")
      try layer.addTensors([6, 3])
      try layer.add("running_variance", [1, 2, 3])
    },
  ]

  @Test(arguments: reasons) func saysWhatRunSays(reason: Reason) throws {
    let program = try Program()
    try program.make { root in
      try reason.build(root)
      try root.createGroup("well").addTensors([6, 3])
    }
    let run = try program.run(["--in", "in.h5", "--dry-run"] + reason.options)
    try #require(run.exitCode == 65 || run.exitCode == 75 || run.exitCode == 78 || run.exitCode == 64)
    let report = try program.object(program.run(["inspect", "in.h5", "--json"] + reason.options))
    let refusal = try #require(report["refusal"] as? [String: Any])
    #expect((refusal["message"] as? String).map { "bn-stream: \($0)\n" } == run.error)
    #expect(refusal["code"] as? Int == Int(run.exitCode))
    let text = try program.run(["inspect", "in.h5"] + reason.options)
    #expect(text.exitCode == 0)
    // The same in lines that fit the terminal; a mistake of no layer is counted with none.
    let said = "run would exit with \(run.exitCode) and say: \(run.error.dropFirst("bn-stream: ".count))"
    #expect(inOneLine(text.output).hasSuffix(inOneLine(said)), "\(text.output)")
    #expect(!text.output.contains("would refuse 0"), "\(text.output)")
  }

  private func inOneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// A layer whose gamma has another shape, or several of them, or all.
  @Test(arguments: [(2, 1), (3, 2), (3, 3), (1, 1)]) func theTextCountsRefusedLayers(
    layers: Int, refused: Int
  ) throws {
    let program = try Program()
    try program.make { root in
      for number in 0..<layers {
        let layer = try root.createGroup("bn\(number)")
        try layer.addTensors([6, 3])
        if number >= layers - refused { try layer.add("gamma", [1, 2]) }
      }
    }
    let result = try program.run("inspect", "in.h5")
    #expect(result.exitCode == 0 && result.error == "")
    let words = layers == 1 ? "1 layer" : "\(layers) layers"
    let first = layers - refused
    #expect(
      inOneLine(result.output).contains(
        " in.h5: \(words), of which run would refuse \(refused) run would exit with 65 and say: in.h5: /bn\(first)/gamma "
      ), "\(result.output)")
  }

  /// The text has every group of the JSON, layers and what nearly is one, with its datasets, what it lacks and what nobody reads.
  @Test func theTextHasEveryGroup() throws {
    let program = try Program()
    try program.make { root in
      try root.createGroup("well").addTensors([6, 3])
      try root.group("well").add("running_variance", [1, 2, 3])
      try root.createGroup("refused").addTensors([6, 3])
      try root.group("refused").add("gamma", [1, 2])
      let keras = try root.createGroup("keras")
      for name in ["gamma", "beta", "moving_mean", "moving_var"] { try keras.add(name, [1, 2, 3]) }
      let flax = try root.createGroup("flax")
      for name in ["grad_output", "scale", "mean"] { try flax.add(name, [1, 2, 3]) }
    }
    let report = try program.object(program.run("inspect", "in.h5", "--json"))
    let text = try program.run("inspect", "in.h5").output
    // Each group's part, in one line.
    var parts: [String: String] = [:]
    for part in text.components(separatedBy: "\n\n") {
      let words = part.split(whereSeparator: \.isWhitespace)
      parts[words.first.map(String.init) ?? ""] = words.joined(separator: " ")
    }
    let groups = ["layers", "near_layers"].flatMap { report[$0] as? [[String: Any]] ?? [] }
    #expect(groups.count == 4)
    for group in groups {
      let path = try #require(group["path"] as? String)
      let part = try #require(parts[path], "\(path) in \(text)")
      for input in try #require(group["inputs"] as? [[String: Any]]) {
        let (role, name) = (input["role"] as? String ?? "?", input["name"] as? String ?? "?")
        #expect(part.contains(" \(role) \(name) "), "\(path): \(part)")
      }
      for unused in group["unused_names"] as? [[String: String]] ?? [] {
        #expect(
          part.contains("`\(unused["name"] ?? "?")`, which looks like \(unused["looks_like"] ?? "?")"),
          "\(path): \(part)")
      }
      for role in group["missing"] as? [String] ?? [] {
        #expect(part.contains("it lacks `\(role)`"), "\(path): \(part)")
      }
      if let refusal = group["refusal"] as? [String: Any] {
        #expect(part.contains(refusal["message"] as? String ?? "?"), "\(path): \(part)")
      }
    }
  }

  /// Settings are those that a layer has without what is wrong with it, and who said them.
  @Test(arguments: [false, true]) func refusedLayersHaveTheirSettings(hasOffsets: Bool) throws {
    let program = try Program()
    for isRefused in [false, true] {
      try program.make(isRefused ? "refused.h5" : "well.h5") { root in
        let layer = try root.createGroup("layer")
        try layer.addTensors([6, 3])
        if hasOffsets { try layer.add("batch_offsets", [0, 2, 6], type: .int64) }
        try layer.writeAttribute("epsilon", 0.5)
        try layer.writeAttribute("batch_size", 2)
        try layer.writeAttribute("feature_axis", -1)
        try layer.add("gamma", isRefused ? [1, 2] : [1, 2, 3])
      }
    }
    func settings(_ file: String) throws -> NSDictionary {
      let report = try program.object(program.run("inspect", file, "--json", "--momentum", "0.25"))
      let layers = try #require(report["layers"] as? [[String: Any]])
      #expect((layers.first?["refusal"] == nil) == (file == "well.h5"))
      return try #require(layers.first?["settings"] as? NSDictionary)
    }
    let well = try settings("well.h5")
    let refused = try settings("refused.h5")
    for key in ["batch_size", "epsilon", "momentum", "statistics", "running_variance"] {
      #expect((refused[key] as? NSObject) == (well[key] as? NSObject), "\(key)")
      #expect(well[key] != nil, "\(key)")
    }
    // As it was said: the axes of a layer that is refused are not counted.
    let axis = try #require(refused["feature_axis"] as? [String: Any])
    #expect(axis["value"] as? Int == -1 && axis["origin"] as? String == "attribute")
    let batches = try #require(well["batch_size"] as? [String: Any])
    #expect(batches["origin"] as? String == (hasOffsets ? "dataset" : "attribute"))
  }

  /// What a refused layer's attributes say is shown as that, and not the default, of each setting that a layer can have.
  @Test func refusedLayersHaveTheirAttributes() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 3])
      try layer.addRunningStatistics([0, 0, 0], [1, 1, 1])
      try layer.add("gamma", [1, 2])
      try layer.writeAttribute("statistics", "running")
      try layer.writeAttribute("momentum", 0.25)
      try layer.writeAttribute("running_variance", "biased")
      try layer.writeAttribute("batch_size", 2)
    }
    let report = try program.object(program.run("inspect", "in.h5", "--json"))
    let layer = try #require((report["layers"] as? [[String: Any]])?.first)
    #expect(layer["refusal"] != nil)
    let settings = try #require(layer["settings"] as? [String: [String: Any]])
    #expect(settings["statistics"]?["value"] as? String == "running")
    #expect(settings["momentum"]?["value"] as? Double == 0.25)
    #expect(settings["running_variance"]?["value"] as? String == "biased")
    #expect(settings["batch_size"]?["value"] as? Int == 2)
    for key in ["statistics", "momentum", "running_variance", "batch_size"] {
      #expect(settings[key]?["origin"] as? String == "attribute", "\(key)")
    }
  }
}
