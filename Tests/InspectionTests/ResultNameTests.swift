import Configuration
import HDF5
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// Results are found by the names that other programs have for them, in the shapes that they have there.
@Suite(.timeLimit(.minutes(30))) struct ResultNameTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// x̂ is ∓1 in both features, and with dy = 3 nothing is left of dx and dγ.
  private func plan(batchSize: Int = 2, samples: Int = 2) throws -> JobPlan {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    configuration.batchSize = BatchSize(samples: batchSize)
    func repeated(_ values: [Double]) -> TemporaryFolder.Stored {
      .init(shape: [samples, 2], values: (0..<samples / 2).flatMap { _ in values })
    }
    return try Repository.plan(
      folder.file(
        "in.h5",
        ["bn/activations": repeated([1, -10, 3, 10]), "bn/grad_output": repeated([3, 3, 3, 3])]),
      configuration)
  }

  private func verify(_ plan: JobPlan, _ datasets: [String: TemporaryFolder.Stored]) throws
    -> LayerVerification
  {
    try plan.verified(against: folder.file("other.h5", datasets)).layers[0]
  }

  private static let values: [LayerResult: [Double]] = [
    .output: [-1, -1, 1, 1], .normalized: [-1, -1, 1, 1], .gradInput: [0, 0, 0, 0], .gradGamma: [0, 0],
    .gradBeta: [6, 6], .runningMean: [0.2, 0], .runningVariance: [1.1, 20.9], .batchMean: [2, 0],
    .batchVariance: [1, 100], .batchInvStd: [1, 0.1],
  ]

  static let names: [(LayerResult, String)] = LayerResult.allCases.flatMap { result in
    (result.otherNames + result.namesWithoutInput).map { (result, $0) }
  }

  @Test(arguments: names) func isFound(result: LayerResult, name: String) throws {
    let values = try #require(Self.values[result])
    let shape = values.count == 4 ? [2, 2] : [2]
    let right = try verify(plan(), ["bn/\(name)": .init(shape: shape, values: values)])
    #expect(right.comparisons.map(\.result) == [result.rawValue] && right.comparisons[0].agrees)
    #expect(right.ignored.isEmpty)
    let wrong = try verify(plan(), ["bn/\(name)": .init(shape: shape, values: values.map { $0 + 0.01 })])
    #expect(wrong.comparisons.map(\.agrees) == [false])
  }

  /// No name stands for two results.
  @Test func namesDiffer() {
    let all = LayerResult.allCases.flatMap { result in
      (result.group == nil ? result.names : result.otherNames) + result.namesWithoutInput
    }
    #expect(Set(all).count == all.count)
  }

  @Test func perBatchResultsMayLackTheBatchesOnlyIfThereIsOne() throws {
    let mean = TemporaryFolder.Stored(shape: [2], values: [2, 0])
    #expect(try verify(plan(), ["bn/batches/mean": mean]).comparisons.map(\.agrees) == [true])
    let two = try plan(samples: 4)
    #expect(throws: StreamError.self) { try verify(two, ["bn/save_mean": mean]) }
    #expect(throws: StreamError.self) { try verify(two, ["bn/batches/mean": mean]) }
    let rows = TemporaryFolder.Stored(shape: [2, 1, 2], values: [2, 0, 2, 0])
    #expect(try verify(two, ["bn/save_mean": rows]).comparisons.map(\.agrees) == [true])
  }

  /// What is called `mean` or `y` may be something else, and beside an input `var` is one.
  @Test func shortNamesMustSuit() throws {
    let output = TemporaryFolder.Stored(shape: [2, 2], values: [-1, -1, 1, 1])
    let strange = try verify(
      plan(),
      [
        "bn/output": output, "bn/mean": .init(shape: [3], values: [0, 0, 0]),
        "bn/y": .init(shape: [7], values: [0, 0, 0, 0, 0, 0, 0]),
      ])
    #expect(strange.comparisons.map(\.result) == ["output"] && strange.unknown.sorted() == ["mean", "y"])
    let labels = try verify(
      plan(),
      [
        "bn/activations": output, "bn/y": output, "bn/var": .init(shape: [2], values: [1, 1]),
        "bn/dx": .init(shape: [2, 2], values: [0, 0, 0, 0]),
      ])
    #expect(labels.comparisons.map(\.result) == ["grad_input"] && labels.unknown.sorted() == ["var", "y"])
  }

  /// What lies under /expected comes before what the layer's own group has, unless it is no result.
  @Test func expectedResultsComeFirst() throws {
    let right = TemporaryFolder.Stored(shape: [2, 2], values: [-1, -1, 1, 1])
    let wrong = TemporaryFolder.Stored(shape: [2, 2], values: [7, 7, 7, 7])
    let both = try verify(plan(), ["expected/bn/output": right, "bn/output": wrong])
    #expect(both.group == "/expected/bn" && both.comparisons.map(\.dataset) == ["/expected/bn/output"])
    #expect(both.comparisons.map(\.agrees) == [true])
    let notes = TemporaryFolder.Stored(shape: [1], values: [1])
    let own = try verify(plan(), ["expected/bn/notes": notes, "bn/output": right])
    #expect(own.group == "/bn" && own.comparisons.map(\.dataset) == ["/bn/output"])
    #expect(own.comparisons.map(\.agrees) == [true])
  }

  /// The same from run to run: the layer's own group first, then those in it by name.
  @Test func unknownNamesAreInOneOrder() throws {
    let one = TemporaryFolder.Stored(shape: [1], values: [1])
    let found = try verify(
      plan(),
      [
        "bn/output": .init(shape: [2, 2], values: [-1, -1, 1, 1]), "bn/zzz": one, "bn/batches/yyy": one,
        "bn/batches/zzz": one, "bn/diagnostics/xxx": one,
      ])
    #expect(found.unknown == ["zzz", "yyy", "zzz", "xxx"] && found.ignored == found.unknown)
  }

  @Test func twoNamesInTwoGroupsAreTooMany() throws {
    let mean = TemporaryFolder.Stored(shape: [1, 2], values: [2, 0])
    let plan = try plan()
    let file = folder.path("other.h5")
    #expect(
      throws: InspectionError.twoResults(
        file: file, group: "/bn/batches", names: ["/bn/save_mean", "mean"])
    ) { try verify(plan, ["bn/save_mean": mean, "bn/batches/mean": mean]) }
    #expect(throws: InspectionError.twoResults(file: file, group: "/bn", names: ["output", "y"])) {
      try verify(
        plan,
        [
          "bn/y": .init(shape: [2, 2], values: [0, 0, 0, 0]),
          "bn/output": .init(shape: [2, 2], values: [0, 0, 0, 0]),
        ])
    }
  }
}
