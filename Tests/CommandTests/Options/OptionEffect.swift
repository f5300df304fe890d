import Foundation
import HDF5
import TestSupport
import Testing

/// A row of the table of options that no configuration key stands for: a command, an option, and a test of what it does.
struct OptionEffect: Sendable, CustomTestStringConvertible {
  let command: String
  /// Without its hyphens.
  let option: String
  let test: @Sendable (Program) throws -> Void

  var testDescription: String { "\(command) --\(option)" }

  init(_ command: String, _ option: String, _ test: @escaping @Sendable (Program) throws -> Void) {
    self.command = command
    self.option = option
    self.test = test
  }

  static let all =
    run + inspect + trace + check + verify + explain + report + ignoreBatchOffsets + everywhere

  private static let inspect: [OptionEffect] = [
    OptionEffect("inspect", "config") { program throws in
      try program.write(#"{"batch_size": 4}"#, to: "config.json")
      let result = try program.run("inspect", "in.h5", "--config", "config.json")
      #expect(result.output.contains("by configuration: batch_size 4; "))
    },
    OptionEffect("inspect", "quiet") { program throws in
      let result = try program.run("inspect", "in.h5", "--quiet")
      #expect(result.exitCode == 0 && result.output == "" && result.error == "")
    },
    OptionEffect("inspect", "json") { program throws in
      let report = try program.object(program.run("inspect", "second.h5", "--json"))
      #expect(report["input"] as? String == "second.h5" && report["refusal"] == nil)
    },
  ]

  private static let trace: [OptionEffect] = [
    OptionEffect("trace", "in") { program throws in
      for (input, samples) in [("in.h5", 8), ("second.h5", 6)] {
        #expect(try program.run("trace", "--in", input, "--out", "out.h5", "--force").exitCode == 0)
        #expect(try program.root("out.h5").group("layer").readInteger(attribute: "samples") == samples)
      }
    },
    OptionEffect("trace", "out") { program throws in
      #expect(try program.run("trace", "--in", "in.h5", "--out", "here.h5").exitCode == 0)
      #expect(try program.files == ["here.h5", "in.h5", "second.h5"])
      #expect(try program.root("here.h5").dataset("layer/forward/1_mu").shape == [3])
    },
    OptionEffect("trace", "batch") { program throws in
      for (options, first) in [([], 0), (["--batch", "1"], 3), (["--batch", "2"], 6)] as [([String], Int)] {
        let command = ["trace", "--in", "in.h5", "--out", "out.h5", "--batch-size", "3", "--force"]
        #expect(try program.run(command + options).exitCode == 0)
        let layer = try program.root("out.h5").group("layer")
        #expect(try layer.readInteger(attribute: "first_sample") == first)
        #expect(
          try layer.dataset("inputs/x").readDoubles().first == Group.numbers([8, 3], seed: 1)[3 * first])
      }
    },
    OptionEffect("trace", "config") { program throws in
      try program.write(#"{"gradient": "detached"}"#, to: "config.json")
      let command = ["trace", "--in", "in.h5", "--out", "out.h5", "--force"]
      #expect(try program.run(command + ["--config", "config.json"]).exitCode == 0)
      #expect(try program.root("out.h5").group("layer").readString(attribute: "mode") == "detached")
    },
    OptionEffect("trace", "force") { program throws in
      for (options, code) in [([], 73), (["--force"], 0)] as [([String], Int32)] {
        try program.write("precious", to: "out.h5")
        #expect(try program.run(["trace", "--in", "in.h5", "--out", "out.h5"] + options).exitCode == code)
        #expect(try File.isHDF5(program.path("out.h5")) == (code == 0))
      }
    },
    OptionEffect("trace", "dot") { program throws in
      #expect(try program.run("trace", "--in", "in.h5", "--dot").output.hasPrefix("digraph \"/layer\" {\n"))
      #expect(try program.files == ["in.h5", "second.h5"])
    },
    OptionEffect("trace", "print") { program throws in
      let text = try program.run("trace", "--in", "in.h5", "--print", "--batch-size", "3").output
      #expect(text.hasPrefix("/layer: batch 0, m = 3, C = 3\n\n  x  [3, 3]"))
      // A third of a matrix of ones, twice.
      let third = "0.333333  0.333333  0.333333"
      #expect(text.components(separatedBy: "local gradient (1/m) · 1  [3, 3]").count == 3)
      #expect(text.components(separatedBy: third).count > 6)
      // Of batches of other sizes, the one that is asked for: the first one is too large to print.
      try program.make("uneven.h5") { root in
        let layer = try root.createGroup("layer")
        try layer.addTensors([103, 3])
        try layer.add("batch_offsets", [0, 100, 103], type: .int64)
      }
      let uneven = ["trace", "--in", "uneven.h5", "--print", "--batch"]
      let small = try program.run(uneven + ["1"])
      #expect(small.exitCode == 0 && small.output.hasPrefix("/layer: batch 1, m = 3, C = 3\n"))
      #expect(try program.run(uneven + ["0"]).exitCode != 0)
      // Up to 256 numbers, those of all positions together.
      for (shape, code) in [([32, 4, 2], 0), ([43, 3, 2], 65)] as [([Int], Int32)] {
        try program.make("uneven.h5") { try $0.createGroup("layer").addTensors(shape) }
        let whole = ["trace", "--in", "uneven.h5", "--print", "--batch-size", "all"]
        #expect(try program.run(whole).exitCode == code, "\(shape)")
      }
      // Of several layers all, one after the other.
      try program.make("uneven.h5") { root in
        for name in ["first", "second"] { try root.createGroup(name).addTensors([4, 2]) }
      }
      for options in [[], ["--print"]] {
        let both = try program.run(
          ["trace", "--in", "uneven.h5", "--html", "page.html", "--force"] + options
        ).output
        #expect(both.hasPrefix("/first: batch 0") && both.contains("\n\n/second: batch 0"), "\(both)")
      }
      try FileManager.default.removeItem(atPath: program.path("page.html"))
      try FileManager.default.removeItem(atPath: program.path("uneven.h5"))
      #expect(try program.files == ["in.h5", "second.h5"])
    },
    OptionEffect("trace", "html") { program throws in
      #expect(
        try program.run("trace", "--in", "in.h5", "--html", "page.html").output.hasPrefix("/layer: batch 0"))
      #expect(try program.files == ["in.h5", "page.html", "second.h5"])
      #expect(try program.text("page.html").contains("<span class=\"put\">xhat["))
      // As every output: not over another file, and never over the input.
      #expect(try program.run("trace", "--in", "in.h5", "--html", "page.html").exitCode == 73)
      #expect(try program.run("trace", "--in", "in.h5", "--html", "page.html", "--force").exitCode == 0)
      #expect(try program.run("trace", "--in", "in.h5", "--html", "in.h5", "--force").exitCode == 73)
    },
    OptionEffect("trace", "quiet") { program throws in
      for options in [["--dot"], ["--out", "out.h5"]] {
        let result = try program.run(["trace", "--in", "in.h5", "--quiet"] + options)
        #expect(result.exitCode == 0 && result.output == "" && result.error == "")
      }
      #expect(try program.files.contains("out.h5"))
    },
  ]

