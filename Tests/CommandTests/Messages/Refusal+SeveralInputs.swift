import Foundation
import HDF5
import TestSupport

/// What is wrong with several files that are to be read as one.
extension Refusal {
  static let severalInputs: [Refusal] =
    differences + [
      Refusal(
        "StreamError.noInputMatches", input: two(), arguments: ["--in", "acts-*.h5", "--out", "out.h5"],
        exitCode: 66,
        "no file has a name like acts-*.h5; check the pattern given to --in"),
      Refusal(
        "StreamError.inputTwice", input: two(), arguments: ["--in", "in.h5", "i?.h5", "--out", "out.h5"],
        exitCode: 65, "in.h5: is given to --in twice, but samples count once; leave one out"),
      Refusal(
        "StreamError.inputTwice",
        input: .made { program in
          try program.make { try $0.createGroup("layer").addTensors([4, 3]) }
          try FileManager.default.createSymbolicLink(
            atPath: program.path("link.h5"), withDestinationPath: "in.h5")
        },
        arguments: ["--in", "in.h5", "--in", "link.h5", "--out", "out.h5"], exitCode: 65,
        "link.h5: is the same file as in.h5, but samples count once; leave one out of --in"),
      // The same as the second of them.
      Refusal(
        "StreamError.inputTwice",
        input: .made { program in
          for name in ["in.h5", "second.h5"] {
            try program.make(name) { try $0.createGroup("layer").addTensors([4, 3]) }
          }
          try FileManager.default.createSymbolicLink(
            atPath: program.path("link.h5"), withDestinationPath: "second.h5")
        },
        arguments: ["--in", "in.h5", "second.h5", "link.h5", "--out", "out.h5"], exitCode: 65,
        "link.h5: is the same file as second.h5, but samples count once; leave one out of --in"),
      // Lists that are in themselves, at once or by way of another one.
      Refusal(
        "StreamError.inputTwice", input: list(#"["in.h5", "list.json"]"#),
        arguments: ["--in", "list.json", "--out", "out.h5"], exitCode: 65,
        "list.json: is given to --in twice, but samples count once; leave one out"),
      Refusal(
        "StreamError.inputTwice",
        input: .made { program in
          try program.write(#"["second.json"]"#, to: "first.json")
          try program.write(#"["./second.json", "first.json"]"#, to: "second.json")
        },
        arguments: ["check", "--in", "first.json"], exitCode: 65,
        "./second.json: is given to --in twice, but samples count once; leave one out"),
      Refusal(
        "StreamError.inputTwice",
        input: .made { program in
          try program.write(#"["second.json"]"#, to: "first.json")
          try program.write(#"["first.json"]"#, to: "second.json")
        },
        arguments: ["check", "--in", "first.json"], exitCode: 65,
        "first.json: is given to --in twice, but samples count once; leave one out"),
      Refusal(
        "StreamError.sameFile", input: two(),
        arguments: ["--in", "in.h5", "second.h5", "--out", "second.h5", "--force"],
        exitCode: 73,
        "second.h5: is the file second.h5 itself, which is read; choose another name, what is read is never changed"
      ),
      // The batch lies in the second file, and both are named.
      Refusal(
        "StreamError.singleValueBatch",
        input: .made { program in
          try program.make { try $0.createGroup("layer").addTensors([4, 3]) }
          try program.make("second.h5") { try $0.createGroup("layer").addTensors([1, 3]) }
        },
        arguments: ["--in", "in.h5", "second.h5", "--out", "out.h5"], options: ["--batch-size", "4"],
        exitCode: 65,
        "in.h5 and 1 more file: batch 1 of /layer has one value per feature, so its variance says nothing; choose another "
          + #"--batch-size, or set "single_value_batch": "allow" for y = beta"#),
      // What is left over is that of all files together.
      Refusal(
        "StreamError.partialBatch",
        input: .made { program in
          try program.make { try $0.createGroup("layer").addTensors([4, 3]) }
          try program.make("second.h5") { try $0.createGroup("layer").addTensors([2, 3]) }
          try program.make("third.h5") { try $0.createGroup("layer").addTensors([4, 3]) }
        },
        configuration: #"{"partial_batch": "error", "batch_size": 4}"#,
        arguments: ["--in", "in.h5", "second.h5", "third.h5", "--out", "out.h5"], exitCode: 65,
        #"in.h5 and 2 more files: the last batch of /layer has 2 of 4 samples, which "partial_batch": "error" forbids; "#
          + #"choose a --batch-size that divides the samples, or "keep" or "drop""#),
      // Every file that cannot be used is named, each with its own first error, and the code is the first one's.
      Refusal(
        "StreamError.inputsUnusable",
        input: .made { program in
          try program.make { try $0.createGroup("layer").addTensors([4, 3]) }
          try program.make("other.h5") { try $0.createGroup("layer").addTensors([4, 2]) }
          try program.make("third.h5") { try $0.createGroup("layer").addTensors([4, 3]) }
          try program.write("text", to: "text.h5")
        },
        arguments: ["--in", "in.h5", "absent.h5", "third.h5", "text.h5", "other.h5", "--out", "out.h5"],
        exitCode: 66,
        "3 of 5 input files cannot be used: absent.h5: there is no such file; check --in; text.h5: is not an HDF5 file, or its "
          + "beginning is damaged; write it anew with h5py or another HDF5 library, or check --in; other.h5: "
          + "/layer/activations has shape [4, 2], and in in.h5 [4, 3]; only the number of samples may differ; \(advice)"
      ),
      Refusal(
        "ConfigurationError.invalidValue", "AllowedValue.fileNames", input: list("{}"),
        arguments: ["--in", "list.json", "--out", "out.h5"], exitCode: 78,
        #"list.json:1:1: the document is {}; it must be an array of at least one file's name, as ["acts-0.h5", "acts-1.h5"]"#
      ),
      Refusal(
        "ConfigurationError.invalidValue", "AllowedValue.fileName", input: list(#"["in.h5", 3]"#),
        arguments: ["--in", "list.json", "--out", "out.h5"], exitCode: 78,
        "list.json:1:11: [1] is 3; it must be a file's name in quotes, not empty"),
    ]

  private static let differences: [Refusal] = [
    different(
      "layer", "has no layer /layer, and in.h5 has", { try $0.createGroup("norm").addTensors([4, 3]) }),
    different(
      "layer", "has a layer /more, and in.h5 has none",
      {
        try $0.createGroup("layer").addTensors([4, 3])
        try $0.createGroup("more").addTensors([4, 3])
      }),
    different(
      "shape",
      "/layer/activations has shape [5, 3, 1], and in in.h5 [4, 3]; only the number of samples may differ",
      { try $0.createGroup("layer").addTensors([5, 3, 1]) }),
    different(
      "type", "/layer/activations holds float32, and in in.h5 float64",
      { try $0.createGroup("layer").addTensors([4, 3], type: .float32) }),
    different(
      "type", "/layer/grad_output holds float32, and in in.h5 float64",
      {
        let layer = try $0.createGroup("layer")
        try layer.addTensors([4, 3], gradient: false)
        try layer.add("grad_output", Group.numbers([4, 3], seed: 2), shape: [4, 3], type: .float32)
      }),
    different(
      "role", "/layer has no `grad_output`, and in in.h5 it has",
      { try $0.createGroup("layer").addTensors([4, 3], gradient: false) }),
    different(
      "role", "/layer has a `mask`, and in in.h5 it has none",
      {
        let layer = try $0.createGroup("layer")
        try layer.addTensors([4, 3])
        try layer.add("mask", [1, 0, 1, 1])
      }),
    different(
      "role", "/layer has no `batch_offsets`, and in in.h5 it has",
      { try $0.createGroup("layer").addTensors([4, 3]) },
      first: {
        let layer = try $0.createGroup("layer")
        try layer.addTensors([4, 3])
        try layer.add("batch_offsets", [0, 4], type: .int64)
      }),
    different(
      "role", "/layer has a `gamma`, and in in.h5 it has none",
      {
        let layer = try $0.createGroup("layer")
        try layer.addTensors([4, 3])
        try layer.add("gamma", [1, 2, 3])
      }),
    different(
      "setting", "epsilon of /layer is 0.5, and in in.h5 1e-05",
      {
        let layer = try $0.createGroup("layer")
        try layer.addTensors([4, 3])
        try layer.writeAttribute("epsilon", 0.5)
      }),
    setting("batch_size of /layer is 2, and in in.h5 4") { try $0.writeAttribute("batch_size", $1 ? 2 : 4) },
    setting(#"statistics of /layer is "running", and in in.h5 "batch""#) {
      try $0.addRunningStatistics([0, 0, 0], [1, 1, 1])
      try $0.writeAttribute("statistics", $1 ? "running" : "batch")
    },
    setting("momentum of /layer is 0.5, and in in.h5 0.1") {
      try $0.writeAttribute("momentum", $1 ? 0.5 : 0.1)
    },
    setting(#"running_variance of /layer is "biased", and in in.h5 "unbiased""#) {
      try $0.writeAttribute("running_variance", $1 ? "biased" : "unbiased")
    },
    // The shape fits both.
    setting("feature_axis of /layer is 2, and in in.h5 1", shape: [4, 3, 3]) {
      try $0.writeAttribute("feature_axis", $1 ? 2 : 1)
    },
    different(
      "value", "/layer/gamma holds 7.0 for feature 1, and in in.h5 2.0",
      {
        let layer = try $0.createGroup("layer")
        try layer.addTensors([4, 3])
        try layer.add("gamma", [1, 7, 3])
      },
      first: {
        let layer = try $0.createGroup("layer")
        try layer.addTensors([4, 3])
        try layer.add("gamma", [1, 2, 3])
      }),
    vector("beta"), vector("running_var"),
    // Behind the first 65,536, which are compared at once.
    different(
      "value", "/layer/gamma holds 7.0 for feature 65540, and in in.h5 1.0",
      { try Refusal.addManyFeatures(to: $0, gamma: 7) },
      first: { try Refusal.addManyFeatures(to: $0, gamma: 1) }),
    // One file that is wrong in two layers is one file.
    different(
      "role", "/a has a `gamma`, and in in.h5 it has none",
      {
        for name in ["a", "b"] {
          let layer = try $0.createGroup(name)
          try layer.addTensors([4, 3])
          try layer.add("gamma", [1, 2, 3])
        }
      },
      first: { for name in ["a", "b"] { try $0.createGroup(name).addTensors([4, 3]) } }),
  ]

  /// A layer of 70,001 features of which gamma is 1, and of one another number.
  private static func addManyFeatures(to root: Group, gamma: Double) throws {
    let count = 70_001
    let layer = try root.createGroup("layer")
    try layer.addTensors([2, count], gradient: false, type: .float32)
    var numbers = Array(repeating: 1.0, count: count)
    numbers[65_540] = gamma
    try layer.add("gamma", numbers)
  }

  /// The same tensors, with another number of a vector in the second file.
  private static func vector(_ name: String) -> Refusal {
    different(
      "value", "/layer/\(name) holds 7.0 for feature 1, and in in.h5 2.0",
      { try Refusal.addVector(name, [1, 7, 3], to: $0) },
      first: { try Refusal.addVector(name, [1, 2, 3], to: $0) })
  }

  private static func addVector(_ name: String, _ values: [Double], to root: Group) throws {
    let layer = try root.createGroup("layer")
    try layer.addTensors([4, 3])
    try layer.add(name, values)
  }

  private static let advice = "the files of --in are read as one, so correct it or leave the file out"

  /// The second of two files is unlike the first.
  private static func different(
    _ difference: String, _ words: String, _ second: @escaping @Sendable (Group) throws -> Void,
    first: @escaping @Sendable (Group) throws -> Void = { try $0.createGroup("layer").addTensors([4, 3]) }
  ) -> Refusal {
    Refusal(
      "StreamError.filesDiffer", "FileDifference.\(difference)",
      input: .made {
        try $0.make("in.h5", first)
        try $0.make("second.h5", second)
      },
      arguments: ["--in", "in.h5", "second.h5", "--out", "out.h5"], exitCode: 65,
      "second.h5: \(words); \(advice)")
  }

  /// The same tensors, with another setting in the second file.
  /// - Parameter write: writes the setting of the first file, or that of the second.
  private static func setting(
    _ words: String, shape: [Int] = [4, 3],
    write: @escaping @Sendable (Group, _ isSecond: Bool) throws -> Void
  ) -> Refusal {
    different(
      "setting", words,
      {
        let layer = try $0.createGroup("layer")
        try layer.addTensors(shape)
        try write(layer, true)
      },
      first: {
        let layer = try $0.createGroup("layer")
        try layer.addTensors(shape)
        try write(layer, false)
      })
  }

  private static func two() -> Input {
    .made { program in
      for name in ["in.h5", "second.h5"] {
        try program.make(name) { try $0.createGroup("layer").addTensors([4, 3]) }
      }
    }
  }

  private static func list(_ text: String) -> Input {
    .made { program in
      try program.make { try $0.createGroup("layer").addTensors([4, 3]) }
      try program.write(text, to: "list.json")
    }
  }
}
