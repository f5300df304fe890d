import Foundation
import HDF5
import TestSupport
import Testing

/// Files that are not grouped by layers give what the same layers give as groups.
@Suite(.timeLimit(.minutes(30))) struct GroupingTests {
  /// Two layers; the second lies deeper, and has no parameters.
  private static let layers: [(name: String, vectors: [String: [Double]])] = [
    ("bn1", ["weight": [2, 3], "running_mean": [1, 2], "running_var": [4, 5]]), ("deep/bn2", [:]),
  ]

  private static func add(_ path: String, _ values: [Double], shape: [Int], to root: Group) throws {
    let names = path.pathComponents
    try root.descendant(names.dropLast().joined(separator: "/")).add(names.last!, values, shape: shape)
  }

  /// - Parameter path: of a dataset, by layer and role.
  private func make(_ program: Program, _ name: String, _ path: (String, String) -> String) throws {
    try program.make(name) { root in
      for (seed, layer) in Self.layers.enumerated() {
        try Self.add(
          path(layer.name, "activations"), Group.numbers([7, 2], seed: seed + 1), shape: [7, 2], to: root)
        try Self.add(
          path(layer.name, "grad_output"), Group.numbers([7, 2], seed: seed + 5), shape: [7, 2], to: root)
        for (role, values) in layer.vectors {
          try Self.add(path(layer.name, role), values, shape: [2], to: root)
        }
      }
    }
  }

  private func expectEqual(_ program: Program, _ first: String, _ second: String, _ results: [String]) throws
  {
    let roots = (try File(reading: program.path(first)).root, try File(reading: program.path(second)).root)
    for layer in Self.layers {
      for result in results {
        let path = "\(layer.name)/\(result)"
        #expect(try roots.0.dataset(path).readDoubles() == roots.1.dataset(path).readDoubles(), "\(path)")
      }
    }
  }

  @Test func byRole() throws {
    let program = try Program()
    try make(program, "layers.h5") { layer, role in "\(layer)/\(role)" }
    try make(program, "roles.h5") { layer, role in "\(role)/\(layer)" }
    try program.write(#"{"grouped_by": "role"}"#, to: "role.json")
    #expect(try program.run("--in", "layers.h5", "--out", "a.h5").exitCode == 0)
    let result = try program.run("--in", "roles.h5", "--out", "b.h5", "--config", "role.json", "--json")
    #expect(result.exitCode == 0 && result.error == "")
    try expectEqual(
      program, "a.h5", "b.h5", ["output", "grad_input", "grad_gamma", "running_var", "batches/mean"])
    let one = try program.run(
      "--in", "roles.h5", "--out", "c.h5", "--config", "role.json", "--layer", "/deep/bn2")
    #expect(one.exitCode == 0)
    #expect(try File(reading: program.path("c.h5")).root.links().map(\.name) == ["deep"])
    let verified = try program.run(
      "verify", "--in", "roles.h5", "--against", "a.h5", "--config", "role.json")
    #expect(verified.exitCode == 0)
  }

  @Test func namesOfRolesAreConfigured() throws {
    let program = try Program()
    try make(program, "layers.h5") { layer, role in "\(layer)/\(role)" }
    try make(program, "roles.h5") { layer, role in
      "\(["activations": "inputs", "grad_output": "grads"][role] ?? role)/\(layer)"
    }
    try program.write(
      #"{"grouped_by": "role", "datasets": {"activations": "inputs", "grad_output": "grads"}}"#,
      to: "role.json")
    #expect(try program.run("--in", "layers.h5", "--out", "a.h5").exitCode == 0)
    #expect(try program.run("--in", "roles.h5", "--out", "b.h5", "--config", "role.json").exitCode == 0)
    try expectEqual(program, "a.h5", "b.h5", ["output", "grad_input", "running_mean"])
  }

  /// Each role somewhere else: groups of roles with other names, a group of parameters for each layer, one mask for all, and the names that
  /// tools give arrays in a flat file.
  @Test(arguments: [
    ["activations": "/acts/{layer}", "grad_output": "back/grads/{layer}", "weight": "params/{layer}/w"],
    ["activations": "{layer}_x", "grad_output": "{layer}_dy", "weight": "{layer}.w.stored"],
  ])
  func byPatterns(_ patterns: [String: String]) throws {
    let program = try Program()
    let usual = ["running_mean": "{layer}/running_mean", "running_var": "stats/{layer}/var"]
    let all = patterns.merging(usual) { own, _ in own }
    func add(_ path: @escaping (String, String) -> String, to name: String) throws {
      try make(program, name, path)
    }
    try add({ layer, role in "\(layer)/\(role)" }, to: "layers.h5")
    try add({ layer, role in (all[role] ?? "").replacing("{layer}", with: layer) }, to: "spread.h5")
    let names = all.map { role, path in "\"\(role == "weight" ? "gamma" : role)\": \"\(path)\"" }.sorted()
    try program.write(#"{"datasets": {\#(names.joined(separator: ", "))}}"#, to: "patterns.json")
    #expect(try program.run("--in", "layers.h5", "--out", "a.h5").exitCode == 0)
    let result = try program.run("--in", "spread.h5", "--out", "b.h5", "--config", "patterns.json")
    #expect(result.exitCode == 0 && result.error == "")
    try expectEqual(
      program, "a.h5", "b.h5", ["output", "grad_input", "grad_gamma", "running_var", "batches/mean"])
    // What the output says of its datasets is a configuration that gives it again.
    let layer = try File(reading: program.path("b.h5")).root.group("bn1")
    let said = try #require(try layer.readString(attribute: "datasets"))
    try program.write(#"{"datasets": \#(said)}"#, to: "again.json")
    let again = try program.run(
      "--in", "spread.h5", "--out", "c.h5", "--config", "again.json", "--layer", "/bn1", "--strict")
    #expect(again.exitCode == 0)
    #expect(
      try File(reading: program.path("c.h5")).root.dataset("bn1/grad_input").readDoubles()
        == layer.dataset("grad_input").readDoubles())
  }

  /// A pattern by which one of several layers has a dataset is used, whichever that is.
  @Test(arguments: ["layer0", "layer1", "layer2"]) func aPatternOfOneLayer(name: String) throws {
    let program = try Program()
    try program.make { root in
      for layer in ["layer0", "layer1", "layer2"] { try root.createGroup(layer).addTensors([6, 3]) }
      try root.createGroup("masks").add(name, [1, 1, 0, 1, 1, 1])
    }
    try program.write(
      #"{"datasets": {"activations": "{layer}/activations", "mask": "/masks/{layer}"}}"#, to: "patterns.json")
    let result = try program.run("--in", "in.h5", "--dry-run", "--config", "patterns.json", "--strict")
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
  }

  /// Where layers have no groups, their settings are attributes of their activations: of two layers each has its own.
  @Test(arguments: [
    (#"{"grouped_by": "role"}"#, "activations/{layer}"),
    (#"{"datasets": {"activations": "acts/{layer}"}}"#, "acts/{layer}"),
    (#"{"datasets": {"activations": "{layer}_x"}}"#, "{layer}_x"),
  ])
  func settingsAreAttributesOfActivations(json: String, pattern: String) throws {
    let program = try Program()
    let epsilons = ["bn1": 0.5, "deep/bn2": 2]
    func set(_ attributes: any AttributeHolder, _ layer: String) throws {
      try attributes.writeAttribute("epsilon", try #require(epsilons[layer]))
      try attributes.writeAttribute("batch_size", 4)
      try attributes.writeAttribute("momentum", 0.25)
      try attributes.writeAttribute("depth", layer == "bn1" ? 3 : 7)
    }
    for (file, path) in [("layers.h5", "{layer}/activations"), ("spread.h5", pattern)] {
      try program.make(file) { root in
        for (seed, layer) in Self.layers.enumerated() {
          var names = path.replacing("{layer}", with: layer.name).pathComponents
          let name = names.removeLast()
          let group: Group = try root.descendant(names.joined(separator: "/"))
          let dataset = try group.add(
            name, Group.numbers([7, 2], seed: seed + 1), shape: [7, 2])
          if file == "layers.h5" { try set(group, layer.name) } else { try set(dataset, layer.name) }
        }
      }
    }
    try program.write(json, to: "config.json")
    #expect(try program.run("--in", "layers.h5", "--out", "a.h5").exitCode == 0)
    let result = try program.run("--in", "spread.h5", "--out", "b.h5", "--config", "config.json")
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    try expectEqual(program, "a.h5", "b.h5", ["output", "running_mean", "running_var", "batches/count"])
    let root = try File(reading: program.path("b.h5")).root
    for (name, epsilon) in epsilons {
      let layer = try root.group(name)
      #expect(try layer.readDouble(attribute: "epsilon") == epsilon)
      #expect(try layer.readInteger(attribute: "depth") == (name == "bn1" ? 3 : 7))
      #expect(try layer.dataset("batches/count").readIntegers() == [4, 3])
    }
  }

  /// Activations may be a soft link to a dataset that lies elsewhere in the file.
  @Test(arguments: [
    (#"{"grouped_by": "role"}"#, "activations"), (#"{"datasets": {"activations": "acts/{layer}"}}"#, "acts"),
  ])
  func activationsMayBeLinked(json: String, folder: String) throws {
    let program = try Program()
    let numbers = ["bn1": Group.numbers([7, 2], seed: 1), "deep/bn2": Group.numbers([7, 2], seed: 2)]
    try program.make("layers.h5") { root in
      for (name, values) in numbers { try Self.add("\(name)/activations", values, shape: [7, 2], to: root) }
    }
    try program.make("linked.h5") { root in
      try Self.add("stored/x", try #require(numbers["bn1"]), shape: [7, 2], to: root)
      try Self.add("\(folder)/deep/bn2", try #require(numbers["deep/bn2"]), shape: [7, 2], to: root)
      try root.group(folder).addSoftLink("bn1", to: "/stored/x")
    }
    try program.write(json, to: "config.json")
    #expect(try program.run("--in", "layers.h5", "--out", "a.h5").exitCode == 0)
    let result = try program.run("--in", "linked.h5", "--out", "b.h5", "--config", "config.json")
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    #expect(try File(reading: program.path("b.h5")).root.links().map(\.name) == ["bn1", "deep"])
    try expectEqual(program, "a.h5", "b.h5", ["output", "population_var"])
  }

  /// A dataset for each layer at the root, with its settings as attributes, beside what is no layer.
  @Test func byNothing() throws {
    let program = try Program()
    try program.make("flat.h5") { root in
      try root.add("bn1", Group.numbers([7, 2], seed: 1), shape: [7, 2]).writeAttribute("epsilon", 0.5)
      try root.add("bn2", Group.numbers([4, 2, 3], seed: 2), shape: [4, 2, 3])
      try root.add("steps", [1, 2, 3])
      try root.createGroup("more").add("x", Group.numbers([3, 2], seed: 3), shape: [3, 2])
      // A table of text is none; what is linked there is one.
      try root.addTexts("names", shape: [7, 2])
      root.addSoftLink("bn3", to: "/more/x")
      // What lies in another file is passed over.
      root.addExternalLink("part", to: "/x", in: "part.h5")
    }
    try program.make("layers.h5") { root in
      let first = try root.createGroup("bn1")
      try first.add("activations", Group.numbers([7, 2], seed: 1), shape: [7, 2])
      try first.writeAttribute("epsilon", 0.5)
      try root.createGroup("bn2").add("activations", Group.numbers([4, 2, 3], seed: 2), shape: [4, 2, 3])
      try root.createGroup("bn3").add("activations", Group.numbers([3, 2], seed: 3), shape: [3, 2])
    }
    try program.write(#"{"grouped_by": "none"}"#, to: "none.json")
    #expect(try program.run("--in", "layers.h5", "--out", "a.h5").exitCode == 0)
    let result = try program.run("--in", "flat.h5", "--out", "b.h5", "--config", "none.json")
    #expect(result.exitCode == 0)
    #expect(
      result.error
        == "warning: passed over a link into other files, which are not opened: /part (part.h5:/x)\n")
    let roots = (
      try File(reading: program.path("a.h5")).root, try File(reading: program.path("b.h5")).root
    )
    #expect(try roots.1.links().map(\.name) == ["bn1", "bn2", "bn3"])
    for path in ["bn1/output", "bn2/output", "bn2/batches/var", "bn3/output"] {
      #expect(try roots.0.dataset(path).readDoubles() == roots.1.dataset(path).readDoubles())
    }
  }
}
