import Foundation
import HDF5
import TestSupport
import Testing

/// Where `explain` finds the class of each sample, and who else sees it.
@Suite(.timeLimit(.minutes(30))) struct LabelsTests {
  private static let samples = 12
  /// Three classes; the labels of a dataset that should not be found say one class only.
  private static let classes = (0..<samples).map { Double($0 % 3) }
  private static let wrong = [Double](repeating: 7, count: samples)

  struct Place: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var activations = "deep/bn/activations"
    /// Paths of datasets: of the right labels, and of others.
    let labels: String
    var others: [String] = []
    var configuration = "{}"
    /// The layer's path.
    var layer = "deep/bn"
  }

  static let places = [
    Place(testDescription: "the layer's own", labels: "deep/bn/labels", others: ["deep/labels", "labels"]),
    Place(testDescription: "their other usual name", labels: "deep/bn/targets", others: ["labels"]),
    Place(testDescription: "in the group around the layer's", labels: "deep/labels", others: ["labels"]),
    Place(testDescription: "in the root, for all layers", labels: "labels"),
    Place(
      testDescription: "under a name that the configuration gives", labels: "deep/bn/kind",
      others: ["deep/bn/labels", "labels"], configuration: #"{"datasets": {"labels": "kind"}}"#),
    Place(
      testDescription: "so called, in the root", labels: "kind", others: ["deep/bn/labels", "labels"],
      configuration: #"{"datasets": {"labels": "kind"}}"#),
    Place(
      testDescription: "by a pattern", activations: "x/deep/bn", labels: "kinds/deep/bn",
      others: ["labels", "deep/bn/labels"],
      configuration: #"{"datasets": {"activations": "x/{layer}", "labels": "kinds/{layer}"}}"#),
    Place(
      testDescription: "one for all patterns", activations: "x/deep/bn", labels: "kind",
      others: ["labels"],
      configuration: #"{"datasets": {"activations": "x/{layer}", "labels": "kind"}}"#),
    Place(
      testDescription: "in a group of their role", activations: "activations/deep/bn",
      labels: "labels/deep/bn", others: ["targets"], configuration: #"{"grouped_by": "role"}"#),
    Place(
      testDescription: "beside groups of roles", activations: "activations/deep/bn", labels: "labels",
      configuration: #"{"grouped_by": "role"}"#),
    Place(
      testDescription: "beside layers without groups", activations: "bn", labels: "labels",
      configuration: #"{"grouped_by": "none"}"#, layer: "bn"),
    Place(
      testDescription: "behind a group that is called so, by another name", labels: "targets",
      others: ["labels/other"]),
    Place(
      testDescription: "behind a group that is called so, further out", labels: "labels",
      others: ["deep/labels/other", "deep/targets/other"]),
    Place(
      testDescription: "not where another role is called so", activations: "bn/labels", labels: "bn/targets",
      configuration: #"{"datasets": {"activations": "labels"}}"#, layer: "bn"),
  ]

  private func make(_ place: Place) throws -> Program {
    let program = try Program()
    try program.make { root in
      func add(_ path: String, _ values: [Double], _ shape: [Int], _ type: NumericType.Kind) throws {
        let names = path.pathComponents
        var group = root
        for name in names.dropLast() {
          group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
        }
        try group.add(names[names.count - 1], values, shape: shape, type: type)
      }
      try add(
        place.activations, Group.numbers([Self.samples, 2], seed: 1), [Self.samples, 2], .float64)
      try add(place.labels, Self.classes, [Self.samples], .int64)
      for other in place.others { try add(other, Self.wrong, [Self.samples], .int64) }
    }
    try program.write(place.configuration, to: "config.json")
    return program
  }

  /// All places hold the same samples and classes, so that the experiment finds the same numbers.
  @Test(arguments: places) func areFound(_ place: Place) throws {
    let command = ["explain", "landscape", "--in", "in.h5", "--steps", "2", "--out", "out.h5"]
    let program = try make(place)
    let result = try program.run(command + ["--config", "config.json"])
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    let expected = try make(Self.places[0])
    #expect(try expected.run(command).exitCode == 0)
    let loss = try program.root("out.h5").dataset("\(place.layer)/with/loss").readDoubles()
    #expect(loss.count == 2)
    #expect(try expected.root("out.h5").dataset("deep/bn/with/loss").readDoubles() == loss)
  }

  /// What classes are called makes no difference: what numbers they have is nobody's, and those that no sample has are no classes.
  @Test(arguments: [[5.0, 6, 7], [0, 3, 40], [1, 100, 999]])
  func mayHaveAnyNumbers(names: [Double]) throws {
    let command = ["explain", "landscape", "--in", "in.h5", "--steps", "2", "--out", "out.h5"]
    func losses(_ labels: [Double]) throws -> [Double] {
      let program = try Program()
      try program.make { root in
        let layer = try root.createGroup("layer")
        try layer.add("activations", Group.numbers([Self.samples, 2], seed: 1), shape: [Self.samples, 2])
        try layer.add("labels", labels, type: .int64)
      }
      #expect(try program.run(command).exitCode == 0)
      return try ["with", "without"].flatMap {
        try program.root("out.h5").dataset("layer/\($0)/loss").readDoubles()
      }
    }
    let expected = try losses(Self.classes)
    #expect(expected.count == 4)
    #expect(try losses(Self.classes.map { names[Int($0)] }) == expected)
  }

  /// A vector may have further axes of length 1, as programs without arrays of one axis write them.
  @Test(arguments: [[samples, 1], [1, samples], [1, samples, 1]]) func mayBeColumns(shape: [Int]) throws {
    let command = ["explain", "landscape", "--in", "in.h5", "--steps", "2", "--out", "out.h5"]
    func losses(_ shape: [Int]) throws -> [Double] {
      let program = try Program()
      try program.make { root in
        let layer = try root.createGroup("layer")
        try layer.add("activations", Group.numbers([Self.samples, 2], seed: 1), shape: [Self.samples, 2])
        try layer.add("labels", Self.classes, shape: shape, type: .int64)
      }
      let result = try program.run(command)
      #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
      return try program.root("out.h5").dataset("layer/with/loss").readDoubles()
    }
    let expected = try losses([Self.samples])
    #expect(expected.count == 2)
    #expect(try losses(shape) == expected)
  }

  /// Where integers of 16 bits are the bits of bfloat16, that is so of tensors; the numbers of classes stay what they are.
  @Test func areIntegersWhateverTensorsHold() throws {
    func losses(_ type: NumericType.Kind, _ configuration: String) throws -> [Double] {
      let program = try Program()
      try program.make { root in
        let layer = try root.createGroup("layer")
        try layer.add("activations", Group.numbers([Self.samples, 2], seed: 1), shape: [Self.samples, 2])
        try layer.add("labels", Self.classes, type: type)
      }
      try program.write(configuration, to: "config.json")
      let result = try program.run([
        "explain", "landscape", "--in", "in.h5", "--steps", "2", "--out", "out.h5", "--config", "config.json",
      ])
      #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
      return try program.root("out.h5").dataset("layer/with/loss").readDoubles()
    }
    let expected = try losses(.int64, "{}")
    #expect(expected.count == 2)
    #expect(try losses(.uint16, #"{"uint16_as_bfloat16": true}"#) == expected)
  }

  /// Of several names that look like something, that which looks like labels is said where there are none.
  @Test func aNameThatLooksLikeThemIsSaid() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 2])
      try layer.add("Gamma", [1, 2])
      try layer.add("class_labels", [0, 1, 0, 1, 0, 1], type: .int64)
      try layer.add("variances", [1, 2])
    }
    let result = try program.run("explain", "landscape", "--in", "in.h5", "--out", "out.h5")
    #expect(result.exitCode == 65)
    #expect(
      result.error.contains(
        #"which this topic trains on; name it in the configuration, as in {"datasets": {"labels": "class_labels"}}"#
      ),
      "\(result.error)")
  }

  @Test(arguments: places) func inspectShowsThem(_ place: Place) throws {
    struct Survey: Decodable {
      struct Layer: Decodable {
        struct Input: Decodable {
          let role, name: String
          let shape: [Int]
          let type: String
        }
        let inputs: [Input]
      }
      let layers: [Layer]
    }
    let result = try make(place).run("inspect", "in.h5", "--json", "--config", "config.json")
    let survey = try JSONDecoder().decode(Survey.self, from: Data(result.output.utf8))
    let labels = try #require(survey.layers.first?.inputs.first { $0.role == "labels" })
    // In the layer's group by its name there, elsewhere by its path.
    let isBeside =
      place.labels.pathComponents.dropLast() == place.activations.pathComponents.dropLast()[...]
      && place.activations.contains("/") && !place.configuration.contains("{layer}")
      && !place.configuration.contains("role")
    #expect(labels.name == (isBeside ? place.labels.pathComponents.last : "/" + place.labels))
    #expect(labels.shape == [Self.samples] && labels.type == "int64")
  }

  /// No result depends on them, so no result says anything of them, and nobody is warned.
  @Test func aRunDoesWithout() throws {
    let program = try Program()
    for (name, hasLabels) in [("with.h5", true), ("without.h5", false)] {
      try program.make(name) { root in
        let layer = try root.createGroup("layer")
        try layer.addTensors([6, 2])
        guard hasLabels else { return }
        try layer.add("labels", [1, 2, 3])
        try layer.add("targets", [0, 1, -1], type: .int64)
        try layer.add("classes", [0, 1], type: .int64)
        try root.add("labels", [0], type: .int64)
      }
    }
    var attributes: [String?] = []
    for name in ["with.h5", "without.h5"] {
      let result = try program.run("--in", name, "--out", "out-\(name)", "--strict")
      #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
      attributes.append(try program.root("out-\(name)").group("layer").readString(attribute: "datasets"))
    }
    #expect(attributes[0] != nil && attributes[0] == attributes[1])
    #expect(
      try program.root("out-with.h5").dataset("layer/grad_input").readDoubles()
        == program.root("out-without.h5").dataset("layer/grad_input").readDoubles())
    // A group of labels alone is no layer, and not nearly one.
    try program.make("alone.h5") { root in
      try root.createGroup("layer").addTensors([6, 2])
      try root.createGroup("more").add("labels", [0], type: .int64)
    }
    #expect(try !program.run("inspect", "alone.h5").output.contains("/more"))
  }

  /// A pattern by which no labels lie is nothing to warn a run of; who trains on them is told that there are none.
  @Test func aRunDoesWithoutTheirPattern() throws {
    let program = try Program()
    try program.make { root in
      try root.createGroup("x").add("bn", Group.numbers([6, 2], seed: 1), shape: [6, 2])
    }
    try program.write(
      #"{"datasets": {"activations": "x/{layer}", "labels": "kinds/{layer}"}}"#, to: "config.json")
    let command = ["--in", "in.h5", "--config", "config.json"]
    let result = try program.run(command + ["--dry-run", "--strict"])
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    let explained = try program.run(["explain", "landscape"] + command)
    #expect(explained.exitCode == 65, "\(explained.error)")
    #expect(explained.error.hasPrefix("bn-stream: in.h5: /bn has no dataset "), "\(explained.error)")
  }
}
