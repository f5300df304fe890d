import BatchNorm
import Foundation
import HDF5
import TestSupport
import Testing

/// Results of parts are pooled to those of the whole.
@Suite(.timeLimit(.minutes(30))) struct MergeTests {
  private static let outputs = #"{"outputs": ["population", "moments"], "batch_size": 10}"#

  /// A layer of images with a mask, and a vector layer with a large mean, cut into files at some samples.
  private func makeParts(_ program: Program, cuts: [Int], infinity: Bool = false) throws {
    let count = 300
    var random = SeededGenerator(seed: 11)
    let images = (0..<count * 3 * 4).map { _ in Double.random(in: -2...5, using: &random) }
    let vectors = (0..<count * 5).map { 1e6 + Double($0 / 50) + Double.random(in: -1...1, using: &random) }
    let mask = (0..<count * 4).map { _ in Bool.random(using: &random) ? 1.0 : 0 }
    let ranges = zip([0] + cuts, cuts + [count]).map { $0..<$1 } + [0..<count]
    for (number, range) in ranges.enumerated() {
      try program.make(number == ranges.count - 1 ? "all.h5" : "part\(number).h5") { root in
        func add(_ path: [String], _ shape: [Int], _ values: [Double]) throws {
          var group = root
          for name in path.dropLast() {
            group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
          }
          let row = shape.reduce(1, *)
          try group.createDataset(
            path.last!, type: .float64, shape: [range.count] + shape, storage: .contiguous
          )
          .writeDoubles(Array(values[range.lowerBound * row..<range.upperBound * row]))
        }
        try add(["net", "images", "activations"], [3, 4], images)
        try add(["net", "images", "mask"], [4], mask)
        var values = vectors
        if infinity { values[7] = .infinity }
        try add(["vectors", "activations"], [5], values)
      }
    }
    try program.write(Self.outputs, to: "c.json")
    for name in (0..<ranges.count - 1).map({ "part\($0)" }) + ["all"] {
      let run = try program.run("--in", "\(name).h5", "--out", "\(name)-out.h5", "--config", "c.json")
      #expect(run.exitCode == 0, "\(run.error)")
    }
  }

  private func numbers(_ program: Program, _ file: String, _ path: String) throws -> [Double] {
    var group = try File(reading: program.path(file)).root
    let names = path.split(separator: "/").map(String.init)
    for name in names.dropLast() { group = try group.group(name) }
    return try group.dataset(names.last!).readDoubles()
  }

  private static let results = [
    "population_mean", "population_var", "moments/count", "moments/mean", "moments/m2",
  ]

  /// Cut between batches, in one step or several: the same bits, with masks, at a large mean.
  @Test(arguments: [[100], [37, 57], [10, 160, 290]]) func partsGiveTheWhole(cuts: [Int]) throws {
    let program = try Program()
    try makeParts(program, cuts: cuts)
    let parts = (0...cuts.count).map { "part\($0)-out.h5" }
    let merge = try program.run(["merge"] + parts + ["--out", "merged.h5"])
    #expect(merge.exitCode == 0 && merge.output.hasSuffix("merged.h5: \(parts.count) files pooled\n"))
    // Two first, then the rest.
    #expect(try program.run(["merge"] + parts.prefix(2) + ["--out", "two.h5"]).exitCode == 0)
    #expect(try program.run(["merge", "two.h5"] + parts.dropFirst(2) + ["--out", "again.h5"]).exitCode == 0)
    for layer in ["net/images", "vectors"] {
      for result in Self.results {
        let expected = try numbers(program, "all-out.h5", "\(layer)/\(result)")
        for file in ["merged.h5", "again.h5"] {
          let found = try numbers(program, file, "\(layer)/\(result)")
          if cuts.allSatisfy({ $0.isMultiple(of: 10) }) {
            #expect(found == expected, "\(layer)/\(result)")
          } else {
            // Other batches are summed, each to a few units in the last place.
            let off = zip(found, expected).map { abs($0 - $1) / abs($1) }
            #expect(off.allSatisfy { $0 < 2e-15 }, "\(layer)/\(result)")
          }
        }
      }
    }
    // What averaging the variances would give is far less: the vectors' mean grows along the file.
    let report = try program.object(program.run(["merge"] + parts + ["--out", "json.h5", "--json"]))
    let layers = try #require(report["layers"] as? [[String: Any]])
    #expect(layers.map { $0["path"] as? String } == ["/net/images", "/vectors"])
    #expect(layers.map { $0["samples"] as? Int } == [300, 300])
    let between = try #require(layers[1]["between_files"] as? Double)
    let m2 = try numbers(program, "all-out.h5", "vectors/moments/m2")
    var within = [0.0, 0, 0, 0, 0]
    for part in parts { within = zip(within, try numbers(program, part, "vectors/moments/m2")).map(+) }
    let expected = zip(within, m2).map { 1 - $0 / $1 }.reduce(0, +) / 5
    #expect(abs(between - expected) < 1e-12 && between > 0.01)
    #expect(merge.output.contains("net/images") && merge.output.contains("between files"))
  }

  /// The share between files is that of the features that vary; where none does, nothing is said of it.
  @Test(arguments: [true, false]) func theShareOfWhatVaries(varies: Bool) throws {
    let program = try Program()
    // The second feature has means 1 and 5 in the files, and a variance of 1 in each: 4 of 5 lie between.
    for (name, mean) in [("a", 1.0), ("b", 5)] {
      try program.make("\(name).h5") { root in
        let values = [-1.0, 1, -1, 1].flatMap { (deviation: Double) -> [Double] in
          [3, varies ? mean + deviation : 7, 3]
        }
        try root.createGroup("layer").createDataset(
          "activations", type: .float64, shape: [4, 3], storage: .contiguous
        )
        .writeDoubles(values)
      }
      try program.write(#"{"outputs": ["moments"], "batch_size": 4}"#, to: "c.json")
      let run = try program.run("--in", "\(name).h5", "--out", "\(name)-out.h5", "--config", "c.json")
      #expect(run.exitCode == 0, "\(run.error)")
    }
    let merge = ["merge", "a-out.h5", "b-out.h5", "--out", "m.h5", "--json"]
    let result = try program.run(merge)
    try #require(result.exitCode == 0, "\(result.error)")
    let layers = try #require(program.object(result)["layers"] as? [[String: Any]])
    let share = layers[0]["between_files"] as? Double
    if varies { #expect(abs(try #require(share) - 0.8) < 1e-15) } else { #expect(share == nil) }
    let text = try program.run("merge", "a-out.h5", "b-out.h5", "--out", "n.h5").output
    let row = try #require(text.split(separator: "\n").first { $0.hasPrefix("/layer") })
    let shown: [String] = varies ? ["80", "%"] : ["-"]
    #expect(row.split(separator: " ").map(String.init) == ["/layer", "3", "8", "8"] + shown)
  }

  /// Layers may share a group, and one may lie in another one's.
  @Test(arguments: [["net/bn1", "net/bn2"], ["net/bn", "net/bn/inner"], ["bn", "bn/deep/inner"]])
  func layersMayShareAGroup(paths: [String]) throws {
    let program = try Program()
    try program.make { root in
      for (path, values) in zip(paths, [[0.0, 0, 2, 2], [1, 1, 3, 3]]) {
        try root.descendant(path).add("activations", values, shape: [4, 1])
      }
    }
    try program.write(#"{"outputs": ["moments"], "batch_size": 4}"#, to: "c.json")
    let run = try program.run("--in", "in.h5", "--out", "out.h5", "--config", "c.json")
    try #require(run.exitCode == 0, "\(run.error)")
    let merge = try program.run("merge", "out.h5", "out.h5", "--out", "m.h5", "--json")
    try #require(merge.exitCode == 0, "\(merge.error)")
    let layers = try #require(program.object(merge)["layers"] as? [[String: Any]])
    #expect(layers.map { $0["path"] as? String } == paths.map { "/" + $0 })
    #expect(layers.map { $0["samples"] as? Int } == [8, 8])
    for (path, mean) in zip(paths, [1.0, 2]) {
      let found = [
        try numbers(program, "m.h5", "\(path)/population_mean"),
        try numbers(program, "m.h5", "\(path)/population_var"),
        try numbers(program, "m.h5", "\(path)/moments/count"),
      ]
      #expect(found == [[mean], [1], [8]], "\(path)")
    }
  }

  /// A layer that another program has given a second name, or a link back to where it lies, is one layer, by its first name.
  @Test func aLayerOfTwoNamesIsOne() throws {
    let program = try Program()
    try program.makeMoments(["one.h5": ["bn": 2], "two.h5": ["bn": 2]])
    try program.make("linked.h5") { root in
      try root.writeAttribute("program", "bn-stream")
      let layer = try root.createGroup("bn")
      try layer.add("population_mean", [1, 1])
      let moments = try layer.createGroup("moments")
      try moments.writeAttribute("samples", 1)
      for vector in ["count", "mean", "mean_rest", "m2", "m2_rest"] { try moments.add(vector, [1, 1]) }
      layer.addHardLink("back", to: "/")
      root.addHardLink("same", to: "/bn")
    }
    let lines = [
      ["report", "linked.h5"], ["compare", "one.h5", "linked.h5"],
      ["merge", "one.h5", "linked.h5", "--out", "m.h5"],
    ]
    for line in lines {
      let result = try program.run(line + ["--json"])
      try #require(result.exitCode == 0, "\(line): \(result.error)")
      let layers = try #require(program.object(result)["layers"] as? [[String: Any]])
      #expect(layers.map { $0["path"] as? String } == ["/bn"], "\(line)")
    }
    let compared = try program.object(program.run("compare", "one.h5", "linked.h5", "--json"))
    #expect(compared["only_in_second"] as? [String] == [])
  }

  /// Moments in two Doubles each are those of the values themselves, to far below their last bit.
  @Test func momentsLoseNothing() throws {
    // Σx = 2^53 + 3 over three values: the mean has a rest. Σ(x - mean)² by hand.
    let program = try Program()
    try program.make { root in
      try root.createGroup("a").createDataset(
        "activations", type: .float64, shape: [3, 1], storage: .contiguous
      )
      .writeDoubles([0x1p53, 2, 0])
    }
    try program.write(#"{"outputs": ["moments"], "batch_size": "all"}"#, to: "c.json")
    #expect(try program.run("--in", "in.h5", "--out", "out.h5", "--config", "c.json").exitCode == 0)
    let mean = try numbers(program, "out.h5", "a/moments/mean")[0]
    let rest = try numbers(program, "out.h5", "a/moments/mean_rest")[0]
    // 3·mean = 2^53 + 2, exactly in integers once the rest is there.
    let (high, low) = (Int(mean), mean - mean.rounded(.towardZero) + rest)
    #expect(abs(Double(3 * high - (1 << 53) - 2) + 3 * low) < 1e-14)
  }

  /// What was known before is the population's statistics, or running ones where a file has no others; it weighs as many samples as are said.
  @Test(arguments: [(true, true), (true, false), (false, true)])
  func aPriorsStatistics(hasPopulation: Bool, hasRunning: Bool) throws {
    let program = try Program()
    try makeParts(program, cuts: [100])
    try program.make("before.h5") { root in
      for path in ["net/images", "vectors"] {
        let (layer, count) = (try root.descendant(path) as Group, path == "vectors" ? 5 : 3)
        func add(_ names: [String], _ mean: Double) throws {
          try layer.add(names[0], Array(repeating: mean, count: count))
          try layer.add(names[1], Array(repeating: 2 * mean, count: count))
        }
        if hasPopulation { try add(["population_mean", "population_var"], 8) }
        if hasRunning { try add(["running_mean", "running_var"], 32) }
      }
    }
    let merge = ["merge", "part0-out.h5", "part1-out.h5", "--out", "m.h5", "--prior", "before.h5:100"]
    #expect(try program.run(merge).exitCode == 0)
    let before = hasPopulation ? 8.0 : 32
    for layer in ["net/images", "vectors"] {
      for (statistic, prior) in [("mean", before), ("var", 2 * before)] {
        let now = try numbers(program, "m.h5", "\(layer)/population_\(statistic)")
        let blended = try numbers(program, "m.h5", "\(layer)/running_\(statistic)")
        // 100 samples of before and 300 of now: (100·before + 300·now)/400, to some units in the last place.
        #expect(blended.count == now.count && !now.isEmpty)
        for (blended, now) in zip(blended, now) {
          let expected = (100 * prior + 300 * now) / 400
          #expect(abs(blended - expected) <= 4e-16 * (prior + abs(now)))
        }
      }
    }
  }

  /// A mean without a variance is no statistic: then the running ones are blended with.
  @Test(arguments: ["population_mean", "population_var"]) func halfOfAPriorsStatisticsIsNone(name: String)
    throws
  {
    let program = try Program()
    try program.makeMoments(["in.h5": ["a": 2]])
    try program.make("before.h5") { root in
      let layer = try root.createGroup("a")
      try layer.add(name, [64, 64])
      try layer.addRunningStatistics([4, 8], [2, 6])
    }
    let merge = try program.run("merge", "in.h5", "--out", "m.h5", "--prior", "before.h5:1")
    try #require(merge.exitCode == 0, "\(merge.error)")
    for (statistic, before) in [("mean", [4.0, 8]), ("var", [2, 6])] {
      let now = try numbers(program, "m.h5", "a/population_\(statistic)")
      let blended = try numbers(program, "m.h5", "a/running_\(statistic)")
      // A sample of before and one of now.
      let expected = zip(before, now).map { ($0 + $1) / 2 }
      #expect(blended == expected)
    }
  }

  /// The number of samples is behind the last colon: a file's name may have others.
  @Test(arguments: ["be:fore.h5", "2026-11-26T09:30.h5", ":h5"]) func aPriorsNameMayHaveColons(name: String)
    throws
  {
    let program = try Program()
    try makeParts(program, cuts: [100])
    try FileManager.default.copyItem(atPath: program.path("part1-out.h5"), toPath: program.path(name))
    let merge = try program.run("merge", "part0-out.h5", "--out", "m.h5", "--prior", "\(name):100")
    #expect(merge.exitCode == 0)
    #expect(merge.output.hasSuffix("\nm.h5: 1 file pooled, blended with \(name) as 100 samples\n"))
    // 100 samples of before and 100 of now.
    let (before, now) = (
      try numbers(program, name, "vectors/population_mean"),
      try numbers(program, "m.h5", "vectors/population_mean")
    )
    for (found, (before, now)) in zip(
      try numbers(program, "m.h5", "vectors/running_mean"), zip(before, now))
    {
      #expect(abs(found - (before + now) / 2) <= 4e-16 * abs(now))
    }
  }

  /// A value that is not finite spoils its feature, however often its file is merged, and no other.
  @Test func whatIsNotFiniteStays() throws {
    let program = try Program()
    try makeParts(program, cuts: [100], infinity: true)
    for order in [["part0-out.h5", "part1-out.h5"], ["part1-out.h5", "part0-out.h5"]] {
      #expect(try program.run(["merge"] + order + ["--out", "m.h5", "--force"]).exitCode == 0)
      let (mean, variance) = (
        try numbers(program, "m.h5", "vectors/population_mean"),
        try numbers(program, "m.h5", "vectors/population_var")
      )
      #expect(
        mean.indices.filter { !mean[$0].isFinite } == [2]
          && variance.indices.filter { !variance[$0].isFinite } == [2])
    }
  }

  /// Who is killed or interrupted in the middle leaves nothing; a file that is damaged is said to be.
  @Test func nothingIsLeftOfAFailure() throws {
    let program = try Program()
    try makeParts(program, cuts: [100])
    let before = try program.files
    var bytes = try Data(contentsOf: URL(fileURLWithPath: program.path("part1-out.h5")))
    bytes.removeLast(bytes.count / 2)
    try bytes.write(to: URL(fileURLWithPath: program.path("part1-out.h5")))
    let result = try program.run("merge", "part0-out.h5", "part1-out.h5", "--out", "m.h5")
    #expect(result.exitCode == 65 && result.error.contains("part1-out.h5"))
    #expect(try program.files == before)
  }

  /// The samples of before are said as they are given, whole numbers whole.
  @Test(
    arguments: [
      ("1", "1 sample"), ("1234567", "1234567 samples"), ("16000000", "16000000 samples"),
      ("2.5", "2.5 samples"), ("1234567.5", "1234567.5 samples"),
    ])
  func aPriorsSamplesAreSaid(given: String, words: String) throws {
    let program = try Program()
    try program.makeMoments(["in.h5": ["a": 2]])
    try program.make("before.h5") { try $0.createGroup("a").addRunningStatistics([4, 8], [2, 6]) }
    let merge = try program.run("merge", "in.h5", "--out", "m.h5", "--prior", "before.h5:\(given)")
    #expect(merge.exitCode == 0)
    #expect(merge.output.hasSuffix("\nm.h5: 1 file pooled, blended with before.h5 as \(words)\n"))
  }
}
