import Foundation
import TestSupport
import Testing

/// The options of `report`.
extension OptionEffect {
  static let report: [OptionEffect] = reporting + comparing + merging

  private static let merging: [OptionEffect] = [
    OptionEffect("merge", "out") { program throws in
      try program.makeTwoMergeableFiles()
      let result = try program.run("merge", "one.h5", "two.h5", "--out", "out.h5")
      #expect(result.exitCode == 0 && result.output.hasSuffix("out.h5: 2 files pooled\n"))
      #expect(try program.root("out.h5").group("first").dataset("population_mean").shape == [3])
    },
    OptionEffect("merge", "prior") { program throws in
      try program.makeTwoMergeableFiles()
      try program.make("before.h5") { root in
        for (name, count) in [("first", 3), ("second", 4)] {
          let layer = try root.createGroup(name)
          try layer.add("running_mean", Array(repeating: 5, count: count))
          try layer.add("running_var", Array(repeating: 2, count: count))
        }
      }
      #expect(
        try program.run("merge", "one.h5", "two.h5", "--out", "out.h5", "--prior", "before.h5:48").exitCode
          == 0)
      let layer = try program.root("out.h5").group("first")
      // 8 samples in each of two files: before weighs 48 of 64.
      for (blended, now, before) in [
        ("running_mean", "population_mean", 5.0), ("running_var", "population_var", 2),
      ] {
        for (found, number) in zip(
          try layer.dataset(blended).readDoubles(), try layer.dataset(now).readDoubles())
        {
          #expect(abs(found - (0.75 * before + 0.25 * number)) <= 1e-15 * abs(found))
        }
      }
      #expect(try program.root("out.h5").readDouble(attribute: "prior_samples") == 48)
    },
    OptionEffect("merge", "layer") { program throws in
      try program.makeTwoMergeableFiles()
      #expect(try program.run("merge", "one.h5", "two.h5", "--out", "out.h5", "--layer", "f*").exitCode == 0)
      #expect(try program.root("out.h5").links().map(\.name) == ["first"])
    },
    OptionEffect("merge", "force") { program throws in
      try program.makeTwoMergeableFiles()
      for (options, code) in [([], 73), (["--force"], 0)] as [([String], Int32)] {
        try program.write("precious", to: "out.h5")
        #expect(try program.run(["merge", "one.h5", "two.h5", "--out", "out.h5"] + options).exitCode == code)
      }
      #expect(try program.run("merge", "one.h5", "two.h5", "--out", "two.h5", "--force").exitCode == 73)
      // No file that is read is replaced, also that of before.
      try FileManager.default.copyItem(atPath: program.path("one.h5"), toPath: program.path("before.h5"))
      let before = program.bytes("before.h5")
      let blended = ["merge", "one.h5", "two.h5", "--prior", "before.h5:8", "--out", "before.h5", "--force"]
      #expect(try program.run(blended).exitCode == 73)
      #expect(before != nil && program.bytes("before.h5") == before)
    },
    OptionEffect("merge", "quiet") { program throws in
      try program.makeTwoMergeableFiles()
      let result = try program.run("merge", "one.h5", "two.h5", "--out", "out.h5", "--quiet")
      #expect(result.exitCode == 0 && result.output == "" && result.error == "")
    },
    OptionEffect("merge", "json") { program throws in
      try program.makeTwoMergeableFiles()
      let report = try program.object(program.run("merge", "one.h5", "two.h5", "--out", "out.h5", "--json"))
      #expect(
        report["inputs"] as? [String] == ["one.h5", "two.h5"] && report["output"] as? String == "out.h5")
    },
  ]

  private static let comparing: [OptionEffect] = [
    OptionEffect("compare", "report") { program throws in
      try program.makeTwoResultFiles()
      let result = try program.run("compare", "one.h5", "two.h5", "--report", "page.html")
      #expect(result.exitCode == 0 && result.output.hasSuffix("page.html: the page\n"))
      #expect(try program.text("page.html").hasPrefix("<!DOCTYPE html>\n"))
    },
    OptionEffect("compare", "fail-above") { program throws in
      try program.makeTwoResultFiles()
      for (limit, code) in [("0.01", 1), ("100", 0)] as [(String, Int32)] {
        let result = try program.run("compare", "one.h5", "two.h5", "--fail-above", limit)
        #expect(result.exitCode == code && result.error == "")
        #expect(result.output.hasSuffix("NOT all within \(limit)\n") == (code == 1))
      }
      #expect(try program.run("compare", "one.h5", "one.h5", "--fail-above", "0").exitCode == 0)
    },
    OptionEffect("compare", "layer") { program throws in
      try program.makeTwoResultFiles()
      for (options, paths) in [([], ["/first", "/second"]), (["--layer", "f*"], ["/first"])]
        as [([String], [String])]
      {
        let report = try program.object(program.run(["compare", "one.h5", "two.h5", "--json"] + options))
        #expect((report["layers"] as? [[String: Any]])?.compactMap { $0["path"] as? String } == paths)
      }
    },
    OptionEffect("compare", "force") { program throws in
      try program.makeTwoResultFiles()
      for (options, code) in [([], 73), (["--force"], 0)] as [([String], Int32)] {
        try program.write("precious", to: "page.html")
        #expect(
          try program.run(["compare", "one.h5", "two.h5", "--report", "page.html"] + options).exitCode == code
        )
        #expect(try program.text("page.html").hasPrefix("<!DOCTYPE") == (code == 0))
      }
      for input in ["one.h5", "two.h5"] {
        #expect(try program.run("compare", "one.h5", "two.h5", "--report", input, "--force").exitCode == 73)
      }
    },
    OptionEffect("compare", "quiet") { program throws in
      try program.makeTwoResultFiles()
      let result = try program.run("compare", "one.h5", "two.h5", "--fail-above", "0", "--quiet")
      #expect(result.exitCode == 1 && result.output == "" && result.error == "")
    },
    OptionEffect("compare", "json") { program throws in
      try program.makeTwoResultFiles()
      #expect(try program.run("compare", "one.h5", "two.h5").output.hasPrefix("layer  "))
      let report = try program.object(program.run("compare", "one.h5", "two.h5", "--json"))
      #expect(report["first"] as? String == "one.h5" && report["within"] as? Bool == true)
    },
  ]

  private static let reporting: [OptionEffect] = [
    OptionEffect("report", "out") { program throws in
      try program.makeResultFile()
      #expect(try program.run("report", "results.h5").exitCode == 0)
      #expect(try program.files == ["in.h5", "results.h5", "second.h5"])
      let result = try program.run("report", "results.h5", "--out", "page.html")
      #expect(result.exitCode == 0 && result.output.hasSuffix("page.html: the page, with what to do\n"))
      #expect(try program.files == ["in.h5", "page.html", "results.h5", "second.h5"])
      #expect(try program.text("page.html").hasPrefix("<!DOCTYPE html>\n"))
      // Equal results, equal bytes.
      #expect(try program.run("report", "results.h5", "--out", "again.html").exitCode == 0)
      #expect(try program.text("page.html") == program.text("again.html"))
    },
    OptionEffect("report", "layer") { program throws in
      try program.make("two.h5") { root in
        for name in ["one", "two"] { try root.createGroup(name).addTensors([8, 3]) }
      }
      #expect(try program.run("--in", "two.h5", "--out", "results.h5").exitCode == 0)
      for (options, paths) in [([], ["/one", "/two"]), (["--layer", "t*"], ["/two"])]
        as [([String], [String])]
      {
        let report = try program.object(program.run(["report", "results.h5", "--json"] + options))
        #expect((report["layers"] as? [[String: Any]])?.compactMap { $0["path"] as? String } == paths)
      }
    },
    OptionEffect("report", "force") { program throws in
      try program.makeResultFile()
      for (options, code) in [([], 73), (["--force"], 0)] as [([String], Int32)] {
        try program.write("precious", to: "page.html")
        #expect(try program.run(["report", "results.h5", "--out", "page.html"] + options).exitCode == code)
        #expect(try program.text("page.html").hasPrefix("<!DOCTYPE") == (code == 0))
      }
    },
    OptionEffect("report", "quiet") { program throws in
      try program.makeResultFile()
      let result = try program.run("report", "results.h5", "--out", "page.html", "--quiet")
      #expect(result.exitCode == 0 && result.output == "" && result.error == "")
      #expect(try program.files.contains("page.html"))
    },
    OptionEffect("report", "json") { program throws in
      try program.makeResultFile()
      #expect(try program.run("report", "results.h5").output.hasPrefix("      layer "))
      let report = try program.object(program.run("report", "results.h5", "--json"))
      let thresholds = try #require(report["thresholds"] as? [[String: Any]])
      #expect(
        thresholds.contains { $0["kind"] as? String == "running_var_ratio" && $0["fail"] as? Double == 4 })
      #expect(report["file"] as? String == "results.h5")
    },
  ]
}

