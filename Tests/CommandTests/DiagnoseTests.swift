import Foundation
import HDF5
import TestSupport
import Testing

/// What `--diagnose` says, and what it leaves out.
@Suite(.timeLimit(.minutes(30))) struct DiagnoseTests {
  private struct Run {
    let text: String
    let summary: [String: Any]
    let root: Group

    func diagnostics(_ layer: Int = 0) throws -> [String: Any] {
      let layers = try #require(summary["layers"] as? [[String: Any]])
      return try #require(layers[layer]["diagnostics"] as? [String: Any])
    }

    func names(_ layer: String) throws -> [String] {
      try root.group(layer).group("diagnostics").links().map(\.name)
    }
  }

  private func run(_ configuration: String = "{}", _ build: (Group) throws -> Void) throws -> Run {
    let program = try Program()
    try program.make { try build($0) }
    try program.write(configuration, to: "config.json")
    let command = ["--in", "in.h5", "--out", "out.h5", "--config", "config.json", "--diagnose"]
    let text = try program.run(command)
    #expect(text.exitCode == 0 && text.error == "", "\(text.error)")
    let object = try JSONSerialization.jsonObject(
      with: Data(program.run(command + ["--force", "--json"]).output.utf8))
    return Run(
      text: text.output, summary: try #require(object as? [String: Any]),
      root: try File(reading: program.path("out.h5")).root)
  }

  /// 400 pictures of 3 features and 16 positions, which are alike within a picture.
  private static func pictures(sorted: Bool) -> [Double] {
    var random = SeededGenerator(seed: 5)
    var own = (0..<400).map { _ in Double.random(in: 0..<1, using: &random) }
    if sorted { own.sort() }
    return own.flatMap { value in
      (0..<48).map { 10 + ($0 / 16 == 1 ? value : Double.random(in: 0..<1, using: &random)) }
    }
  }

  private static func add(_ group: Group, sorted: Bool) throws {
    try group.add("activations", pictures(sorted: sorted), shape: [400, 3, 4, 4])
    var random = SeededGenerator(seed: 6)
    try group.add(
      "grad_output", (0..<19_200).map { _ in Double.random(in: -1..<1, using: &random) },
      shape: [400, 3, 4, 4])
    try group.writeAttribute("batch_size", 40)
  }

  @Test func sortedDataIsSaid() throws {
    let found = try run { try Self.add($0.createGroup("a"), sorted: true) }
    #expect(
      found.text.contains(
        #/\/a: batches look sorted: F = \d+(\.\d)?e?\+?\d* over samples, 1 of 3 features; shuffle before recording\n/#
      ))
    let diagnostics = try found.diagnostics()
    #expect(diagnostics["unshuffled_features"] as? Int == 1)
    let f = try found.root.dataset("a/diagnostics/shuffling_f").readDoubles()
    #expect(diagnostics["shuffling_f"] as? Double == f[1] && f[1] > 100)
  }

  /// Positions of one picture are correlated: F over values would be large.
  @Test func shuffledPicturesAreNoAlarm() throws {
    let found = try run { try Self.add($0.createGroup("a"), sorted: false) }
    #expect(found.text.contains("/a: batches look shuffled: F = "))
    let diagnostics = try found.diagnostics()
    #expect(diagnostics["unshuffled_features"] as? Int == 0 && diagnostics["whole_batches"] as? Int == 10)
    #expect(try #require(diagnostics["gradient_identity_error"] as? Double) < 1e-12)
    #expect(found.text.contains("/a: the square of dx is what theorem 4.1 says, to "))
    #expect(diagnostics["absent"] as? [String] == [])
    #expect(diagnostics["gaussian_batch_noise"] == nil)
    #expect(found.summary["gradient_growth"] == nil)
  }

  private static let ofDx = [
    "beta_coherence", "gamma_coherence", "grad_input_normalized_sum", "grad_input_square_sum",
    "grad_input_sum", "gradient_identity_error",
  ]
  private static let ofDy = ["grad_output_square_sum", "gradient_scale", "mean_share", "normalized_share"]
  private static let ofBatches = [
    "batch_noise", "mean_batches", "mean_standard_error", "shuffling_f", "shuffling_p", "var_batches",
    "var_standard_error",
  ]

  /// Without an apply pass, without a gradient, with a mask, with given statistics.
  @Test func whatCannotBeHadIsLeftOutAndSaid() throws {
    let withoutPass = try run(#"{"outputs": ["batches"]}"#) {
      try Self.add($0.createGroup("a"), sorted: false)
    }
    #expect(try withoutPass.names("a") == (Self.ofDy + Self.ofBatches).sorted())
    #expect(
      withoutPass.text.contains(
        "/a: no output, normalized or grad_input is written, so nothing is said of dx: ask for one in outputs\n"
      ))
    let absent = try #require(withoutPass.diagnostics()["absent"] as? [String])
    #expect(absent.sorted() == Self.ofDx.map { "diagnostics/\($0)" })

    let forward = try run {
      let group = try $0.createGroup("a")
      try group.add("activations", Self.pictures(sorted: false), shape: [400, 3, 4, 4])
      try group.writeAttribute("batch_size", 40)
    }
    #expect(try forward.names("a") == Self.ofBatches)
    #expect(try forward.diagnostics()["mean_share"] == nil && forward.diagnostics()["batch_noise"] != nil)

    let masked = try run {
      let group = try $0.createGroup("a")
      try Self.add(group, sorted: false)
      try group.add("mask", (0..<400).map { $0 % 3 == 0 ? 0 : 1 }, shape: [400])
    }
    #expect(
      try masked.names("a")
        == (Self.ofDx + Self.ofDy + Self.ofBatches.filter { !$0.hasPrefix("shuffling") }).sorted())

    // What the mean and x̂ take of a masked gradient is found where dx is.
    let maskedWithoutPass = try run(#"{"outputs": ["batches"]}"#) {
      let group = try $0.createGroup("a")
      try Self.add(group, sorted: false)
      try group.add("mask", (0..<400).map { $0 % 3 == 0 ? 0 : 1 }, shape: [400])
    }
    #expect(
      try maskedWithoutPass.names("a")
        == (["grad_output_square_sum", "gradient_scale"]
        + Self.ofBatches.filter { !$0.hasPrefix("shuffling") })
        .sorted())

    let given = try run(#"{"statistics": "running"}"#) {
      let group = try $0.createGroup("a")
      try Self.add(group, sorted: false)
      try group.add("running_mean", [10, 10, 10], shape: [3])
      try group.add("running_var", [1, 2, 3], shape: [3])
    }
    #expect(
      try given.names("a") == (Self.ofDx + Self.ofDy + Self.ofBatches.filter { $0 != "batch_noise" }).sorted()
    )
    #expect(try given.root.dataset("a/diagnostics/mean_share").readDoubles().allSatisfy { $0 == 0 })
  }

  /// A smaller last batch has other noise, and is left out of what is about batches of one size.
  @Test func aSmallerLastBatchIsAnother() throws {
    let found = try run(#"{"batch_size": 150}"#) { try Self.add($0.createGroup("a"), sorted: false) }
    let diagnostics = try found.diagnostics()
    #expect(diagnostics["whole_batches"] as? Int == 2)
    #expect(found.text.contains("/a: after 2 batches means are known to "))
    let means = try found.root.dataset("a/batches/mean").readDoubles()
    let error = try found.root.dataset("a/diagnostics/mean_standard_error").readDoubles()
    // Of two numbers the standard error is half their distance.
    for feature in 0..<3 {
      #expect(abs(error[feature] - abs(means[feature] - means[3 + feature]) / 2) < 1e-12)
    }
  }

  /// A batch that is larger than the data has the data's samples, and so what is expected of its gradient: (B - 2)/(B - 3) with B = 6.
  @Test(arguments: ["6", "7", "256", #""all""#]) func growthOfABatchLargerThanTheData(size: String) throws {
    let found = try run(#"{"batch_size": \#(size)}"#) { root in
      for name in ["fc1", "fc2"] { try root.createGroup(name).addTensors([6, 4]) }
    }
    // The one batch there is lacks nothing.
    #expect(try found.diagnostics()["whole_batches"] as? Int == 1)
    let growth = try #require(found.summary["gradient_growth"] as? [String: Any])
    let steps = try #require(growth["steps"] as? [[String: Any]])
    #expect(steps.count == 1)
    #expect(abs(try #require(steps[0]["linear"] as? Double) - 4.0 / 3) < 1e-15)
    // ((5 + J0)/(1 - J1) - 1)/3 with c = -1/5, by Python.
    #expect(abs(try #require(steps[0]["relu"] as? Double) - 2.003778624437054) < 1e-14)
    #expect(
      found.text.contains(" times as large; with ReLU at initialization 2.004 times\n"), "\(found.text)")
  }

  /// Of more features than are added up together, all count: the summary has the mean of their noise, and how many look sorted.
  @Test(arguments: [5, 67]) func allFeaturesCount(sorted: Int) throws {
    let (batches, count, features) = (6, 20, 70)
    var random = SeededGenerator(seed: 11)
    var x = (0..<batches * count * features).map { _ in Double.random(in: 0..<1, using: &random) }
    for sample in 0..<batches * count { x[sample * features + sorted] = Double(sample) }
    let found = try run(#"{"batch_size": 20}"#) { root in
      try root.createGroup("a").add("activations", x, shape: [batches * count, features])
    }
    let noise = try found.root.dataset("a/diagnostics/batch_noise").readDoubles()
    #expect(noise.count == features && noise.allSatisfy(\.isFinite))
    let mean = noise.reduce(0, +) / Double(features)
    let said = try #require(found.diagnostics()["batch_noise"] as? Double)
    #expect(abs(said - mean) <= 1e-12 * mean)
    #expect(try found.diagnostics()["unshuffled_features"] as? Int == 1)
    // The largest of all, wherever it is.
    let f = try found.root.dataset("a/diagnostics/shuffling_f").readDoubles()
    #expect(f.count == features && f.max() == f[sorted])
    #expect(try found.diagnostics()["shuffling_f"] as? Double == f[sorted])
    let needed = try found.root.dataset("a/diagnostics/mean_batches").readDoubles()
    #expect(try found.diagnostics()["mean_batches"] as? Double == needed.max())
  }

  /// What is expected of a step holds for batch statistics and the whole gradient alone.
  @Test(arguments: [#"{"statistics": "running"}"#, #"{"gradient": "detached"}"#])
  func nothingIsExpectedOfOtherGradients(configuration: String) throws {
    let found = try run(configuration) { root in
      for name in ["fc1", "fc2"] {
        let layer = try root.createGroup(name)
        try layer.addTensors([6, 4])
        try layer.addRunningStatistics([1, 1, 1, 1], [1, 1, 1, 1])
      }
    }
    let growth = try #require(found.summary["gradient_growth"] as? [String: Any])
    let steps = try #require(growth["steps"] as? [[String: Any]])
    #expect(steps.count == 1 && steps[0]["growth"] as? Double == 1)
    #expect(steps[0]["linear"] == nil && steps[0]["relu"] == nil)
  }

  /// Of a mask's batches it is not known what Gaussian data would give.
  @Test(arguments: [false, true]) func gaussianNoiseIsOfAllValues(hasMask: Bool) throws {
    let found = try run(#"{"batch_size": 10}"#) { root in
      let layer = try root.createGroup("a")
      try layer.addTensors([40, 3])
      if hasMask { try layer.add("mask", (0..<40).map { $0 % 10 == 3 ? 0 : 1 }, type: .int8) }
    }
    let diagnostics = try found.diagnostics()
    #expect(diagnostics["batch_noise"] != nil)
    #expect((diagnostics["gaussian_batch_noise"] == nil) == hasMask)
  }

  /// Where no batch's noise is known, as of one alone, and where nothing is normalized by batches, it is compared with nothing.
  @Test(arguments: [#"{"batch_size": "all"}"#, #"{"batch_size": 10, "statistics": "running"}"#])
  func gaussianNoiseIsBesideThatOfBatches(configuration: String) throws {
    let found = try run(configuration) { root in
      let layer = try root.createGroup("a")
      try layer.addTensors([40, 3])
      try layer.addRunningStatistics([1, 1, 1], [1, 1, 1])
    }
    let diagnostics = try found.diagnostics()
    #expect(diagnostics["batch_noise"] == nil && diagnostics["gaussian_batch_noise"] == nil)
  }

  /// Layers in the natural order of their names, where nobody says another, or not of all of them.
  @Test(arguments: [false, true]) func growthInTheOrderOfNames(oneHasADepth: Bool) throws {
    let found = try run { root in
      for name in ["fc1", "fc2", "fc10"] { try Self.add(root.createGroup(name), sorted: false) }
      if oneHasADepth { try root.group("fc10").writeAttribute("depth", 0) }
    }
    let growth = try #require(found.summary["gradient_growth"] as? [String: Any])
    let steps = try #require(growth["steps"] as? [[String: Any]])
    #expect(growth["order"] as? String == "names")
    #expect(steps.map { $0["from"] as? String } == ["/fc10", "/fc2"])
    #expect(steps.map { $0["to"] as? String } == ["/fc2", "/fc1"])
    #expect(steps.allSatisfy { $0["growth"] as? Double == 1 && $0["relu"] == nil })
    #expect(
      found.text.contains(
        "from /fc10 back to /fc2 the square of dx is 1 times as large\nfrom /fc2 back to /fc1 the square of dx is 1 times "
          + "as large\n"
          + "the order of the layers is that of their names: a layer's attribute depth says another\n"))
  }

  /// Where two layers run side by side, as their depth says, the natural order of their names decides.
  @Test func growthOfLayersOfOneDepth() throws {
    let found = try run { root in
      for (name, depth) in [("fc1", 0), ("fc2", 1), ("fc10", 1)] {
        let layer = try root.createGroup(name)
        try layer.addTensors([6, 4])
        try layer.writeAttribute("depth", depth)
      }
    }
    let growth = try #require(found.summary["gradient_growth"] as? [String: Any])
    let steps = try #require(growth["steps"] as? [[String: Any]])
    #expect(growth["order"] as? String == "depth")
    #expect(steps.map { $0["from"] as? String } == ["/fc10", "/fc2"])
    #expect(steps.map { $0["to"] as? String } == ["/fc2", "/fc1"])
  }

  /// A layer that no gradient reaches has no part in it: the step is from the one behind it, whose dx is three times as large, to the one before.
  @Test func growthPassesOverALayerWithoutAGradient() throws {
    let found = try run { root in
      for (name, factor) in [("fc1", 1.0), ("fc2", 0.0), ("fc3", 3.0)] {
        let layer = try root.createGroup(name)
        try layer.addTensors([6, 4], gradient: false)
        try layer.add("grad_output", Group.numbers([6, 4], seed: 2).map { factor * $0 }, shape: [6, 4])
      }
    }
    let growth = try #require(found.summary["gradient_growth"] as? [String: Any])
    let steps = try #require(growth["steps"] as? [[String: Any]])
    #expect(steps.count == 1)
    #expect(steps[0]["from"] as? String == "/fc3" && steps[0]["to"] as? String == "/fc1")
    #expect(abs(try #require(steps[0]["growth"] as? Double) - 1.0 / 9) < 1e-12)
  }

  /// What is expected of a step holds for batches of one size: it is left out where the file divides them as it likes.
  @Test func nothingIsExpectedOfUnevenBatches() throws {
    let found = try run { root in
      for name in ["fc1", "fc2"] {
        let layer = try root.createGroup(name)
        try layer.addTensors([12, 4])
        try layer.add("batch_offsets", [0, 5, 12], type: .int64)
      }
    }
    let growth = try #require(found.summary["gradient_growth"] as? [String: Any])
    let steps = try #require(growth["steps"] as? [[String: Any]])
    #expect(steps.count == 1 && steps[0]["growth"] != nil)
    #expect(steps[0]["linear"] == nil && steps[0]["relu"] == nil)
  }

  /// Nor is anything expected of a step between layers whose batches are of two sizes.
  @Test func nothingIsExpectedBetweenTwoSizes() throws {
    let found = try run { root in
      for (name, size) in [("fc1", 4), ("fc2", 6)] {
        let layer = try root.createGroup(name)
        try layer.addTensors([12, 4])
        try layer.writeAttribute("batch_size", size)
      }
    }
    let growth = try #require(found.summary["gradient_growth"] as? [String: Any])
    let steps = try #require(growth["steps"] as? [[String: Any]])
    #expect(steps.count == 1 && steps[0]["growth"] != nil)
    #expect(steps[0]["linear"] == nil && steps[0]["relu"] == nil)
  }
}
