import Foundation
import HDF5
import TestSupport
import Testing

/// The options of `explain`.
extension OptionEffect {
  static let explain: [OptionEffect] = [
    OptionEffect("explain", "in") { program throws in
      for (input, count, features) in [("in.h5", 8, 3), ("second.h5", 6, 4)] {
        let data = try program.explanation(["identity", "--in", input])["data"] as? [String: Any]
        #expect(data?["file"] as? String == input && data?["layer"] as? String == "/layer")
        #expect(data?["count"] as? Int == count && data?["features"] as? Int == features)
      }
      // Without, the sample.
      let data = try program.explanation(["identity"])["data"] as? [String: Any]
      #expect(data?["count"] as? Int == 256 && data?["features"] as? Int == 64 && data?["file"] == nil)
    },
    OptionEffect("explain", "out") { program throws in
      #expect(try program.run("explain", "identity", "--in", "in.h5", "--out", "here.h5").exitCode == 0)
      #expect(try program.files == ["here.h5", "in.h5", "second.h5"])
      let layer = try program.root("here.h5").group("layer")
      #expect(try layer.readString(attribute: "topic") == "identity")
      #expect(try layer.readString(attribute: "verdict") == "held")
      let error = try #require(try layer.group("measures").readDouble(attribute: "identity_error"))
      #expect(error <= 1e-15)
      #expect(
        try program.run("explain", "percentiles", "--steps", "20", "--out", "there.h5").exitCode == 0)
      #expect(try program.root("there.h5").dataset("with/percentiles").shape == [2, 100, 3])
    },
    OptionEffect("explain", "html") { program throws in
      #expect(try program.run("explain", "saturation", "--in", "in.h5", "--html", "page.html").exitCode == 0)
      let page = try program.text("page.html")
      #expect(page.hasPrefix("<!DOCTYPE html>\n") && page.contains("On the sigmoid: gamma 1, beta 0"))
      #expect(try program.run("explain", "saturation", "--html", "page.html").exitCode == 73)
      #expect(try program.run("explain", "saturation", "--html", "page.html", "--force").exitCode == 0)
      #expect(
        try program.run("explain", "saturation", "--in", "in.h5", "--html", "in.h5", "--force").exitCode == 73
      )
    },
    OptionEffect("explain", "batch") { program throws in
      let command = ["identity", "--in", "in.h5", "--batch-size", "3"]
      for (options, count) in [([], 3), (["--batch", "1"], 3), (["--batch", "2"], 2)] as [([String], Int)] {
        let data = try program.explanation(command + options)["data"] as? [String: Any]
        #expect(data?["batch"] as? Int == (options.last.flatMap(Int.init) ?? 0))
        #expect(data?["count"] as? Int == count)
      }
    },
    OptionEffect("explain", "steps") { program throws in
      try program.expectSteps(3, ["--steps", "3"])
      try program.expectSteps(5, ["--steps", "5"])
    },
    OptionEffect("explain", "learning-rate") { program throws in
      for topic in ["landscape", "covariate-shift", "percentiles"] {
        func last(_ rate: String) throws -> Double? {
          let measures =
            try program.explanation([topic, "--steps", "10", "--learning-rate", rate])["measures"]
            as? [[String: Any]]
          return measures?.first {
            $0["quantity"] as? String == "last_loss" && $0["variant"] as? String == "with"
          }?["value"] as? Double
        }
        let (large, small) = (try #require(try last("0.5")), try #require(try last("1e-6")))
        #expect(large < small, "\(topic)")
      }
    },
    OptionEffect("explain", "config") { program throws in
      try program.write(#"{"batch_size": 4}"#, to: "config.json")
      let data =
        try program.explanation(["identity", "--in", "in.h5", "--config", "config.json"])["data"]
        as? [String: Any]
      #expect(data?["count"] as? Int == 4)
    },
    OptionEffect("explain", "force") { program throws in
      for (options, code) in [([], 73), (["--force"], 0)] as [([String], Int32)] {
        for input in [[], ["--in", "in.h5"]] {
          try program.write("precious", to: "out.h5")
          #expect(
            try program.run(["explain", "identity", "--out", "out.h5"] + input + options).exitCode == code)
          #expect(try File.isHDF5(program.path("out.h5")) == (code == 0))
        }
      }
    },
    OptionEffect("explain", "progress") { program throws in
      try program.expectProgress(["explain", "covariate-shift", "--steps", "100000"])
      #expect(
        try program.run("explain", "percentiles", "--steps", "10", "--progress", "never").error == "")
    },
    OptionEffect("explain", "quiet") { program throws in
      let result = try program.run("explain", "identity", "--in", "in.h5", "--out", "out.h5", "--quiet")
      #expect(result.exitCode == 0 && result.output == "" && result.error == "")
      #expect(try program.files.contains("out.h5"))
    },
    OptionEffect("explain", "json") { program throws in
      let text = try program.run("explain", "identity", "--in", "in.h5")
      #expect(text.output.hasPrefix("identity: With gamma = sqrt(var + epsilon) and beta = mean, "))
      #expect(text.output.hasSuffix("\nHELD: the statement holds on this data\n"))
      #expect(try program.explanation(["identity", "--in", "in.h5"])["verdict"] as? String == "held")
      // Without a topic, the list of them.
      let topics = try program.run("explain").output
      let list =
        try JSONSerialization.jsonObject(
          with: Data(program.run("explain", "--json").output.utf8)) as? [[String: String]]
      #expect(list?.count ?? 0 >= 7)
      for topic in list ?? [] {
        #expect(topics.contains("\(topic["topic"] ?? "?")\n    "))
        #expect(topic["statement"]?.isEmpty == false && topic["source"]?.contains("201") == true)
      }
    },
  ]
}

extension Program {
  /// What `explain` says in JSON of its only layer.
  fileprivate func explanation(_ arguments: [String]) throws -> [String: Any] {
    let report = try object(run(["explain"] + arguments + ["--json"]))
    #expect(report["topic"] as? String == arguments[0])
    let explanations = try #require(report["explanations"] as? [[String: Any]])
    #expect(explanations.count == 1)
    return explanations[0]
  }

  fileprivate func expectSteps(_ count: Int, _ options: [String]) throws {
    #expect(
      try run(["explain", "landscape", "--out", "out.h5", "--force", "--quiet"] + options).exitCode == 0)
    #expect(try root("out.h5").dataset("without/loss").shape == [count])
    #expect(try root("out.h5").dataset("with/smoothness").shape == [count])
  }
}
