import Foundation
import HDF5
import TestSupport
import Testing

/// `verify` of layers that are computed some features at a time, against results as other programs keep them.
@Suite(.timeLimit(.minutes(30))) struct VerifySlicesTests {
  private static let features = 40_000
  private static let options = ["--batch-size", "3", "--memory", "64MiB", "--threads", "2"]
  private static let results = [
    "batches/mean", "batches/var", "batches/grad_gamma", "running_var", "grad_beta",
  ]

  /// Features in the template's place 0, all other axes of length 1; stored in one piece, or in chunks that do not end where slices do.
  @Test(arguments: [[1, 0, 1], [0, 1], [1, 1, 0]], [false, true])
  func furtherAxes(template: [Int], isChunked: Bool) throws {
    let program = try Program()
    try program.make { root in
      try root.createGroup("layer").addTensors([6, Self.features], type: .float32)
    }
    let plan = try program.run(["--in", "in.h5", "--dry-run"] + Self.options)
    try #require(plan.output.contains("features at a time"))
    #expect(try program.run(["--in", "in.h5", "--out", "out.h5"] + Self.options).exitCode == 0)
    let computed = try File(reading: program.path("out.h5")).root.group("layer")
    func write(_ name: String, changing changed: (result: String, place: Int)?) throws {
      try program.make(name) { root in
        for result in Self.results {
          let names = result.split(separator: "/").map(String.init)
          let dataset = try (names.count == 2 ? computed.group(names[0]) : computed).dataset(names.last!)
          var values = try dataset.readDoubles()
          if let changed, changed.result == result { values[changed.place] += 1 }
          let shape = dataset.shape.dropLast() + template.map { $0 == 0 ? Self.features : 1 }
          try (root.descendant((["layer"] + names.dropLast()).joined(separator: "/")) as Group).add(
            names.last!, values, shape: Array(shape),
            storage: isChunked
              ? .chunked(shape: shape.map { $0 > 2 ? 7000 : 1 }, filters: [.deflate(level: 1)]) : .contiguous)
        }
      }
    }
    try write("other.h5", changing: nil)
    let verify = ["verify", "--in", "in.h5", "--against", "other.h5", "--allow-missing"] + Self.options
    let agreed = try program.run(verify)
    #expect(agreed.exitCode == 0, "\(agreed.error)")
    // In the second batch, and in a vector, far behind the first slice.
    for (result, place) in [("batches/var", Self.features + 31_234), ("running_var", 31_234)] {
      try write("other.h5", changing: (result, place))
      let differing = try program.run(verify + ["--json"])
      #expect(differing.exitCode == 1, "\(differing.error)")
      let layers = try #require(try program.object(differing)["layers"] as? [[String: Any]])
      let comparisons = try #require(layers.first?["comparisons"] as? [[String: Any]])
      let wrong = comparisons.filter { $0["agrees"] as? Bool == false }
      #expect(wrong.map { $0["result"] as? String } == [result])
      #expect(
        wrong.first?["index"] as? [Int] == (result == "running_var" ? [31_234] : [1, 31_234]))
    }
  }

  /// The comparison has some of the memory: where too little is left it is named with the rest, and what is named is enough.
  @Test func theMemoryThatIsNamedIsEnough() throws {
    let program = try Program()
    try program.make { root in
      try root.createGroup("layer").addTensors([6, Self.features], type: .float32)
    }
    let options = ["--in", "in.h5", "--batch-size", "3", "--threads", "1"]
    #expect(try program.run(options + ["--out", "out.h5", "--memory", "17MiB"]).exitCode == 0)
    let verify = ["verify"] + options + ["--against", "out.h5", "--memory"]
    let refused = try program.run(verify + ["17MiB"])
    #expect(refused.exitCode == 78, "\(refused.output)\(refused.error)")
    #expect(refused.error.contains(" of memory, but the limit is 17 MiB; give --memory "), "\(refused.error)")
    let named = try #require(refused.error.firstMatch(of: /give --memory ([0-9]+)MiB/)?.1)
    let agreed = try program.run(verify + ["\(named)MiB"])
    #expect(agreed.exitCode == 0, "\(named) MiB: \(agreed.error)")
  }

  /// Of layers that are folded with the statistics of all values, which are computed some features at a time.
  @Test func foldedStatisticsOfLaterSlices() throws {
    let program = try Program()
    try program.make { root in
      try root.createGroup("layer").addTensors([6, Self.features], type: .float32)
    }
    try program.write(#"{"outputs": ["population"]}"#, to: "config.json")
    let options = ["--memory", "17MiB", "--threads", "1", "--config", "config.json"]
    let plan = try program.run(["--in", "in.h5", "--dry-run"] + options)
    try #require(plan.output.contains("features at a time"), "\(plan.output)")
    #expect(try program.run("--in", "in.h5", "--out", "out.h5", "--config", "config.json").exitCode == 0)
    let computed = try File(reading: program.path("out.h5")).root.group("layer")
    let (means, variances) = (
      try computed.dataset("population_mean").readDoubles(),
      try computed.dataset("population_var").readDoubles()
    )
    for (change, code) in [(0.0, 0), (0.5, 1)] as [(Double, Int32)] {
      try program.make("folded.h5") { root in
        var scale = variances.map { 1 / ($0 + 1e-5).squareRoot() }
        let bias = zip(means, scale).map { -$0 * $1 }
        scale[31_234] += change
        let layer = try root.createGroup("layer")
        try layer.add("scale", scale)
        try layer.add("bias", bias)
      }
      let result = try program.run(
        ["verify", "--in", "in.h5", "--folded", "--against", "folded.h5"] + options)
      #expect(result.exitCode == code, "\(result.output)\(result.error)")
      #expect(result.output.contains("[31234]") == (code == 1))
    }
  }
}