extension Program {
  /// The results of in.h5, in results.h5.
  func makeResultFile() throws {
    #expect(try run("--in", "in.h5", "--out", "results.h5").exitCode == 0)
  }

  /// What a text file holds.
  func text(_ name: String) throws -> String {
    try String(contentsOf: folder.appending(path: name), encoding: .utf8)
  }

  /// Results with moments of two files of the layers `first` [8, 3] and `second` [8, 4], in one.h5 and two.h5.
  func makeTwoMergeableFiles() throws {
    try write(#"{"outputs": ["population", "moments"], "batch_size": "all"}"#, to: "moments.json")
    for name in ["one", "two"] {
      try make("acts.h5") { root in
        for (layer, features) in [("first", 3), ("second", 4)] {
          try root.createGroup(layer).addTensors([8, features], gradient: false)
        }
      }
      let run = try run("--in", "acts.h5", "--out", "\(name).h5", "--config", "moments.json")
      #expect(run.exitCode == 0, "\(run.error)")
    }
  }

  /// The results of two files of the layers `first` and `second`, in one.h5 and two.h5.
  func makeTwoResultFiles() throws {
    for (name, shape) in [("one", [8, 3]), ("two", [16, 3])] {
      try make("acts.h5") { root in
        for layer in ["first", "second"] { try root.createGroup(layer).addTensors(shape) }
      }
      #expect(try run("--in", "acts.h5", "--out", "\(name).h5", "--force").exitCode == 0)
    }
  }
}
