import Configuration
import Foundation
import HDF5
import Parallel
import TestSupport
import Testing

@testable import Jobs
@testable import LayerFiles

/// What stands in several files beside the activations: parameters, which are those of all, and masks, which are each file's own.
@Suite(.timeLimit(.minutes(30))) struct JoinedParametersTests {
  /// Parameters must be the same in all files where a result is computed from them, and only there.
  @Test(arguments: [
    ("running_mean", #"{"sync": false}"#, false),
    ("running_mean", #"{"sync": false, "momentum": null}"#, true),
    ("running_mean", #"{"sync": false, "momentum": 1}"#, true),
    ("running_mean", #"{"sync": false, "momentum": 0.875}"#, false),
    ("gamma", #"{"sync": false}"#, false), ("gamma", #"{"sync": false, "outputs": ["population"]}"#, true),
  ])
  func whatNoResultNeedsMayDiffer(name: String, json: String, isAllowed: Bool) throws {
    let folder = try TemporaryFolder()
    for (index, number) in [1.0, 2].enumerated() {
      let file = try File(anew: folder.path("\(index).h5"))
      let layer = try file.root.createGroup("layer")
      try layer.createDataset("activations", type: .float64, shape: [4, 1], storage: .contiguous)
        .writeDoubles([1, 2, 3, 4])
      try layer.createDataset(name, type: .float64, shape: [1], storage: .contiguous).writeDoubles([number])
      try file.close()
    }
    let inputs = ["0.h5", "1.h5"].map { folder.path($0) }
    let job = Job(
      inputs: inputs, output: nil, configuration: try JobConfiguration(json: json, source: "test"),
      replacesOutput: false)
    let result = Result { try JobPlan(job) }
    if isAllowed {
      #expect(throws: Never.self) { try result.get() }
    } else {
      #expect(
        throws: StreamError.filesDiffer(
          file: inputs[1], .value(dataset: "/layer/\(name)", feature: 0, 2, expected: 1), like: inputs[0])
      ) { try result.get() }
    }
  }

  /// Parameters need stand in the first file only, and those that others repeat may be no numbers there, too.
  @Test(arguments: [2, -0.0, .nan, .infinity] as [Double]) func parametersOfFurtherFiles(number: Double)
    throws
  {
    let folder = try TemporaryFolder()
    let inputs = (0..<3).map { folder.path("\($0).h5") }
    for (index, input) in inputs.enumerated() {
      let file = try File(anew: input)
      let layer = try file.root.createGroup("layer")
      try layer.createDataset("activations", type: .float64, shape: [4, 1], storage: .contiguous)
        .writeDoubles([1, 2, 3, 4])
      if index != 1 {
        for name in ["gamma", "beta"] {
          try layer.createDataset(name, type: .float64, shape: [1], storage: .contiguous)
            .writeDoubles([number])
        }
      }
      try file.close()
    }
    let plan = try JobPlan(
      Job(inputs: inputs, output: nil, configuration: JobConfiguration(), replacesOutput: false))
    let layer = try #require(plan.layers.first)
    #expect(layer.sampleCount == 12)
    let nonfinite: [DatasetRole: Int] = number.isFinite ? [:] : [.gamma: 1, .beta: 1]
    #expect(layer.nonfiniteGiven == nonfinite)
  }

  /// Each file's mask is of its own shape and its own numbers: an entry for each sample, one for all, and a column.
  @Test func masksOfFurtherFilesAreOfTheirOwnKind() throws {
    let folder = try TemporaryFolder()
    let inputs = (0..<3).map { folder.path("\($0).h5") }
    // What counts is 0 and 2, all of the second file, and 21: seven numbers whose sum is 70.
    let values: [[Double]] = [[0, 1, 2, 3], [10, 11, 12, 14], [20, 21, 22, 23]]
    let types = [NumericType.native(.int8), .float32, NumericType(kind: .float64, byteOrder: .big)]
    let shapes = [[4], [1], [4, 1]]
    let entries: [[Double]] = [[1, 0, 1, 0], [0.5], [0, 0.25, 0, 0]]
    for (index, input) in inputs.enumerated() {
      let file = try File(anew: input)
      let layer = try file.root.createGroup("layer")
      try layer.createDataset("activations", type: .float64, shape: [4, 1], storage: .contiguous)
        .writeDoubles(values[index])
      try layer.createDataset("mask", type: types[index], shape: shapes[index], storage: .contiguous)
        .writeDoubles(entries[index])
      try file.close()
    }
    let configuration = try JobConfiguration(
      json: #"{"batch_size": "all", "outputs": ["population"], "sync": false}"#, source: "test")
    let job = Job(
      inputs: inputs, output: folder.path("out.h5"), configuration: configuration, replacesOutput: false)
    let summary = try Execution(JobPlan(job), progress: JobProgress(), cancellation: Cancellation())
      .write(to: folder.path("out.h5"))
    #expect(summary.layers[0].maskedPositions == 5)
    let means = try File(reading: folder.path("out.h5")).root.dataset("layer/population_mean").readDoubles()
    #expect(means.count == 1 && abs(means[0] - 10) < 1e-12)
  }
}
