import Configuration
import Foundation
import Jobs
import LayerFiles
import Parallel
import Testing

@testable import bn_stream

/// What a user reads after a run, word by word.
@Suite("Summary as text", .timeLimit(.minutes(30)))
struct SummaryTextTests {
  private func summary(_ change: (inout LayerSummary) -> Void = { _ in }, seconds: Double) -> JobSummary {
    var layer = LayerSummary(
      path: "/bn", shape: [1000, 64], elementType: "float16", outputType: "float16", featureAxis: 1,
      features: 64, samples: 1000, batches: 4, batchSize: .samples(256), passes: 1, forwardOnly: false,
      statistics: .batch, gradient: .full, epsilon: 1e-5, momentum: .cumulative)
    layer.bytesRead = 3 << 30
    layer.bytesWritten = 1 << 20
    change(&layer)
    return JobSummary(
      status: .done, version: "1", input: "in.h5", output: "out.h5", layers: [layer],
      totals: JobTotals(of: [layer], seconds: seconds), threads: 2, memoryLimit: 1 << 30,
      peakMemoryBytes: 40 << 20)
  }

  private func lines(_ summary: JobSummary) -> [String] {
    SummaryText(summary).text.split(separator: "\n").map(String.init)
  }

  @Test("the table and the totals")
  func totals() {
    #expect(
      lines(summary(seconds: 0.5)) == [
        "layer  shape       type     batches  direction          wrote",
        "/bn    [1000, 64]  float16  4 × 256  forward, backward  1 MiB",
        "out.h5: 3 GiB read, 1 MiB written in 0.50 s, 6.44 GB/s, 2 threads, 40 MiB of memory",
      ])
  }

  @Test("what shards are missing", arguments: [0, 1, 10, 11, 12])
  func missingShards(count: Int) throws {
    var summary = summary(seconds: 0.5)
    summary.layers = []
    let object = #"{"index": 99, "count": 100, "missing": \#(Array(0..<count))}"#
    summary.shard = try JSONDecoder().decode(ShardSummary.self, from: Data(object.utf8))
    let expected: [Int: String] = [
      0: "; another shard's process finished the output", 1: "; not finished: 0",
      10: "; not finished: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
      11: "; not finished: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 1 more",
      12: "; not finished: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more",
    ]
    #expect(lines(summary).last == "out.h5: shard 99/100 is finished" + (expected[count] ?? "?"))
  }

  @Test(
    "whether dx is what theorem 4.1 says",
    arguments: [(1e-15, true), (1e-12, true), (2e-12, false), (0.01, false)])
  func identity(error: Double, holds: Bool) throws {
    let object =
      #"{"absent": [], "whole_batches": 4, "unshuffled_features": 0, "gradient_identity_error": \#(error)}"#
    let found = try JSONDecoder().decode(DiagnosticsSummary.self, from: Data(object.utf8))
    let lines = lines(summary({ $0.diagnostics = found }, seconds: 0.5))
    let number = error == 0.01 ? "0.01" : String(format: "%.0e", error)
    #expect(
      lines.contains(
        holds
          ? "/bn: the square of dx is what theorem 4.1 says, to \(number)"
          : "/bn: the square of dx is off from what theorem 4.1 says by \(number): compare with bn-stream check"
      ),
      "\(lines)")
  }

  @Test(
    "of one batch, and of a layer with one feature",
    arguments: [(1, "batch", 1, "feature"), (2, "batches", 3, "features")])
  func oneDiagnosed(batches: Int, batch: String, features: Int, feature: String) throws {
    let object =
      #"{"absent": [], "whole_batches": \#(batches), "unshuffled_features": 1, "shuffling_f": 9, "mean_error": 0.5, "#
      + #""var_error": 0.25, "mean_batches": 7, "var_batches": \#(batches)}"#
    let found = try JSONDecoder().decode(DiagnosticsSummary.self, from: Data(object.utf8))
    let lines = lines(
      summary(
        {
          $0.features = features
          $0.diagnostics = found
        }, seconds: 0.5))
    let sorted =
      "/bn: batches look sorted: F = 9 over samples, 1 of \(features) \(feature); shuffle before recording"
    let known: String =
      "/bn: after \(batches) \(batch) means are known to 50 % of a standard deviation, variances to 25 %; 1 % takes 7 and "
      + "\(batches) \(batch)"
    #expect(lines.contains(sorted) && lines.contains(known), "\(lines)")
  }

  @Test("the table is as wide as the terminal at most, and no column goes that has room", arguments: 40...90)
  func width(columns: Int) throws {
    let summary = summary({ $0.path = "/encoder/bn" }, seconds: 0.5)
    let lines = SummaryText(summary, columns: columns).text.split(separator: "\n").map(String.init)
    for line in lines { #expect(line.count <= columns, "\(line)") }
    let whole = "/encoder/bn  [1000, 64]  float16  4 × 256  forward, backward  1 MiB"
    // With a line of their own, two blanks further right.
    let below = [
      "  [1000, 64]  float16  4 × 256  forward, backward  1 MiB",
      "  [1000, 64]  4 × 256  forward, backward  1 MiB",
      "  [1000, 64]  4 × 256  1 MiB",
    ]
    let expected = columns >= whole.count ? whole : try #require(below.first { $0.count <= columns })
    #expect(lines.contains(expected), "\(lines)")
  }

  @Test("a run of a second and more says where its time went, all stages together 100 %")
  func shares() {
    var summary = summary(seconds: 1)
    summary.time = StageTimes(read: 1, decode: 2, compute: 3, encode: 4, write: 5, wait: 10)
    #expect(
      lines(summary).last
        == "of the threads' time: reading 4 %, decoding 8 %, computing 12 %, encoding 16 %, writing 20 %, waiting 40 %"
    )
    summary.time = StageTimes(read: 1, compute: 3)
    #expect(lines(summary).last == "of the threads' time: reading 25 %, computing 75 %")
  }

  @Test("each count has its note, and none without a count")
  func notes() {
    let all = summary(
      {
        $0.forwardOnly = true
        $0.passes = 2
        $0.emptyBatches = 1
        $0.droppedSamples = 2
        $0.neverWrittenSamples = 8
        $0.neverWrittenGradients = 1
        $0.maskedPositions = 3
        $0.nonfiniteInputs = 7
        $0.nonfiniteMaskedInputs = 3
        $0.nonfiniteFeatures = 6
        $0.spoiledFeatures = 5
        $0.nonfiniteParameters = ["running_var": 1, "gamma": 2]
        $0.varianceOverflowFeatures = 2
        $0.gradientOverflowFeatures = 3
        $0.zeroVarianceFeatures = 6
        $0.outputOverflow = 7
      }, seconds: 0.5)
    #expect(
      Array(lines(all).dropFirst(2).dropLast()) == [
        "/bn: no grad_output, so no gradients",
        "/bn: a batch exceeds the memory limit, so the input was read 2 times",
        "/bn: 1 empty batch, skipped",
        "/bn: 2 samples of an incomplete last batch dropped",
        "/bn: 8 samples of the activations never written, taken for the fill value",
        "/bn: 1 sample of the gradient never written, taken for the fill value",
        "/bn: 3 positions masked: in no statistic",
        "/bn: 4 infinite or NaN inputs in 5 features, whose results are not finite",
        "/bn: 3 infinite or NaN inputs masked: in no result but their own output",
        "/bn: 3 infinities or NaN in gamma, running_var: the results of such features are not finite",
        "/bn: 2 features whose variance exceeds the range of double precision: their results are not finite",
        "/bn: 3 features whose gradient exceeds the range of double precision: their results are not finite",
        "/bn: 6 features of variance 0 in a batch: there y = beta where values count",
        "/bn: 7 values too large for float16, now infinite",
      ])
    #expect(lines(summary(seconds: 0.5)).count == 3)
  }

  @Test("a note that is true of many layers stands once")
  func sharedNotes() {
    var many = summary({ $0.forwardOnly = true }, seconds: 0.5)
    many.layers = (0..<300).map { index in
      var layer = many.layers[0]
      layer.path = "/bn\(index)"
      layer.emptyBatches = index % 150
      return layer
    }
    let notes = lines(many).dropFirst(301).dropLast()
    #expect(notes.first == "/bn0, /bn1, /bn2 and 297 more: no grad_output, so no gradients")
    #expect(notes.dropFirst().first == "/bn1, /bn151: 1 empty batch, skipped")
    #expect(notes.last == "/bn149, /bn299: 149 empty batches, skipped" && notes.count == 150)
  }

  @Test("of three layers with one note all are named, and the rest is counted only where there is one")
  func namesInNotes() {
    let names: [Int: String] = [
      1: "/bn0", 3: "/bn0, /bn1, /bn2", 4: "/bn0, /bn1, /bn2 and 1 more",
      5: "/bn0, /bn1, /bn2 and 2 more",
    ]
    for (count, words) in names {
      var summary = summary({ $0.forwardOnly = true }, seconds: 0.5)
      summary.layers = (0..<count).map { index in
        var layer = summary.layers[0]
        layer.path = "/bn\(index)"
        return layer
      }
      #expect(lines(summary).dropLast().last == "\(words): no grad_output, so no gradients")
    }
  }

  @Test("one of each, and one thread")
  func singular() {
    var all = summary(
      {
        $0.emptyBatches = 1
        $0.droppedSamples = 1
        $0.neverWrittenSamples = 1
        $0.neverWrittenGradients = 2
        $0.maskedPositions = 1
        $0.nonfiniteInputs = 2
        $0.nonfiniteMaskedInputs = 1
        $0.spoiledFeatures = 1
        $0.nonfiniteParameters = ["beta": 1]
        $0.varianceOverflowFeatures = 1
        $0.gradientOverflowFeatures = 1
        $0.zeroVarianceFeatures = 1
        $0.outputOverflow = 1
      }, seconds: 0.5)
    all.threads = 1
    #expect(
      Array(lines(all).dropFirst(2)) == [
        "/bn: 1 empty batch, skipped",
        "/bn: 1 sample of an incomplete last batch dropped",
        "/bn: 1 sample of the activations never written, taken for the fill value",
        "/bn: 2 samples of the gradient never written, taken for the fill value",
        "/bn: 1 position masked: in no statistic",
        "/bn: 1 infinite or NaN input in 1 feature, whose results are not finite",
        "/bn: 1 infinite or NaN input masked: in no result but their own output",
        "/bn: 1 infinity or NaN in beta: the results of such features are not finite",
        "/bn: 1 feature whose variance exceeds the range of double precision: its results are not finite",
        "/bn: 1 feature whose gradient exceeds the range of double precision: its results are not finite",
        "/bn: 1 feature of variance 0 in a batch: there y = beta where values count",
        "/bn: 1 value too large for float16, now infinite",
        "out.h5: 3 GiB read, 1 MiB written in 0.50 s, 6.44 GB/s, 1 thread, 40 MiB of memory",
      ])
  }

  private func layer(
    _ path: String, _ settings: [(JobConfiguration.Key, any SettingValue, SettingOrigin)],
    _ datasets: [DatasetRole: String] = [:]
  ) -> LayerSummary {
    var layer = summary(seconds: 0).layers[0]
    layer.path = path
    for (key, value, origin) in settings { layer.settings.add(key, value, origin) }
    layer.datasets = RoleNames(datasets)
    return layer
  }

  @Test("what is not the default stands once, with who said it, and common things before a layer's own")
  func usedSettings() {
    let epsilon = (JobConfiguration.Key.epsilon, Epsilon(0.001)! as any SettingValue, SettingOrigin.option)
    let axis = (
      JobConfiguration.Key.featureAxis, FeatureAxis(3)! as any SettingValue, SettingOrigin.attribute
    )
    let layers = [
      layer("/a", [epsilon, axis], [.activations: "activations", .gamma: "weight"]),
      layer("/b", [epsilon], [.activations: "activations", .gamma: "gamma", .gradOutput: "dy"]),
      layer("/c", [axis, epsilon], [.gamma: "weight"]), layer("/d", [epsilon]),
    ]
    #expect(
      UsedSettings(layers).lines == [
        "all layers: epsilon 0.001 by option", "/a, /c: feature_axis 3 by attribute; gamma from weight",
        "/b: grad_output from dy",
      ])
    #expect(UsedSettings([layers[1]]).lines == ["/b: epsilon 0.001 by option; grad_output from dy"])
    #expect(UsedSettings([]).lines == [])
  }

  @Test("a default is quiet whoever said it, and so are the batches of offsets, which stand in the table")
  func quietSettings() {
    let defaults: [(JobConfiguration.Key, any SettingValue, SettingOrigin)] = [
      (.epsilon, Epsilon(1e-5)!, .option), (.momentum, Momentum.exponential(0.1), .attribute),
      (.statistics, StatisticsSource.batch, .configuration),
      (.batchSize, BatchDivision.offsets, .dataset), (.outputType, "float16", .byDefault),
    ]
    #expect(UsedSettings([layer("/a", defaults)]).lines == [])
    #expect(
      UsedSettings([layer("/a", [(.batchSize, BatchSize.samples(7), .attribute)])]).lines
        == ["/a: batch_size 7 by attribute"])
    // What JSON says with null has a word.
    #expect(
      UsedSettings([layer("/a", [(.momentum, Momentum.cumulative, .option)])]).lines
        == ["/a: momentum none by option"])
    var settings = LayerSettings(JobConfiguration())
    #expect(settings.entries.filter { !$0.isDefault } == [])
    settings.add(.gradient, GradientMode.detached.rawValue, .configuration)
    #expect(settings.entries.filter { !$0.isDefault }.map(\.key) == [.gradient])
  }

  @Test("hundreds of layers take few lines, and those that are left out are counted")
  func manySettings() {
    func value(_ value: Double) -> (JobConfiguration.Key, any SettingValue, SettingOrigin) {
      (.epsilon, Epsilon(value)!, .attribute)
    }
    let alike = (0..<300).map { layer("/bn\($0)", [value($0 % 2 == 0 ? 0.25 : 0.5)]) }
    #expect(
      UsedSettings(alike).lines == [
        "/bn0, /bn2, /bn4 and 147 more: epsilon 0.25 by attribute",
        "/bn1, /bn3, /bn5 and 147 more: epsilon 0.5 by attribute",
      ])
    let unlike = UsedSettings((0..<300).map { layer("/bn\($0)", [value(Double($0 / 2) + 0.5)]) }).lines
    #expect(unlike.count == 9 && unlike[7] == "/bn14, /bn15: epsilon 7.5 by attribute")
    #expect(
      unlike[8] == "284 more layers have settings or datasets of their own; --json tells all of them")
    let nine = UsedSettings((0..<9).map { layer("/bn\($0)", [value(Double($0) + 0.5)]) }).lines
    #expect(nine.count == 9 && nine[7] == "/bn7: epsilon 7.5 by attribute")
    #expect(nine[8] == "1 more layer has settings or datasets of their own; --json tells all of them")
  }

  @Test("below groups that are called like roles there is nothing to say")
  func groupedByRole() {
    let layers = ["/bn1", "/deep/bn2"].map {
      layer($0, [], [.activations: "activations/{layer}", .gradOutput: "grads/{layer}"])
    }
    #expect(UsedSettings(layers).lines == ["all layers: grad_output from grads/{layer}"])
    #expect(UsedSettings([layer("/bn1", [], [.activations: "{layer}"])]).lines == [])
  }

  @Test(
    "durations",
    arguments: [
      (0, "0 s"), (0.2, "1 s"), (59, "59 s"), (59.1, "1 min 0 s"), (61, "1 min 1 s"), (3599, "59 min 59 s"),
      (3600, "1 h 0 min"), (3660, "1 h 1 min"), (7325, "2 h 2 min"), (90_000, "25 h 0 min"),
    ] as [(Double, String)])
  func durations(seconds: Double, text: String) {
    #expect(ProgressLine.duration(seconds) == text)
  }

  @Test(
    "durations as on a clock, where there is little room",
    arguments: [
      (0, "0:00"), (59.1, "1:00"), (61, "1:01"), (3599, "59:59"), (3599.1, "1:00:00"), (3661, "1:01:01"),
      (90_119, "25:01:59"),
      (1e9, "999:00:00"),
    ] as [(Double, String)])
  func clock(seconds: Double, text: String) {
    #expect(ProgressLine.clock(seconds) == text)
  }
}