  /// What every command has that computes: without the file's offsets, batches are what they are without any.
  private static let ignoreBatchOffsets = [
    ["run", "--in", "in.h5", "--dry-run", "--json"], ["inspect", "in.h5", "--json"],
    ["trace", "--in", "in.h5", "--dot"], ["check", "--in", "in.h5", "--json"],
    ["verify", "--in", "in.h5", "--against", "other.h5", "--json"],
    ["explain", "identity", "--in", "in.h5", "--json"],
  ].map { command in
    OptionEffect(command[0], "ignore-batch-offsets") { program throws in
      func make(hasOffsets: Bool) throws {
        try program.make { root in
          let layer = try root.createGroup("layer")
          try layer.addTensors([8, 3])
          if hasOffsets { try layer.add("batch_offsets", [0, 2, 8], type: .int64) }
        }
      }
      try make(hasOffsets: false)
      _ = try program.run("--in", "in.h5", "--out", "other.h5", "--force")
      try make(hasOffsets: true)
      let divided = try program.run(command)
      let ignored = try program.run(command + ["--ignore-batch-offsets"])
      #expect(ignored.exitCode == 0 && ignored.error == "" && divided.output != ignored.output)
      if ["verify", "check", "trace"].contains(command[0]) {
        try make(hasOffsets: false)
        #expect(try program.run(command).output == ignored.output)
      }
    }
  }

  /// What every command has.
  private static let everywhere: [OptionEffect] = [
    "run", "inspect", "trace", "check", "verify", "explain", "report", "compare", "merge",
  ]
  .flatMap {
    command in
    [
      OptionEffect(command, "help") { program throws in
        let help = try program.run(command, "--help")
        #expect(help.exitCode == 0 && help.output.contains("USAGE: bn-stream \(command) "))
        #expect(try program.run("help", command).output == help.output)
      },
      OptionEffect(command, "version") { program throws in
        #expect(try program.run(command, "--version").output == program.run("--version").output)
      },
    ]
  }
}

extension Program {
  /// The files that the rows use: a layer [8, 3] in in.h5, another [6, 4] in second.h5.
  func makeSmallInputs() throws {
    try make { try $0.createGroup("layer").addTensors([8, 3]) }
    try make("second.h5") { try $0.createGroup("layer").addTensors([6, 4]) }
  }

  func root(_ name: String) throws -> Group { try File(reading: path(name)).root }

  /// The bytes of a file in the folder; nil if there is none.
  func bytes(_ name: String) -> Data? { FileManager.default.contents(atPath: path(name)) }

  /// The JSON object that is all that a command printed.
  func object(_ result: Result) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
  }
}
