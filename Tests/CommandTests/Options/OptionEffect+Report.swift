import Foundation
import TestSupport
import Testing

/// The options of `report`.
extension OptionEffect {
  static let report: [OptionEffect] = [
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
}
