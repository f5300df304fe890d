import Foundation
import HDF5
import TestSupport
import Testing

/// The options of `check` and `verify`.
extension OptionEffect {
  static let check: [OptionEffect] = [
    OptionEffect("check", "in") { program throws in
      let one = try program.run("check", "--in", "in.h5")
      let two = try program.run("check", "--in", "second.h5")
      #expect(one.exitCode == 0 && one.output.contains(", 3 of 3 features, "))
      #expect(two.exitCode == 0 && two.output.contains(", 4 of 4 features, "))
    },
    OptionEffect("check", "samples") { program throws in
      func count(_ options: [String]) throws -> Int? {
        let report = try program.object(program.run(["check", "--in", "in.h5", "--json"] + options))
        let differences = (report["layers"] as? [[String: Any]])?.first?["differences"] as? [[String: Any]]
        return differences?.first { $0["quantity"] as? String == "grad_input" }?["count"] as? Int
      }
      #expect(try count(["--samples", "5"]) == 5)
      #expect(try count(["--samples", "7"]) == 7)
      #expect(try count([]) == 8 * 3)
    },
    OptionEffect("check", "tolerance") { program throws in
      for (tolerance, code) in [("0", 1), ("1e-3", 0)] as [(String, Int32)] {
        let result = try program.run("check", "--in", "in.h5", "--tolerance", tolerance)
        #expect(result.exitCode == code && result.error == "")
        #expect(result.output.contains("FAILED") == (code == 1))
      }
    },
    OptionEffect("check", "config") { program throws in
      try program.write(#"{"batch_size": 4}"#, to: "config.json")
      let result = try program.run("check", "--in", "in.h5", "--config", "config.json")
      #expect(result.output.hasPrefix("/layer: 2 of 2 batches, "))
    },
    OptionEffect("check", "quiet") { program throws in
      for (tolerance, code) in [("0", 1), ("1e-3", 0)] as [(String, Int32)] {
        let result = try program.run("check", "--in", "in.h5", "--tolerance", tolerance, "--quiet")
        #expect(result.exitCode == code && result.output == "" && result.error == "")
      }
    },
    OptionEffect("check", "json") { program throws in
      for (tolerance, verdict) in [("0", "failed"), ("1e-3", "passed")] {
        let result = try program.run("check", "--in", "in.h5", "--tolerance", tolerance, "--json")
        #expect(try program.object(result)["verdict"] as? String == verdict)
      }
    },
  ]

  static let verify: [OptionEffect] = [
    OptionEffect("verify", "in") { program throws in
      try program.makeResults()
      #expect(try program.run("verify", "--in", "in.h5", "--against", "results.h5").exitCode == 0)
      let other = try program.run("verify", "--in", "second.h5", "--against", "results.h5")
      #expect(other.exitCode == 65)
      #expect(other.error.hasPrefix("bn-stream: results.h5: /layer/output has shape [8, 3], "))
      // Several, a pattern, or a list of them, each with half of the samples.
      let values = [1, 2].map { Group.numbers([8, 3], seed: $0) }
      for (file, rows) in [("acts-2.h5", 0..<4), ("acts-10.h5", 4..<8)] {
        try program.make(file) { root in
          let layer = try root.createGroup("layer")
          for (name, numbers) in zip(["activations", "grad_output"], values) {
            try layer.add(name, Array(numbers[3 * rows.lowerBound..<3 * rows.upperBound]), shape: [4, 3])
          }
        }
      }
      try program.write(#"["acts-2.h5", "acts-10.h5"]"#, to: "list.json")
      for inputs in [["acts-2.h5", "acts-10.h5"], ["acts-*.h5"], ["list.json"]] {
        let several = try program.run(["verify", "--against", "results.h5", "--in"] + inputs)
        #expect(several.exitCode == 0, "\(inputs): \(several.error)")
        let golden = ["verify", "--write-golden", "golden.h5", "--force", "--in"]
        #expect(try program.run(golden + inputs).exitCode == 0, "\(inputs)")
        #expect(try program.root("golden.h5").dataset("layer/activations").shape == [8, 3])
      }
    },
    OptionEffect("verify", "against") { program throws in
      try program.makeResults()
      #expect(
        try program.run("verify", "--in", "in.h5", "--against", "results.h5").output
          .hasSuffix("datasets of results.h5 agree with what bn-stream computes in float64\n"))
      try program.make("wrong.h5") { try $0.createGroup("layer").add("population_mean", [1, 2, 3]) }
      let wrong = try program.run("verify", "--in", "in.h5", "--against", "wrong.h5", "--allow-missing")
      #expect(wrong.exitCode == 1 && wrong.error == "")
      #expect(
        wrong.output.hasSuffix("1 of 1 dataset of wrong.h5 DIFFERS from what bn-stream computes in float64\n")
      )
    },
    OptionEffect("verify", "rtol") { program throws in
      try program.makeNearResults()
      #expect(try program.verifies(["--rtol", "0.009"]) == 1)
      #expect(try program.verifies(["--rtol", "0.011"]) == 0)
      #expect(try program.verifies([]) == 1)
    },
    OptionEffect("verify", "atol") { program throws in
      try program.makeNearResults()
      #expect(try program.verifies(["--atol", "0.009"]) == 1)
      #expect(try program.verifies(["--atol", "0.031"]) == 0)
      // Both count together.
      #expect(try program.verifies(["--atol", "0.02", "--rtol", "0.009"]) == 0)
    },
    OptionEffect("verify", "allow-missing") { program throws in
      try program.makeNearResults()
      let near = ["verify", "--in", "in.h5", "--against", "near.h5", "--rtol", "1"]
      let missing = try program.run(near)
      #expect(missing.exitCode == 1 && missing.error == "")
      #expect(
        missing.output.hasSuffix(
          """
          the 1 dataset of near.h5 agrees with what bn-stream computes in float64
          MISSING: output of /layer, grad_input of /layer; write what is missing, choose layers with --layer, or accept this with \
          --allow-missing

          """))
      let allowed = try program.run(near + ["--allow-missing"])
      #expect(allowed.exitCode == 0 && !allowed.output.contains("MISSING"))
      #expect(allowed.output.contains("/layer: not in near.h5: output, grad_input, "))
    },
    OptionEffect("verify", "folded") { program throws in
      try program.makeResults()
      let root = try program.root("results.h5")
      let mean = try root.dataset("layer/population_mean").readDoubles()
      let variance = try root.dataset("layer/population_var").readDoubles()
      let scale = variance.map { 1 / ($0 + 1e-5).squareRoot() }
      try program.make("folded.h5") { root in
        let layer = try root.createGroup("layer")
        try layer.add("scale", scale)
        try layer.add("bias", zip(mean, scale).map { -$0 * $1 })
      }
      let folded = ["verify", "--in", "in.h5", "--against", "folded.h5"]
      #expect(try program.run(folded).exitCode == 65)
      let result = try program.run(folded + ["--folded"])
      #expect(result.exitCode == 0 && result.error == "")
      #expect(result.output.contains("/layer: folded with the statistics of all values\n"))
      // Mean 2 and variance 4: scale 1/2 and bias -1.
      try program.make("given.h5") { root in
        let layer = try root.createGroup("layer")
        try layer.addTensors([8, 1])
        try layer.addRunningStatistics([2], [4])
      }
      try program.make("folded.h5") { root in
        let layer = try root.createGroup("layer")
        try layer.add("scale", [0.5])
        try layer.add("bias", [-1])
      }
      let given = try program.run(
        "verify", "--in", "given.h5", "--against", "folded.h5", "--folded", "--epsilon", "0")
      #expect(given.exitCode == 0 && given.error == "")
      #expect(given.output.contains("/layer: folded with the given running statistics\n"))
    },
    OptionEffect("verify", "write-golden") { program throws in
      let made = try program.run("verify", "--write-golden", "golden.h5")
      #expect(made.exitCode == 0 && made.error == "")
      #expect(try program.run("verify", "--in", "golden.h5", "--against", "golden.h5").exitCode == 0)
      #expect(try program.root("golden.h5").hasPath("/expected/large_mean/batches/var"))
      let own = try program.run("verify", "--write-golden", "own.h5", "--in", "in.h5", "--json")
      let layers = try #require(program.object(own)["layers"] as? [[String: Any]])
      #expect(layers.compactMap { $0["path"] as? String } == ["/layer"])
      #expect(try program.run("verify", "--in", "own.h5", "--against", "own.h5").exitCode == 0)
    },
    OptionEffect("verify", "golden-arrays") { program throws in
      let command = ["verify", "--write-golden", "golden.h5", "--golden-arrays", "golden.npz"]
      let result = try program.run(command)
      #expect(
        result.exitCode == 0
          && result.output.hasSuffix("golden.npz: the same as arrays of NumPy, with index.json\n"))
      #expect(try program.run(shell: "head -c 4 golden.npz").output == "PK\u{3}\u{4}")
      // Neither is written where one of them cannot be.
      #expect(try program.run(shell: "rm golden.h5").exitCode == 0)
      #expect(try program.run(command).exitCode == 73)
      #expect(try !program.files.contains("golden.h5"))
      // Never over the input.
      let before = program.bytes("in.h5")
      let own = [
        "verify", "--write-golden", "golden.h5", "--golden-arrays", "in.h5", "--in", "in.h5", "--force",
      ]
      #expect(try program.run(own).exitCode == 73)
      #expect(try program.bytes("in.h5") == before && !program.files.contains("golden.h5"))
    },
    OptionEffect("verify", "golden-samples") { program throws in
      #expect(try program.succeeds("verify", "--write-golden", "golden.h5", "--golden-samples", "7"))
      #expect(try program.root("golden.h5").dataset("large_mean/activations").shape == [7, 8])
      #expect(
        try program.succeeds("verify", "--write-golden", "own.h5", "--in", "in.h5", "--golden-samples", "5"))
      #expect(try program.root("own.h5").dataset("layer/activations").shape == [5, 3])
    },
    OptionEffect("verify", "golden-features") { program throws in
      #expect(try program.succeeds("verify", "--write-golden", "golden.h5", "--golden-features", "5"))
      #expect(try program.root("golden.h5").dataset("channels_last/activations").shape == [64, 3, 4, 5])
      #expect(
        try program.succeeds("verify", "--write-golden", "own.h5", "--in", "in.h5", "--golden-features", "2"))
      #expect(try program.root("own.h5").dataset("layer/activations").shape == [8, 2])
    },
    OptionEffect("verify", "golden-nonfinite") { program throws in
      #expect(try program.succeeds("verify", "--write-golden", "golden.h5"))
      #expect(try !program.root("golden.h5").hasLink("nonfinite"))
      #expect(try program.succeeds("verify", "--write-golden", "more.h5", "--golden-nonfinite"))
      let values = try program.root("more.h5").dataset("nonfinite/activations").readDoubles()
      #expect(values.contains(where: \.isNaN) && values.contains(.infinity))
    },
    OptionEffect("verify", "force") { program throws in
      try program.write("precious", to: "golden.h5")
      #expect(try program.run("verify", "--write-golden", "golden.h5").exitCode == 73)
      #expect(try program.succeeds("verify", "--write-golden", "golden.h5", "--force"))
      #expect(try program.root("golden.h5").hasLink("expected"))
    },
    OptionEffect("verify", "config") { program throws in
      try program.makeResults()
      try program.write(#"{"epsilon": 0.5}"#, to: "config.json")
      #expect(try program.run("verify", "--in", "in.h5", "--against", "results.h5").exitCode == 0)
      #expect(
        try program.run("verify", "--in", "in.h5", "--against", "results.h5", "--config", "config.json")
          .exitCode == 1)
    },
    OptionEffect("verify", "progress") { program throws in
      try program.makeLongInput()
      try program.expectProgress(["verify", "--in", "long.h5", "--against", "means.h5"])
    },
    OptionEffect("verify", "quiet") { program throws in
      try program.makeNearResults()
      for (tolerance, code) in [("0", 1), ("1", 0)] as [(String, Int32)] {
        let result = try program.run(
          "verify", "--in", "in.h5", "--against", "near.h5", "--allow-missing", "--rtol", tolerance, "--quiet"
        )
        #expect(result.exitCode == code && result.output == "" && result.error == "")
      }
    },
    OptionEffect("verify", "json") { program throws in
      try program.makeNearResults()
      for (tolerance, agrees) in [("0", false), ("1", true)] {
        let result = try program.run(
          "verify", "--in", "in.h5", "--against", "near.h5", "--rtol", tolerance, "--json")
        #expect(try program.object(result)["agrees"] as? Bool == agrees)
      }
    },
  ]
}

extension Program {
  /// The program's own results for in.h5, as results.h5.
  fileprivate func makeResults() throws {
    #expect(try run("--in", "in.h5", "--out", "results.h5", "--quiet").exitCode == 0)
  }

  /// A file near.h5 with population means that are off by a hundredth, and of which the largest is below 3.
  fileprivate func makeNearResults() throws {
    try makeResults()
    let means = try root("results.h5").dataset("layer/population_mean").readDoubles()
    try make("near.h5") { root in
      try root.createGroup("layer").add("population_mean", means.map { $0 * 1.01 })
    }
  }

  fileprivate func succeeds(_ arguments: String...) throws -> Bool { try run(arguments).exitCode == 0 }

  fileprivate func verifies(_ options: [String]) throws -> Int32 {
    try run(["verify", "--in", "in.h5", "--against", "near.h5", "--allow-missing"] + options).exitCode
  }
}
