import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

@testable import Explain

/// The file with an experiment's numbers.
@Suite(.timeLimit(.minutes(30))) struct ExplanationFileTests {
  /// What was found of old and new numbers is not written.
  @Test(arguments: [false, true]) func anInputThatChangesGivesNoFile(changes: Bool) throws {
    let folder = try TemporaryFolder()
    let (input, output) = (folder.path("in.h5"), folder.path("out.h5"))
    try FileManager.default.copyItem(atPath: Repository.fixture("rank2.h5"), toPath: input)
    let plan = try JobPlan(
      Job(input: input, output: output, configuration: JobConfiguration(), replacesOutput: false))
    let file = ExplanationFile([], from: plan.input, for: plan.job)
    if changes {
      try FileManager.default.changeTime(ofItemAtPath: input)
      #expect(throws: StreamError.inputChanged(path: input)) { try file.write(to: output) }
    } else {
      try file.write(to: output)
    }
    #expect(FileManager.default.fileExists(atPath: output) == !changes)
  }

  /// That an output cannot be written is known before an experiment on the sample begins.
  @Test func anOutputIsCheckedBefore() throws {
    let folder = try TemporaryFolder()
    let (output, lost) = (folder.path("out.h5"), folder.path("none/out.h5"))
    try ExplanationFile.check(path: output, replaces: false)
    try Data("precious".utf8).write(to: URL(fileURLWithPath: output))
    #expect(throws: StreamError.outputExists(path: output)) {
      try ExplanationFile.check(path: output, replaces: false)
    }
    try ExplanationFile.check(path: output, replaces: true)
    #expect(throws: StreamError.self) { try ExplanationFile.check(path: lost, replaces: true) }
    #expect(try folder.bytes("out.h5") == Data("precious".utf8) && folder.names == ["out.h5"])
  }

  /// Each layer has a group of its own, also beside another one's.
  @Test func layersAreToldApart() throws {
    let folder = try TemporaryFolder()
    let (input, output) = (folder.path("in.h5"), folder.path("out.h5"))
    try FileManager.default.copyItem(atPath: Repository.fixture("rank2.h5"), toPath: input)
    let plan = try JobPlan(
      Job(input: input, output: output, configuration: JobConfiguration(), replacesOutput: false))
    let errors = [("/a/bn1", 1e-16), ("/a/bn2", 0.5), ("/c", 0)] as [(String, Double)]
    let explanations = errors.map { layer, error in
      Explanation(
        .identity, on: ExplainedData(file: input, layer: layer, batch: 0, count: 4, features: 1),
        [Measure(.identityError, nil, error, .atMost(1e-15))])
    }
    try ExplanationFile(explanations, from: plan.input, for: plan.job).write(to: output)
    let root = try File(reading: output).root
    for (layer, error) in errors {
      let group = try root.group(String(layer.dropFirst()))
      #expect(try group.readString(attribute: "topic") == "identity", "\(layer)")
      #expect(
        try group.readString(attribute: "verdict") == (error == 0.5 ? "refuted" : "held"), "\(layer)")
      #expect(
        try group.group("measures").readDouble(attribute: "identity_error") == error, "\(layer)")
    }
  }

  /// A quantity has a measure for each variant, and a series its path.
  @Test func variantsAreToldApart() throws {
    let folder = try TemporaryFolder()
    let (input, output) = (folder.path("in.h5"), folder.path("out.h5"))
    try FileManager.default.copyItem(atPath: Repository.fixture("rank2.h5"), toPath: input)
    let plan = try JobPlan(
      Job(input: input, output: output, configuration: JobConfiguration(), replacesOutput: false))
    let explanation = Explanation(
      .saturation, on: ExplainedData(file: input, layer: "/a/bn", batch: 0, count: 4, features: 1),
      [
        Measure(.shareInside, .xHat, 0.75), Measure(.shareInside, .gamma4, 0.25),
        Measure(.constantFeatures, nil, 3),
      ], series: [Series("x_hat/histogram", [2, 2], [1, 2, 3, 4]), Series("gamma_4/histogram", [5, 6])])
    try ExplanationFile([explanation], from: plan.input, for: plan.job).write(to: output)
    let group = try File(reading: output).root.group("a/bn")
    let measures = try group.group("measures")
    #expect(
      try measures.attributeNames().sorted() == [
        "constant_features", "share_inside.gamma_4", "share_inside.x_hat",
      ])
    #expect(try measures.readDouble(attribute: "share_inside.x_hat") == 0.75)
    #expect(try measures.readDouble(attribute: "share_inside.gamma_4") == 0.25)
    #expect(try measures.readDouble(attribute: "constant_features") == 3)
    let histogram = try group.dataset("x_hat/histogram")
    #expect(try histogram.shape == [2, 2] && histogram.readDoubles() == [1, 2, 3, 4])
    #expect(try group.dataset("gamma_4/histogram").readDoubles() == [5, 6])
  }

  /// A job whose output nobody waits for, or somebody does.
  private func plan(_ folder: TemporaryFolder, _ configuration: String = "{}") throws -> JobPlan {
    let input = folder.path("in.h5")
    try FileManager.default.copyItem(atPath: Repository.fixture("rank2.h5"), toPath: input)
    return try JobPlan(
      Job(
        input: input, output: folder.path("out.h5"),
        configuration: JobConfiguration(json: configuration, source: "test"), replacesOutput: false))
  }

  /// The storage device has the file before the command ends, unless that is not wanted.
  @Test(arguments: [true, false]) func theDeviceHasTheFile(synchronizes: Bool) throws {
    let folder = try TemporaryFolder()
    let plan = try plan(folder, #"{"sync": \#(synchronizes)}"#)
    let calls = WatchedFileCalls()
    try calls.watch {
      try ExplanationFile([], from: plan.input, for: plan.job).write(to: folder.path("out.h5"))
    }
    #expect(calls.calls.contains { $0.kind == .synchronize } == synchronizes)
    #expect(FileManager.default.fileExists(atPath: folder.path("out.h5")))
  }

  /// Whether there is room is known before anything is written: eight bytes for each number of all series of all layers.
  @Test(arguments: [48, 47]) func theSpaceIsThatOfAllSeries(free: Int) throws {
    let folder = try TemporaryFolder()
    let output = folder.path("out.h5")
    let plan = try plan(folder)
    let layers: [[[Double]]] = [[[1, 2, 3]], [[4, 5], [6]]]
    var explanations: [Explanation] = []
    for (index, lists) in layers.enumerated() {
      let data = ExplainedData(file: "in.h5", layer: "/layer\(index)", batch: 0, count: 4, features: 1)
      let series = lists.enumerated().map { number, values in Series("series\(number)", values) }
      explanations.append(Explanation(.identity, on: data, [], series: series))
    }
    let file = ExplanationFile(explanations, from: plan.input, for: plan.job)
    let calls = WatchedFileCalls { call, _ in call.kind == .freeByteCount ? .free(free) : .made }
    if free < 48 {
      #expect(throws: StreamError.notEnoughSpace(path: output, need: 48, free: free)) {
        try calls.watch { try file.write(to: output) }
      }
    } else {
      try calls.watch { try file.write(to: output) }
    }
    #expect(FileManager.default.fileExists(atPath: folder.path("out.h5")) == (free == 48))
  }
}
