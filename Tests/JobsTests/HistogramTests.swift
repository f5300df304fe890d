import Configuration
import Foundation
import HDF5
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Jobs

/// Histograms against the numbers of both files, whatever the schedule.
@Suite(.timeLimit(.minutes(30))) struct HistogramTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let shape: [Int]
    let axis: Int
    let type: NumericType
    var memories = ["1GiB"]
    var keys = ""
    var testDescription: String { "\(shape), axis \(axis), \(type) \(keys)" }
  }

  static let cases = [
    // So large that in little memory batches are divided, and x is read in parts of its features.
    Case(shape: [60, 300, 20, 20], axis: 1, type: .float32, memories: ["1GiB", "24MiB"]),
    Case(shape: [500, 3], axis: 1, type: .float64, keys: #", "batch_size": 7"#),
    Case(shape: [40, 6, 5], axis: 2, type: .native(.float16), keys: #", "output_type": "float32""#),
    Case(
      shape: [40, 5, 7], axis: 1, type: .float32,
      keys: #", "output_storage": {"layout": "chunked", "gzip": 1}"#),
    Case(shape: [41, 5], axis: 1, type: .float32, keys: #", "batch_size": 8, "partial_batch": "drop""#),
  ]

  /// The first 11 bits of float32, ordered.
  private static func counts(_ numbers: [Double]) -> [Int] {
    var counts = [Int](repeating: 0, count: 2048)
    for number in numbers {
      let bits = Float(number).bitPattern
      counts[Int((bits >> 31 == 1 ? ~bits : bits | 1 << 31) >> 21)] += 1
    }
    return counts
  }

  /// Samples may be so large that not every thread has memory for one: half of it is for those that are read, and one worker there is in any case.
  @Test(arguments: [
    (8, 64, 16, 2), (8, 64, 4, 8), (1, 64, 4, 1),
    (8, 64, 33, 1),
    (3, 64, 0, 3), (8, 96, 16, 3),
  ])
  func workersHaveMemory(threads: Int, memory: Int, byteCount: Int, workers: Int) {
    #expect(HistogramExecution.workers(threads: threads, memory: memory, buffers: byteCount) == workers)
  }

  @Test(arguments: cases.orEachThirdForRaces) func areOfBothFiles(layer: Case) throws {
    let folder = try TemporaryFolder()
    var random = SeededGenerator(seed: 5)
    let numbers = (0..<layer.shape.reduce(1, *)).map { _ in
      Double.random(in: -1..<1, using: &random) * [1, 30, 1e-3][Int.random(in: 0..<3, using: &random)]
    }
    let file = try File(anew: folder.path("in.h5"))
    let dataset = try file.root.createDataset(
      "activations", type: layer.type, shape: layer.shape, storage: .contiguous)
    try dataset.writeDoubles(numbers)
    let x = try dataset.readDoubles()
    try file.root.createDataset(
      "gamma", type: .float64, shape: [layer.shape[layer.axis]], storage: .contiguous
    ).writeDoubles((0..<layer.shape[layer.axis]).map { Double($0 % 5) - 1.5 })
    try file.close()
    var all: Set<[Int]> = []
    // Under the thread sanitizer each large array that is made takes a tenth of a second.
    for memory in layer.memories.suffix(Sanitizer.looksForRaces ? 1 : .max) {
      for threads in Sanitizer.looksForRaces ? [3] : [1, 3] {
        let output = folder.path("out.h5")
        let configuration = try JobConfiguration(
          json: #"""
            {"outputs": ["output", "histograms"], "feature_axis": \#(layer.axis), "threads": \#(threads),
             "memory": "\#(memory)", "sync": false\#(layer.keys)}
            """#, source: "test")
        let plan = try JobPlan(
          Job(
            input: folder.path("in.h5"), output: output, configuration: configuration, replacesOutput: true))
        _ = try Execution(plan, progress: JobProgress(), cancellation: Cancellation()).write(to: output)
        let root = try File(reading: output).root
        let y = try root.dataset("output").readDoubles()
        let kept = Array(x[..<y.count])
        let input = try root.dataset("histograms/input").readIntegers()
        let after = try root.dataset("histograms/output").readIntegers()
        #expect(input == Self.counts(kept) && after == Self.counts(y))
        all.insert(input + after)
      }
    }
    #expect(all.count == 1)
  }

  /// Gradients take no part in histograms: of 40 samples of 3 float32 numbers x is read three times, and dy once.
  @Test func gradientsAreNotReadAgain() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    for name in ["activations", "grad_output"] {
      try file.root.createDataset(name, type: .float32, shape: [40, 3], storage: .contiguous)
        .writeDoubles((0..<120).map { Double($0 * $0 % 31) })
    }
    try file.close()
    let configuration = try JobConfiguration(
      json: #"""
        {"batch_size": 8, "outputs": ["output", "grad_input", "histograms"], "threads": 2, "sync": false}
        """#, source: "test")
    let output = folder.path("out.h5")
    let plan = try JobPlan(
      Job(input: folder.path("in.h5"), output: output, configuration: configuration, replacesOutput: true))
    let summary = try Execution(plan, progress: JobProgress(), cancellation: Cancellation()).write(to: output)
    #expect(plan.inputByteCount == 4 * 480)
    #expect(summary.layers[0].bytesRead == 4 * 480)
  }

  /// What a mask leaves out would count like all else.
  @Test func noneUnderAMask() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createDataset("activations", type: .float32, shape: [4, 2], storage: .contiguous)
      .writeDoubles([1, 2, 3, 4, 5, 6, 7, 8])
    try file.root.createDataset("mask", type: .native(.uint8), shape: [4], storage: .contiguous)
      .writeIntegers([1, 0, 1, 1])
    try file.close()
    let configuration = try JobConfiguration(
      json: #"{"outputs": ["population", "histograms"], "sync": false}"#, source: "test")
    let output = folder.path("out.h5")
    let plan = try JobPlan(
      Job(input: folder.path("in.h5"), output: output, configuration: configuration, replacesOutput: true))
    _ = try Execution(plan, progress: JobProgress(), cancellation: Cancellation()).write(to: output)
    let hasHistograms = try File(reading: output).root.hasLink("histograms")
    #expect(!hasHistograms)
  }
}
