import Foundation
import HDF5
import TestSupport

/// A row of the table of warnings: how to provoke one, and its line.
struct Warning: Sendable {
  let name: String
  /// Another case that it reaches.
  var also: String?
  let input: Refusal.Input
  /// The text of config.json.
  var configuration = "{}"
  let options: [String]
  let line: String

  static let all: [Warning] = own + skipped + given

  /// The program beside an input that gives reason for the warning, and config.json.
  /// - Throws: if the input is none that is made as in.h5.
  func program() throws -> Program {
    guard case .made(let make) = input else { throw OtherInput(warning: name) }
    let program = try Program()
    try make(program)
    try program.write(configuration, to: "config.json")
    return program
  }

  private struct OtherInput: Error { let warning: String }

  private static let own: [Warning] = [
    Warning(
      name: "StreamWarning.batchOffsetsOverride", input: layers(2) { try $0.addOffsets() },
      options: ["--batch-size", "all"],
      line:
        "/layer0, /layer1 have `batch_offsets`, which override the batch size all; to set them aside, give "
        + #"--ignore-batch-offsets, or {"datasets": {"batch_offsets": "none"}} in --config"#),
    Warning(
      name: "StreamWarning.batchOffsetsOverride", input: layers(1) { try $0.addOffsets() },
      options: ["--batch-size", "3"],
      line:
        "/layer0 has `batch_offsets`, which override the batch size 3; to set them aside, give "
        + #"--ignore-batch-offsets, or {"datasets": {"batch_offsets": "none"}} in --config"#),
    Warning(
      name: "StreamWarning.recordedInEvaluation",
      input: layers(5) { try $0.writeAttribute("statistics", "running") },
      options: ["--statistics", "batch"],
      line:
        "/layer0, /layer1, /layer2 and 2 more layers have running statistics noted (attribute `statistics`), from "
        + "evaluation mode; normalize as the model did with --statistics running"),
    Warning(
      name: "StreamWarning.similarName",
      input: layers(1, gradient: false) { try $0.add("grad_outputs", [0]) }, options: [],
      line: "/layer0 has no `grad_output`, but `grad_outputs`; if that is it, say so in the configuration: "
        + #"{"datasets": {"grad_output": "grad_outputs"}}"#),
    Warning(
      name: "StreamWarning.similarName", input: layers(300) { try $0.add("running_variance", [1, 2, 3]) },
      options: [],
      line:
        "/layer0, /layer1, /layer10 and 297 more layers have no `running_var`, but `running_variance`; if that is it, say so "
        + #"in the configuration: {"datasets": {"running_var": "running_variance"}}"#),
    Warning(
      name: "StreamWarning.similarName", input: layers(1) { try $0.add("Gamma", [1, 2, 3]) }, options: [],
      line: "/layer0 has no `gamma`, but `Gamma`; if that is it, say so in the configuration: "
        + #"{"datasets": {"gamma": "Gamma"}}"#),
    Warning(
      name: "StreamWarning.batchSizesNotRead",
      input: layers(1) { try $0.add("batch_sizes", [2, 4], type: .int64) },
      options: [],
      line:
        "/layer0 has no `batch_offsets`, but `batch_sizes`; if those are the sizes of the batches, write their running sums, "
        + "from 0 to the number of samples, as `batch_offsets`"),
    Warning(
      name: "StreamWarning.weightsNotRead",
      input: layers(2) {
        try $0.add("gamma", [1, 2, 3])
        try $0.add("weights", [1, 2, 3, 4, 5, 6])
      }, options: [],
      line:
        "/layer0, /layer1 have `weights`, which is not read: gamma is called `gamma` or `weight`, and weights of samples "
        + "are not known; rename it, or leave samples out with `mask`"),
    setting("group", "an attribute `eps`", "epsilon") { try $0.writeAttribute("eps", 0.5) },
    setting("group", "an attribute `Epsilon`", "epsilon") { try $0.writeAttribute("Epsilon", 0.5) },
    setting("group", "an attribute `axis`", "feature_axis") {
      // One that is right does not hide another one that is not.
      try $0.writeAttribute("epsilon", 0.5)
      try $0.writeAttribute("axis", 1)
    },
    setting("group", "an attribute `batchsize`", "batch_size") { try $0.writeAttribute("batchsize", 2) },
    setting("activations", "an attribute `batch_size` at the activations", "batch_size") {
      try $0.dataset("activations").writeAttribute("batch_size", 2)
    },
    setting("activations", "an attribute `eps` at the activations", "epsilon") {
      try $0.dataset("activations").writeAttribute("eps", 2)
    },
    setting(
      "root", "an attribute `batch_size` at the root of the file", "batch_size",
      ofRoot: { try $0.writeAttribute("batch_size", 2) }),
    setting(
      "root", "an attribute `batchSize` at the root of the file", "batch_size",
      ofRoot: { try $0.writeAttribute("batchSize", 2) }),
    setting("dataset", "a dataset `batch_size`", "batch_size") { try $0.add("batch_size", [2]) },
    // Of a layer that is the root the attribute is its own, and nobody else's.
    Warning(
      name: "SettingPlace.group", also: "StreamWarning.settingNotRead", input: rootLayer, options: [],
      line:
        "/ has an attribute `eps`, which is not read; write it as the attribute `epsilon` of the layer's group, or give "
        + "--epsilon"),
    Warning(
      name: "StreamWarning.configuredNameMissing", input: layers(1) { try $0.add("scaling", [1, 2, 3]) },
      configuration: #"{"datasets": {"gamma": "scalling"}}"#, options: [],
      line:
        "/layer0 has no `scalling`, which `datasets` names as gamma, but `scaling`; correct the name, or do without it with "
        + #"{"datasets": {"gamma": "none"}}"#),
    Warning(
      name: "StreamWarning.patternUnused", input: layers(2) { _ in },
      configuration: #"{"datasets": {"activations": "{layer}/activations", "mask": "/masks/{layer}"}}"#,
      options: [],
      line:
        "/layer0, /layer1 have nothing at `masks/{layer}`, where the configuration looks for mask; correct it, or do without with "
        + #"{"datasets": {"mask": "none"}}"#),
    Warning(
      name: "StreamWarning.numbersRounded", input: rounded, options: [],
      line:
        "the numbers of /odd/activations (80-bit float of unusual format) are rounded to float64; convert them yourself "
        + "for another rounding"),
    Warning(
      name: "StreamWarning.numbersRounded",
      input: layers(1, gradient: false) {
        try $0.addLongIntegers("grad_output", Array(1...18), shape: [6, 3])
      },
      options: [],
      line:
        "the numbers of /layer0/grad_output (128-bit integer) are rounded to float64; convert them yourself for another rounding"
    ),
    // Of several layers, in one line.
    Warning(
      name: "StreamWarning.numbersRounded",
      input: layers(2, gradient: false) {
        try $0.addLongIntegers("grad_output", Array(1...18), shape: [6, 3])
      },
      options: [],
      line:
        "the numbers of /layer0/grad_output, /layer1/grad_output (128-bit integer) are rounded to float64; convert them yourself "
        + "for another rounding"),
  ]

  /// What is passed over in looking for layers, with the files of tools/make_mixed_inputs.py.
  private static let skipped: [Warning] = [
    (
      "otherFile", "external_many",
      "5 links into other files, which are not opened: /0 (0.h5:/bn), /1 (1.h5:/bn), /2 (2.h5:/bn) and 2 more"
    ),
    (
      "leadsNowhere", "dangling",
      "2 links to what is not there: /bad/a (/nowhere), /bad/activations (/good/nowhere)"
    ),
    ("unreadable", "damaged", "a damaged object that the HDF5 library cannot read: /bad/other"),
    (
      "nameIsNotText", "latin_1_layer",
      #"a layer whose name is not UTF-8: /caf\xE9/bn; select it with --layer, as shown here, to have it computed"#
    ),
    ("tooDeep", "deep", "what lies more than 64 groups deep: \(String(repeating: "/d", count: 65))"),
  ].flatMap { (reason, file, line) in
    ["StreamWarning.skipped", "SkipReason.\(reason)"].map {
      Warning(
        name: $0, input: mixed(file), options: reason == "nameIsNotText" ? [] : ["--layer", "/good"],
        line: "passed over \(line)")
    }
  }

  /// A layer of long doubles.
  private static let rounded = Refusal.Input.made { program in
    try FileManager.default.copyItem(
      atPath: Repository.fixture("mixed/long_double.h5"), toPath: program.path("in.h5"))
    try program.make("other.h5") { try $0.createGroup("odd").add("population_mean", [0, 0, 0]) }
  }

  /// A layer that is the root, with one below it.
  private static let rootLayer = Refusal.Input.made { program in
    try program.make { root in
      try root.addTensors([6, 3])
      try root.writeAttribute("eps", 0.5)
      try root.createGroup("below").addTensors([6, 3])
    }
    try program.make("other.h5") { root in
      try root.add("population_mean", [0, 0, 0])
      try root.createGroup("below").add("population_mean", [0, 0, 0])
    }
  }

  /// A copy of a file, and other.h5 with a result.
  private static func mixed(_ file: String) -> Refusal.Input {
    .made { program in
      try FileManager.default.copyItem(
        atPath: Repository.fixture("mixed/\(file).h5"), toPath: program.path("in.h5"))
      try program.make("other.h5") { try $0.createGroup("good").add("population_mean", [0, 0, 0]) }
    }
  }

  /// What is given for each feature.
  private static let given: [Warning] = [
    Warning(
      name: "StreamWarning.nonfiniteGiven", input: layers(1) { try $0.add("gamma", [1, .nan, 1]) },
      options: [],
      line: "/layer0/gamma[1] is infinite or NaN, and so will be the results of that feature"),
    Warning(
      name: "StreamWarning.nonfiniteGiven", input: layers(1) { try $0.add("gamma", [1, .nan, .nan]) },
      options: [],
      line:
        "/layer0/gamma holds 2 infinities or NaN, the first at [1], and so will be the results of such features"
    ),
    Warning(
      name: "StreamWarning.nonfiniteGiven", input: layers(2) { try $0.add("beta", [1, .nan, .infinity]) },
      options: [],
      line:
        "/layer0/beta, /layer1/beta hold 4 infinities or NaN, the first at [1], and so will be the results of such features"
    ),
    Warning(
      name: "StreamWarning.negativeVariance",
      input: layers(1) { try $0.addRunningStatistics([0, 0, 0], [1, 1, -3e-6]) },
      options: ["--statistics", "running"],
      line:
        "/layer0/running_var[2] is -3e-06, which is no variance, as if epsilon had been subtracted; it is used as it is"
    ),
    Warning(
      name: "StreamWarning.negativeVariance", input: layers(3) { try $0.add("running_var", [1, -0.5, 1]) },
      options: [],
      line:
        "/layer0/running_var[1] is -0.5, and 2 more have such, which is no variance, as if epsilon had been subtracted; it is "
        + "used as it is"),
  ]

  /// Something that is called like a setting, and is none.
  private static func setting(
    _ place: String, _ what: String, _ key: String,
    _ build: @escaping @Sendable (Group) throws -> Void = { _ in },
    ofRoot: @escaping @Sendable (Group) throws -> Void = { _ in }
  ) -> Warning {
    Warning(
      name: "SettingPlace.\(place)", also: "StreamWarning.settingNotRead",
      input: layers(1, build, ofRoot: ofRoot), options: [],
      line:
        "/layer0 has \(what), which is not read; write it as the attribute `\(key)` of the layer's group, or give --"
        + key.replacing("_", with: "-"))
  }

  /// A file in.h5 with equal layers, and other.h5 with a result of each.
  static func layers(
    _ count: Int, gradient: Bool = true, _ build: @escaping @Sendable (Group) throws -> Void,
    ofRoot: @escaping @Sendable (Group) throws -> Void = { _ in }
  ) -> Refusal.Input {
    .made { program in
      try program.make { root in
        try ofRoot(root)
        for index in 0..<count {
          let layer = try root.createGroup("layer\(index)")
          try layer.addTensors([6, 3], gradient: gradient)
          try build(layer)
        }
      }
      try program.make("other.h5") { root in
        for index in 0..<count {
          try root.createGroup("layer\(index)").add("population_mean", [0, 0, 0])
        }
      }
    }
  }
}

extension Group {
  fileprivate func addOffsets() throws { try add("batch_offsets", [0, 2, 6], type: .int64) }
}
