import Foundation
import HDF5
import TestSupport
import Testing

/// An output says of each layer with what it was computed: nothing else but the input is needed to compute it again.
@Suite(.timeLimit(.minutes(30))) struct ReproductionTests {
  /// Layers with settings of their own, some said by options and by the configuration, some by attributes, some by nobody.
  @Test(.timeLimit(.minutes(30)), arguments: [[], ["--statistics", "running", "--parameters", "identity"]])
  func fromAttributes(options: [String]) throws {
    let program = try Program()
    var first = InputLayer(at: "first", [70, 6, 3], seed: 201)
    first.attributes = ["epsilon": 0.25, "batch_size": 32]
    var second = InputLayer(
      at: "deep/second", [40, 5, 4], featureAxis: -1, type: .native(.float64), seed: 202)
    second.attributes["momentum"] = 0.75
    second.batchOffsets = [0, 9, 30, 40]
    try [first, second].write(to: program.path("input.h5"))
    // A name that only the configuration knows.
    try program.changeInput { root in
      let gamma = try root.dataset("first/gamma").readDoubles()
      let scale = try root.group("first").createDataset(
        "stretch", type: .float64, shape: [gamma.count], storage: .contiguous)
      try scale.writeDoubles(gamma.map { $0 + 1 })
    }
    try program.write(
      #"{"datasets": {"gamma": "stretch", "beta": "bias"}, "outputs": \#(Settings.everyOutput), "gradient": "detached", "#
        + #""output_type": "float64", "momentum": null, "partial_batch": "drop"}"#, to: "configuration.json")
    let done = try program.run(
      ["--in", "input.h5", "--out", "output.h5", "--config", "configuration.json", "--batch-size", "20"]
        + options)
    #expect(done.exitCode == 0, "\(done.error)")
    // What the layers said of themselves is gone.
    try program.changeInput { root in
      for path in ["first", "deep/second"] {
        for name in ["epsilon", "batch_size", "momentum", "feature_axis"] {
          try root.group(path).writeAttribute(name, "gone")
        }
      }
    }

    let output = try File(reading: program.path("output.h5")).root
    for path in ["first", "deep/second"] {
      let configuration = try configuration(from: output.group(path))
      try program.write(configuration, to: "again.json")
      let input = try #require(try output.readString(attribute: "input_path"))
      let result = try program.run(
        "--in", input, "--out", "again.h5", "--force", "--config", "again.json", "--layer", path)
      #expect(result.exitCode == 0, "\(result.error)\(configuration)")
      let again = try File(reading: program.path("again.h5")).root.group(path)
      let expected = try contents(output.group(path))
      #expect(expected.count > 10)
      #expect(try contents(again) == expected, "\(path)")
    }
  }

  /// The configuration that a layer's attributes come to.
  private func configuration(from layer: Group) throws -> String {
    func object(_ name: String) throws -> [String: Any] {
      let text = try #require(try layer.readString(attribute: name))
      return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }
    var configuration: [String: Any] = [:]
    for (key, setting) in try object("settings") {
      let setting = try #require(setting as? [String: Any])
      if setting["origin"] as? String != "dataset" { configuration[key] = setting["value"] }
    }
    var names = try object("datasets")
    let roles = [
      "activations", "grad_output", "gamma", "beta", "running_mean", "running_var", "batch_offsets", "mask",
    ]
    for role in roles where names[role] == nil { names[role] = "none" }
    configuration["datasets"] = names
    return String(decoding: try JSONSerialization.data(withJSONObject: configuration), as: UTF8.self)
  }

  /// Every dataset in a group, bit by bit.
  private func contents(_ group: Group) throws -> [String: [UInt64]] {
    var contents: [String: [UInt64]] = [:]
    for link in try group.links() {
      switch link.kind {
      case .dataset:
        contents[link.name] = try group.dataset(link.name).readDoubles().map(\.bitPattern)
      case .group:
        for (name, values) in try self.contents(group.group(link.name)) {
          contents["\(link.name)/\(name)"] = values
        }
      default: break
      }
    }
    return contents
  }
}

extension Program {
  fileprivate func changeInput(_ change: (Group) throws -> Void) throws {
    let file = try File(updating: path("input.h5"))
    try change(file.root)
    try file.close()
  }
}
