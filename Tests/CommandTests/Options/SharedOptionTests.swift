import HDF5
import TestSupport
import Testing

/// The options for what to compute do something in the other commands, too, and override the configuration there.
@Suite(.timeLimit(.minutes(30))) struct SharedOptionTests {
  /// An option's value against another one in the file.
  struct Pair: Sendable {
    let key: String
    let option: String
    let given: String
    /// JSON.
    let configured: String
    /// The value, if either is what is taken anyhow.
    var isDefault: (given: Bool, configured: Bool) = (false, false)
  }

  static let pairs = [
    Pair(key: "batch_size", option: "batch-size", given: "3", configured: "4"),
    Pair(
      key: "statistics", option: "statistics", given: "running", configured: #""batch""#,
      isDefault: (false, true)),
    Pair(
      key: "statistics", option: "statistics", given: "batch", configured: #""running""#,
      isDefault: (true, false)),
    Pair(
      key: "parameters", option: "parameters", given: "identity", configured: #""file""#,
      isDefault: (false, true)),
    Pair(
      key: "parameters", option: "parameters", given: "file", configured: #""identity""#,
      isDefault: (true, false)),
    Pair(key: "epsilon", option: "epsilon", given: "0.25", configured: "0.5"),
    Pair(key: "momentum", option: "momentum", given: "0.25", configured: "null"),
    Pair(
      key: "running_variance", option: "running-variance", given: "biased", configured: #""unbiased""#,
      isDefault: (false, true)),
    Pair(key: "feature_axis", option: "feature-axis", given: "-1", configured: "2"),
    Pair(key: "layers", option: "layer", given: "layer", configured: #"["other"]"#),
    Pair(key: "strict", option: "strict", given: "", configured: "false", isDefault: (false, true)),
    Pair(key: "threads", option: "threads", given: "3", configured: "5"),
    // Limits that are too small, and named by the error.
    Pair(key: "memory", option: "memory", given: "1MiB", configured: #""2MiB""#),
  ]

  /// Where an option is taken, but nothing can come of it.
  static let withoutEffect = [
    "trace momentum": "the graph has no running statistics",
    "trace running-variance": "the graph has no running statistics",
    "trace threads": "results do not depend on it, and no report names it",
    "check momentum": "the graph has no running statistics to compare with",
    "check running-variance": "the graph has no running statistics to compare with",
    "check threads": "results do not depend on it, and no report names it",
    "verify threads": "results do not depend on it, and no report names it",
    "explain statistics": "what is shown is about a batch's own statistics",
    "explain momentum": "no experiment has running statistics",
    "explain running-variance": "no experiment has running statistics",
    "explain threads": "results do not depend on it, and no report names it",
  ]

  static let commands = [
    "trace": ["trace", "--in", "in.h5", "--out", "out.h5"],
    "inspect": ["inspect", "in.h5", "--json"],
    "check": ["check", "--in", "in.h5", "--samples", "4", "--json"],
    "verify": ["verify", "--in", "in.h5", "--against", "other.h5", "--json"],
    "explain": ["explain", "saturation", "--in", "in.h5", "--json"],
  ]

  @Test(arguments: ["inspect", "trace", "check", "verify", "explain"])
  func overrideTheConfiguration(command: String) throws {
    let program = try Program()
    func make(hasStatistics: Bool) throws {
      try program.make { root in
        for name in ["layer", "other"] {
          let layer = try root.createGroup(name)
          try layer.addTensors([8, 2, 3, 1])
          if hasStatistics { try layer.addRunningStatistics([0.5, 1], [2, 3]) }
        }
        // Worth a warning, which `strict` makes an error.
        try root.group("layer").writeAttribute("eps", 0.5)
      }
      #expect(try program.run("--in", "in.h5", "--out", "other.h5", "--force").exitCode == 0)
    }
    let arguments = try #require(Self.commands[command])

    // Given statistics have as many features as the axis that they are for.
    for hasStatistics in [false, true] {
      try make(hasStatistics: hasStatistics)
      let byDefault = try program.outcome(arguments)
      #expect(byDefault.exitCode == 0, "\(byDefault)")
      for pair in Self.pairs where (pair.key == "statistics") == hasStatistics {
        try expectPrecedence(of: pair, in: command, program, byDefault: byDefault)
      }
    }
  }

  private func expectPrecedence(
    of pair: Pair, in command: String, _ program: Program, byDefault: Outcome
  ) throws {
    let arguments = try #require(Self.commands[command])
    try program.write(#"{"\#(pair.key)": \#(pair.configured)}"#, to: "config.json")
    let option = ["--\(pair.option)"] + (pair.given.isEmpty ? [] : [pair.given])
    let configured = try program.outcome(arguments + ["--config", "config.json"])
    let given = try program.outcome(arguments + option)
    let both = try program.outcome(arguments + ["--config", "config.json"] + option)
    let about: Comment = "\(command), \(pair.key): --\(pair.option) \(pair.given) over \(pair.configured)"
    #expect(both == given, about)
    if Self.withoutEffect["\(command) \(pair.option)"] != nil {
      #expect(given == byDefault && configured == byDefault, "\(about) has an effect after all")
    } else {
      #expect(given != configured, about)
      // Who said a setting is shown even if it is what holds anyhow.
      let isShown =
        command == "inspect" && ["statistics", "parameters", "running_variance"].contains(pair.key)
      #expect((given == byDefault) == (pair.isDefault.given && !isShown), about)
      #expect((configured == byDefault) == (pair.isDefault.configured && !isShown), about)
    }
  }

  /// The configuration file overrides what the layer says of itself.
  @Test(arguments: ["inspect", "trace", "check", "verify", "explain"])
  func overrideTheAttributes(command: String) throws {
    let program = try Program()
    let arguments = try #require(Self.commands[command])
    for setting in Setting.all where Self.withoutEffect["\(command) \(setting.option)"] == nil {
      // One that says what holds anyhow changes nothing.
      guard let attribute = setting.attribute, attribute.shows != setting.byDefault else { continue }
      func make(_ isNoted: Bool) throws {
        try program.make { root in
          let layer = try root.createGroup("layer")
          try layer.addTensors(Setting.shape)
          if setting.key == "statistics" { try layer.addRunningStatistics([0, 0], [1, 1]) }
          if isNoted { try attribute.says(layer) }
        }
      }
      try make(false)
      #expect(try program.run("--in", "in.h5", "--out", "other.h5", "--force").exitCode == 0)
      try program.write(#"{"\#(setting.key)": \#(setting.configuration.says)}"#, to: "config.json")
      func outcomes() throws -> (plain: Outcome, configured: Outcome) {
        let plain = try program.outcome(arguments)
        return (plain, try program.outcome(arguments + ["--config", "config.json"]))
      }
      let unnoted = try outcomes()
      try make(true)
      let noted = try outcomes()
      #expect(noted.plain.withoutInput != unnoted.plain.withoutInput, "\(setting.key)")
      #expect(noted.configured.withoutInput == unnoted.configured.withoutInput, "\(setting.key)")
    }
  }
}

extension Outcome {
  /// Without what tells an input apart by its size.
  fileprivate var withoutInput: Outcome {
    var copy = self
    copy.file = file.filter { $0.key != "/ @input_size" }
    return copy
  }
}
