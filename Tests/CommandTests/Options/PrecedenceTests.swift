import Foundation
import HDF5
import TestSupport
import Testing

/// Of several places that say something, an option comes first, then the configuration file, then the layer's attribute, then
/// the default.
@Suite(.timeLimit(.minutes(30))) struct PrecedenceTests {
  @Test(arguments: Setting.all)
  func theFirstPlaceThatSpeaksIsHeeded(_ setting: Setting) throws {
    let program = try Program()
    for isNoted in [false, true] {
      try program.make(isNoted ? "noted.h5" : "plain.h5") { root in
        for name in ["layer", "other", "third"] { try root.createGroup(name).addTensors(Setting.shape) }
        if setting.key == "statistics" {
          for name in ["layer", "other", "third"] {
            try root.group(name).addRunningStatistics([0, 0], [1, 1])
          }
        }
        if isNoted { try setting.attribute?.says(root.group("layer")) }
      }
    }
    try program.write(#"{"\#(setting.key)": \#(setting.configuration.says)}"#, to: "config.json")

    for isNoted in setting.attribute == nil ? [false] : [false, true] {
      for isConfigured in [false, true] {
        for isGiven in [false, true] {
          let result = try program.run(
            ["--in", isNoted ? "noted.h5" : "plain.h5", "--out", "out.h5", "--force", "--json"]
              + (isConfigured ? ["--config", "config.json"] : [])
              + (isGiven ? ["--\(setting.option)", setting.commandLine.says].filter { $0 != "" } : []))
          // To set aside what a model did is worth a warning.
          let isAgainstTheModel =
            isNoted && setting.key == "statistics" && result.error.hasPrefix("warning: ")
          #expect(result.exitCode == 0 && (result.error == "" || isAgainstTheModel), "\(result.error)")
          let root = try File(reading: program.path("out.h5")).root
          let report = try JSONDecoder().decode(Setting.Report.self, from: Data(result.output.utf8))
          let shown = try setting.shown(
            Setting.Results(root: root, layer: root.group("layer"), report: report))
          let expected =
            isGiven
            ? setting.commandLine.shows
            : isConfigured
              ? setting.configuration.shows
              : isNoted ? setting.attribute?.shows ?? "" : setting.byDefault
          let about: Comment = "attribute: \(isNoted), configuration: \(isConfigured), option: \(isGiven)"
          #expect(shown == expected, about)
          let origin =
            isGiven ? "option" : isConfigured ? "configuration" : isNoted ? "attribute" : "default"
          try expectOrigin(origin, of: setting.key, in: report, root, about)
        }
      }
    }
  }

  /// The summary and the output's attribute say who was heeded; on threads, memory, layers and strictness no result depends.
  private func expectOrigin(
    _ origin: String, of key: String, in report: Setting.Report, _ root: Group, _ about: Comment
  ) throws {
    if ["threads", "memory", "layers", "strict"].contains(key) { return }
    let layer = try #require(report.layers.first { $0.path == "/layer" })
    // Nobody is asked for quantiles, so without them there is nothing to say.
    let isSaid = key != "quantiles" || origin != "default"
    #expect(layer.settings[key]?.origin == (isSaid ? origin : nil), about)
    let text = try #require(try root.group("layer").readString(attribute: "settings"))
    let written = try JSONDecoder().decode(
      [String: Setting.Report.Layer.Used].self, from: Data(text.utf8))
    #expect(written.mapValues(\.origin) == layer.settings.mapValues(\.origin), about)
    // What only one layer's attributes say is not another one's.
    let other = try #require(report.layers.last { $0.path != "/layer" })
    #expect(
      other.settings[key]?.origin == (isSaid ? origin == "attribute" ? "default" : origin : nil), about)
  }

  /// What overrides even the command line, and is said to.
  @Test func batchOffsetsComeBeforeAnyBatchSize() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([8, 3])
      try layer.add("batch_offsets", [0, 2, 8], type: .int64)
      try layer.writeAttribute("batch_size", 3)
    }
    try program.write(#"{"batch_size": 4}"#, to: "config.json")
    for options in [[], ["--config", "config.json"], ["--batch-size", "all"]] {
      let result = try program.run(["--in", "in.h5", "--out", "out.h5", "--force"] + options)
      #expect(result.error.hasPrefix("warning: ") == !options.isEmpty)
      let layer = try File(reading: program.path("out.h5")).root.group("layer")
      #expect(
        try layer.readString(attribute: "settings")?.contains(
          #""batch_size":{"origin":"dataset","value":"batch_offsets"}"#) == true)
      #expect(try !layer.attributeExists("batch_size"))
      let counts = try layer.dataset("batches/count")
      #expect(try counts.readIntegers() == [2, 6])
    }
  }

  @Test func everyOptionThatIsAlsoAKeyHasARow() throws {
    let keys = try ConfigurationSchema().keys
    for option in try #require(ProgramHelp().commands.first { $0.name == "run" }).options {
      let key = option.name == "layer" ? "layers" : option.name.replacingOccurrences(of: "-", with: "_")
      guard keys.contains(key) else { continue }
      #expect(Setting.all.contains { $0.key == key && $0.option == option.name }, "\(key)")
    }
    #expect(Set(Setting.all.map(\.key)).isSubset(of: keys))
  }

  /// The layer attributes are those that the documentation of the formats lists.
  @Test func everyAttributeHasARow() throws {
    let text = try String(contentsOf: Repository.url.appending(path: "docs/formats.md"), encoding: .utf8)
    let start = try #require(text.range(of: "### Layer attributes")).upperBound
    let end = try #require(text.range(of: "\n## ", range: start..<text.endIndex)).lowerBound
    let documented = text[start..<end].matches(of: /(?m)^\| `(\w+)`/).map { String($0.1) }
    #expect(documented.count > 3)
    #expect(Set(Setting.all.filter { $0.attribute != nil }.map(\.key)) == Set(documented))
  }
}
