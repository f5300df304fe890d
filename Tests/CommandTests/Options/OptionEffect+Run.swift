import Foundation
import HDF5
import TestSupport
import Testing

/// The options of `run`.
extension OptionEffect {
  static let run: [OptionEffect] = [
    OptionEffect("run", "in") { program throws in
      #expect(try program.run("--in", "in.h5", "--out", "one.h5").exitCode == 0)
      #expect(try program.run("run", "--in", "second.h5", "--out", "two.h5").exitCode == 0)
      let one = try program.root("one.h5")
      let two = try program.root("two.h5")
      #expect(try one.dataset("layer/output").shape == [8, 3])
      #expect(try two.dataset("layer/output").shape == [6, 4])
      #expect(try two.readString(attribute: "input_path") == "second.h5")
      // Several, a pattern of names, or a list of them; a file whose name looks like a pattern is itself.
      for (name, start) in [("a-10.h5", 200.0), ("a-2.h5", 100), ("a-[12].h5", 300)] {
        try program.make(name) {
          try $0.createGroup("layer").add(
            "activations", (0..<3).map { start + Double($0) }, shape: [3, 1])
        }
      }
      try program.write(#"["a-10.h5", "a-2.h5"]"#, to: "list.json")
      try program.write(#"["list.json", "a-[12].h5"]"#, to: "lists.json")
      try program.write(#"["a-?.h5"]"#, to: "patterns.json")
      for (arguments, means, path) in [
        (["--in", "a-[12]*.h5"], [101.0, 201], "a-2.h5 and 1 more file"),
        (["--in", "a-*.h5"], [101, 201, 301], "a-2.h5 and 2 more files"),
        (["--in", "a-[12].h5"], [301], "a-[12].h5"),
        (["--in", "a-10.h5", "--in=a-2.h5"], [201, 101], "a-10.h5 and 1 more file"),
        (["--in", "a-10.h5", "a-2.h5"], [201, 101], "a-10.h5 and 1 more file"),
        (["--in", "list.json"], [201, 101], "a-10.h5 and 1 more file"),
        (["--in", "lists.json"], [201, 101, 301], "a-10.h5 and 2 more files"),
        (["--in", "patterns.json"], [101], "a-2.h5"),
      ] {
        let result = try program.run(
          arguments + ["--out", "many.h5", "--force", "--batch-size", "3", "--json"])
        #expect(result.exitCode == 0, "\(arguments): \(result.error)")
        let root = try program.root("many.h5")
        #expect(try root.dataset("layer/batches/mean").readDoubles() == means, "\(arguments)")
        #expect(try root.readString(attribute: "input_path") == path)
        let summary = try program.object(result)
        #expect(summary["input"] as? String == path)
        #expect((summary["inputs"] as? [String])?.count == (means.count > 1 ? means.count : nil))
        #expect(try root.readInteger(attribute: "input_count") == (means.count > 1 ? means.count : nil))
      }
    },
    OptionEffect("run", "out") { program throws in
      #expect(try program.run("--in", "in.h5", "--out", "here.h5").exitCode == 0)
      #expect(try program.files == ["here.h5", "in.h5", "second.h5"])
    },
    OptionEffect("run", "report") { program throws in
      #expect(
        try program.run("--in", "in.h5", "--out", "out.h5", "--diagnose", "--report", "page.html").exitCode
          == 0)
      #expect(try program.run("report", "out.h5", "--out", "same.html").exitCode == 0)
      // But for how long it took, which nobody knows later.
      let time = /[^>]*seconds taken <b>[^<]*<\/b>/
      let page = try program.text("page.html")
      #expect(page.contains(time))
      #expect(try page.replacing(time, with: "") == program.text("same.html"))
      // Not over another file, and then nothing else is written either.
      #expect(try program.run("--in", "in.h5", "--out", "other.h5", "--report", "page.html").exitCode == 73)
      #expect(try !program.files.contains("other.h5"))
      #expect(
        try program.run("--in", "in.h5", "--out", "out.h5", "--force", "--report", "page.html").exitCode == 0)
      #expect(try program.text("page.html") != program.text("same.html"))
      // Never over an input.
      for input in ["in.h5", "second.h5"] {
        let inputs = ["in.h5", "second.h5"].map { program.bytes($0) }
        let command = ["--in", "in.h5", "second.h5", "--out", "new.h5", "--force", "--report", input]
        #expect(try program.run(command).exitCode == 73)
        #expect(["in.h5", "second.h5"].map { program.bytes($0) } == inputs)
        #expect(try !program.files.contains("new.h5"))
      }
      // Nor over the results, whatever they are called.
      for option in ["--force", "--resume"] {
        let results = program.bytes("out.h5")
        let command = ["--in", "in.h5", "--out", "out.h5", "--report", "./out.h5", option]
        #expect(try program.run(command).exitCode == 64, "\(option)")
        #expect(results != nil && program.bytes("out.h5") == results, "\(option)")
      }
      // With --resume one command line may be given again: of what is finished the page is made, too.
      let resumed = ["--in", "in.h5", "--out", "out.h5", "--resume", "--report", "later.html"]
      for _ in 0..<2 {
        let result = try program.run(resumed)
        #expect(result.exitCode == 0, "\(result.error)")
        #expect(try program.text("later.html").contains("/layer"))
      }
    },
    OptionEffect("run", "config") { program throws in
      try program.write(#"{"outputs": ["population"]}"#, to: "config.json")
      #expect(try program.run("--in", "in.h5", "--out", "out.h5", "--config", "config.json").exitCode == 0)
      #expect(
        try program.root("out.h5").group("layer").links().map(\.name) == [
          "population_mean", "population_var",
        ])
    },
    OptionEffect("run", "diagnose") { program throws in
      try program.write(#"{"outputs": ["output", "population"]}"#, to: "config.json")
      let command = ["--in", "in.h5", "--out", "out.h5", "--force", "--config", "config.json"]
      #expect(try program.run(command).exitCode == 0)
      let hasDiagnostics = try program.root("out.h5").group("layer").hasLink("diagnostics")
      #expect(!hasDiagnostics)
      #expect(try program.run(command + ["--diagnose"]).exitCode == 0)
      let layer = try program.root("out.h5").group("layer")
      #expect(
        try layer.links().map(\.name) == ["diagnostics", "output", "population_mean", "population_var"])
      let squares = try layer.dataset("diagnostics/grad_output_square_sum")
      #expect(squares.shape == [1, 3] && squares.type.numericType == .float64)
      let formula = try squares.readString(attribute: "formula")
      #expect(formula == "sum(dy^2)")
    },
    OptionEffect("run", "quantiles") { program throws in
      try program.write(#"{"outputs": ["population"], "quantiles": [10]}"#, to: "config.json")
      let command = ["--in", "in.h5", "--out", "out.h5", "--force", "--config", "config.json"]
      #expect(try program.run(command).exitCode == 0)
      #expect(try program.root("out.h5").dataset("layer/quantiles").shape == [1, 3])
      #expect(try program.run(command + ["--quantiles", "85,0,50"]).exitCode == 0)
      let quantiles = try program.root("out.h5").dataset("layer/quantiles")
      let saysWhich = try quantiles.attributeExists("percents")
      #expect(quantiles.shape == [3, 3] && saysWhich)
      let ascending = try quantiles.readDoubles()
      for feature in 0..<3 {
        #expect(
          ascending[feature] <= ascending[3 + feature] && ascending[3 + feature] <= ascending[6 + feature])
      }
      let plan = try program.object(program.run(command + ["--quantiles", "50", "--dry-run", "--json"]))
      let layers = try #require(plan["layers"] as? [[String: Any]])
      #expect(layers[0]["quantile_reads"] as? Int == 6)
      #expect((layers[0]["arrangement"] as? String)?.hasSuffix("; then read 6 times for quantiles") == true)
      #expect(layers[0]["bytes_to_read"] as? Int == 7 * 8 * 3 * 8)
    },
    OptionEffect("run", "histograms") { program throws in
      #expect(try program.run("--in", "in.h5", "--out", "out.h5").exitCode == 0)
      #expect(try !program.root("out.h5").hasPath("/layer/histograms"))
      let command = ["--in", "in.h5", "--out", "out.h5", "--force", "--histograms"]
      #expect(try program.run(command).exitCode == 0)
      for name in ["input", "output"] {
        let counts = try program.root("out.h5").dataset("layer/histograms/\(name)")
        #expect(try counts.shape == [2048] && counts.readIntegers().reduce(0, +) == 24)
      }
      let plan = try program.object(program.run(command + ["--dry-run", "--json"]))
      let layers = try #require(plan["layers"] as? [[String: Any]])
      #expect((layers[0]["arrangement"] as? String)?.hasSuffix("; then read 2 times for histograms") == true)
      // x and dy, and x twice more.
      #expect(layers[0]["bytes_to_read"] as? Int == 4 * 8 * 3 * 8)
    },
    OptionEffect("run", "force") { program throws in
      for (options, code) in [([], 73), (["--force"], 0)] as [([String], Int32)] {
        try program.write("precious", to: "out.h5")
        #expect(try program.run(["--in", "in.h5", "--out", "out.h5"] + options).exitCode == code)
        #expect(try File.isHDF5(program.path("out.h5")) == (code == 0))
      }
    },
    OptionEffect("run", "progress") { program throws in
      try program.makeLongInput()
      try program.expectProgress(["--in", "long.h5", "--out", "out.h5", "--config", "means.json"])
    },
    OptionEffect("run", "quiet") { program throws in
      let command = ["--in", "in.h5", "--out", "out.h5", "--force"]
      #expect(try program.run(command).output.contains("/layer  [8, 3]"))
      for options in [[], ["--dry-run"], ["--verbose"]] {
        let result = try program.run(command + ["--quiet"] + options)
        #expect(result.exitCode == 0 && result.output == "" && result.error == "", "\(options)")
      }
      #expect(try File.isHDF5(program.path("out.h5")))
      // Nor is progress shown, which is once a second else.
      try program.makeLongInput()
      let process = try program.start([
        "--in", "long.h5", "--out", "long-out.h5", "--config", "means.json", "--quiet", "--progress",
        "always",
      ])
      Thread.sleep(forTimeInterval: 1.5)
      kill(process.processIdentifier, SIGTERM)
      let long = try program.wait(for: process)
      #expect(long.exitCode == 75 && long.error.split(separator: "\n").count == 1, "\(long.error)")
    },
    OptionEffect("run", "verbose") { program throws in
      let command = ["--in", "in.h5", "--out", "out.h5", "--force"]
      #expect(try program.run(command).error == "")
      let result = try program.run(command + ["--verbose"])
      #expect(
        Line("debug: /layer: whole batches, ‹number› at once, contiguous data, read around HDF5")
          .matches(result.error.dropLast()), "\(result.error)")
    },
    OptionEffect("run", "log-format") { program throws in
      let command = ["--in", "in.h5", "--out", "out.h5", "--force"]
      let time = #"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"#
      let text = try program.run(command + ["--log-format", "text"])
      #expect(
        text.error.range(
          of: "^\(time) info /layer: done in [0-9.]+ s\n$", options: .regularExpression) != nil,
        "\(text.error)")
      let json = try program.run(command + ["--log-format=json"])
      #expect(
        json.error.range(
          of:
            #"^\{"bytes":[0-9]+,"layer":"/layer","level":"info","message":"done in [0-9.]+ s","seconds":[0-9.e-]+,"time":"\#(time)"\}\n$"#,
          options: .regularExpression) != nil, "\(json.error)")
    },
    OptionEffect("run", "json") { program throws in
      let result = try program.run("--in", "in.h5", "--out", "out.h5", "--json")
      let summary = try program.object(result)
      #expect(summary["status"] as? String == "done")
      #expect(summary["input"] as? String == "in.h5" && summary["output"] as? String == "out.h5")
    },
    OptionEffect("run", "resume") { program throws in
      let command = ["--in", "in.h5", "--out", "out.h5"]
      // The first time it runs, and says what it did; then there is nothing to do.
      #expect(try program.run(command + ["--resume"]).output.contains("/layer  [8, 3]"))
      let bytes = try Data(contentsOf: program.folder.appending(path: "out.h5"))
      let modified = try FileManager.default.attributesOfItem(atPath: program.path("out.h5"))[
        .modificationDate]
      #expect(try program.run(command).exitCode == 73)
      for options in [[], ["--threads", "1"], ["--memory", "64MiB"], ["--dry-run"]] {
        let again = try program.run(command + ["--resume"] + options)
        #expect(again.exitCode == 0 && again.error == "", "\(again.error)")
        #expect(again.output == "out.h5 is finished already, by the same job; nothing was done.\n")
      }
      let json = try program.object(program.run(command + ["--resume", "--json"]))
      #expect(json["status"] as? String == "done" && json["output"] as? String == "out.h5")
      #expect(json["inputs"] == nil)
      // Of several files all are named, whether there was anything to do or not.
      try program.make("third.h5") { try $0.createGroup("layer").addTensors([5, 3]) }
      for _ in 0..<2 {
        let several = ["--in", "in.h5", "third.h5", "--out", "several.h5", "--resume", "--json"]
        let summary = try program.object(program.run(several))
        #expect(summary["inputs"] as? [String] == ["in.h5", "third.h5"])
      }
      #expect(try Data(contentsOf: program.folder.appending(path: "out.h5")) == bytes)
      #expect(
        try FileManager.default.attributesOfItem(atPath: program.path("out.h5"))[.modificationDate] as? Date
          == modified as? Date)
      expectFailure(
        try program.run(command + ["--resume", "--epsilon", "0.5"]), 73,
        "out.h5: is finished, but by another job: other values of epsilon; choose another --out, or replace it with --force"
      )
      // What another program or another library wrote may have other bytes, and is another job's, too.
      for (attribute, value, difference) in [
        ("version", "0.0.9", "bn-stream was 0.0.9, now it is "),
        (
          "libraries", "HDF5 1.8.0",
          "it was computed with HDF5 1.8.0, now there is HDF5 \(HDF5Library.version)"
        ),
      ] {
        try FileManager.default.copyItem(atPath: program.path("out.h5"), toPath: program.path("draft.h5"))
        let draft = try File(updating: program.path("draft.h5"))
        if attribute == "version" {
          try draft.root.writeAttribute(attribute, value)
        } else {
          try draft.root.writeAttribute(attribute, [value])
        }
        try draft.close()
        // A copy has no locks.
        try FileManager.default.copyItem(atPath: program.path("draft.h5"), toPath: program.path("old.h5"))
        let old = try program.run("--in", "in.h5", "--out", "old.h5", "--resume")
        #expect(old.exitCode == 73 && old.output == "", "\(old.error)")
        #expect(old.error.hasPrefix("bn-stream: old.h5: is finished, but by another job: \(difference)"))
        try FileManager.default.removeItem(atPath: program.path("draft.h5"))
        try FileManager.default.removeItem(atPath: program.path("old.h5"))
      }
      let both = try program.run(command + ["--resume", "--force"])
      #expect(both.exitCode == 64 && both.error.contains("'--resume' goes on with what is there"))
      // Numbers may have changed that take the same bytes.
      try FileManager.default.changeTime(ofItemAtPath: program.path("in.h5"))
      expectFailure(
        try program.run(command + ["--resume"]), 73,
        "out.h5: is finished, but by another job: the input has another size or time of change; choose another --out, or "
          + "replace it with --force")
    },
    OptionEffect("run", "wait") { program throws in
      try program.make { try $0.createGroup("layer").addTensors([30_000, 3], gradient: false) }
      let command = ["--in", "in.h5", "--out", "out.h5", "--batch-size", "all", "--json", "--shard"]
      #expect(try program.run(command + ["0/2"]).exitCode == 75)
      #expect(try program.run(command + ["1/2"]).exitCode == 0)
      // The first one comes again, while nobody else has anything left to do.
      let last = try program.object(program.run(command + ["0/2", "--wait"]))
      #expect(last["status"] as? String == "done")
      // One that waits goes on when the other one has come.
      try FileManager.default.removeItem(at: program.folder.appending(path: "out.h5"))
      let waiting = try program.start(command + ["0/2", "--wait"])
      while !FileManager.default.fileExists(atPath: program.path("out.h5.partial/shard-0-of-2.ledger")) {
        usleep(10_000)
      }
      let other = try program.run(command + ["1/2", "--wait"])
      #expect(try other.exitCode == 0 && program.wait(for: waiting).exitCode == 0)
      #expect(try program.files.contains("out.h5") && !program.files.contains("out.h5.partial"))
    },
    OptionEffect("run", "shard") { program throws in
      let command = ["--in", "in.h5", "--out", "out.h5", "--batch-size", "3"]
      let part = try program.run(command + ["--shard", "1/2"])
      #expect(part.exitCode == 0 && part.output == "out.h5: shard 1/2 is finished; not finished: 0\n")
      #expect(try program.files.contains("out.h5.partial") && !program.files.contains("out.h5"))
      let last = try program.object(program.run(command + ["--shard", "0/2", "--json"]))
      #expect(last["status"] as? String == "done")
      let shard = try #require(last["shard"] as? [String: Any])
      #expect(shard["missing"] as? [Int] == [])
      #expect(shard["index"] as? Int == 0 && shard["count"] as? Int == 2)
      #expect(try !program.files.contains("out.h5.partial"))
      let bytes = try Data(contentsOf: program.folder.appending(path: "out.h5"))
      #expect(try program.run(command + ["--force"]).exitCode == 0)
      #expect(try Data(contentsOf: program.folder.appending(path: "out.h5")) == bytes)
      // The page is that of the one which finishes the output.
      let reported = ["--in", "in.h5", "--out", "new.h5", "--batch-size", "3", "--report", "page.html"]
      for (shard, isWritten) in [("0/2", false), ("1/2", true)] {
        #expect(try program.run(reported + ["--shard", shard]).exitCode == 0)
        #expect(try program.files.contains("page.html") == isWritten)
      }
    },
    OptionEffect("run", "dry-run") { program throws in
      let text = try program.run("--in", "in.h5", "--out", "out.h5", "--dry-run")
      #expect(text.output.hasSuffix(" of buffers. Nothing was written.\n"))
      let plan = try program.object(program.run("--in", "in.h5", "--dry-run", "--json"))
      #expect(plan["bytes_to_write"] as? Int == 2 * 8 * 3 * 8 && plan["status"] == nil)
      #expect(try program.files == ["in.h5", "second.h5"])
    },
  ]
}
