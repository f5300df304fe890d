import Configuration
import HDF5
import LayerFiles
import TestSupport
import Testing

@testable import Jobs

/// An error of one batch is the job's, and nothing else is, however far the other workers are ahead.
@Suite(.timeLimit(.minutes(30))) struct FailingBatchTests {
  /// A large batch in which nothing counts, and after it many small ones, whose results fill the window and wait for it.
  @Test(.timeLimit(.minutes(30)), arguments: [8, 2, 1].orEachThirdForRaces, ["1GiB", "28MiB"])
  func whileOthersWaitForIt(threads: Int, memory: String) throws {
    let folder = try TemporaryFolder()
    let (large, small) = (4000, 200)
    let path = folder.path("input.h5")
    let file = try File(anew: path)
    let layer = try file.root.createGroup("layer")
    let shape = [large + 2 * small, 512]
    let numbers = (0..<shape[0] * shape[1]).map { Float($0 % 1009) }
    try numbers.withUnsafeBytes {
      try layer.createDataset("activations", type: .float32, shape: shape, storage: .contiguous)
        .write(leading: 0..<shape[0], as: .float32, from: $0)
    }
    try layer.createDataset("mask", type: .native(.int8), shape: [shape[0]], storage: .contiguous)
      .writeIntegers((0..<shape[0]).map { $0 < large ? 0 : 1 })
    let offsets = [0] + (0...small).map { large + 2 * $0 }
    try layer.createDataset("batch_offsets", type: .int64, shape: [offsets.count], storage: .contiguous)
      .writeIntegers(offsets)
    try file.close()
    let configuration = try JobConfiguration(
      json: #"{"threads": \#(threads), "memory": "\#(memory)", "sync": false}"#, source: "test")
    #expect(throws: StreamError.nothingCounts(file: path, layer: "/layer", batch: 0)) {
      try run(path, to: folder.path("output.h5"), configuration)
    }
  }

  /// The first batch's error is in the last features, which little memory makes a slice of their own, computed later or by
  /// another worker. Of two in one batch the first feature's is told, though its sample comes later.
  @Test(
    .timeLimit(.minutes(30)),
    arguments: [(8, "28MiB"), (1, "1GiB"), (2, "40MiB"), (8, "64MiB"), (1, "20MiB")].orEachThirdForRaces)
  func inAnotherSlice(threads: Int, memory: String) throws {
    let folder = try TemporaryFolder()
    let (samples, features) = (120, 20_000)
    var numbers = (0..<samples * features).map { Float($0 % 1009) }
    numbers[5 * features + 19_000] = .nan
    numbers[30 * features + 9000] = .infinity
    numbers[65 * features + 100] = .nan
    for feature in [19_000, 100] {
      numbers[(feature == 100 ? 7 : 5) * features + feature] = .nan
      let path = folder.path("input-\(feature).h5")
      let file = try File(anew: path)
      let layer = try file.root.createGroup("layer")
      try numbers.withUnsafeBytes {
        try layer.createDataset(
          "activations", type: .float32, shape: [samples, features], storage: .contiguous
        ).write(leading: 0..<samples, as: .float32, from: $0)
      }
      try file.close()
      try expect(
        .nonfinite(file: path, layer: "/layer", batch: 0, feature: feature, count: 1), of: path, threads,
        memory, to: folder.path("output.h5"))
    }
  }

  /// What is wrong in the first batch of a layer of 20,000 features.
  enum Wrong: CaseIterable {
    case aValueAndAGradient, aVarianceAndAGradient, aGradient
  }

  /// Of what is wrong in one batch the same is said, whichever slice comes first: of the values before the variances, and of these before
  /// the gradients that overflow. Features are those of the layer.
  @Test(arguments: Wrong.allCases, [(8, "28MiB"), (1, "1GiB"), (2, "20MiB")])
  func inOneBatch(wrong: Wrong, _ with: (threads: Int, memory: String)) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("input.h5")
    let file = try File(anew: path)
    let layer = try file.root.createGroup("layer")
    let (samples, features) = (24, 20_000)
    var x = (0..<samples * features).map { Double($0 % 1009) }
    var dy = x
    let error: StreamError
    switch wrong {
    case .aValueAndAGradient:
      x[5 * features + 19_000] = .nan
      error = .nonfinite(file: path, layer: "/layer", batch: 0, feature: 19_000, count: 1)
    case .aVarianceAndAGradient:
      // Their squares exceed the range.
      x[3 * features + 19_000] = 1.5e200
      x[7 * features + 19_000] = -1.5e200
      error = .overflow(file: path, layer: "/layer", batch: 0, feature: 19_000, what: .variance)
    case .aGradient:
      error = .overflow(file: path, layer: "/layer", batch: 0, feature: 19_000, what: .gradient)
    }
    // The sum of two that fit exceeds the range.
    for row in [3, 7] { dy[row * features + (wrong == .aGradient ? 19_000 : 0)] = 1.5e308 }
    for (name, values) in [("activations", x), ("grad_output", dy)] {
      try layer.createDataset(name, type: .float64, shape: [samples, features], storage: .contiguous)
        .writeDoubles(values)
    }
    try file.close()
    try expect(error, of: path, with.threads, with.memory, to: folder.path("output.h5"))
  }

  /// Of slices that are computed at once the last features may be the first to fail: the first ones are told.
  @Test(arguments: [[7, 3, 5], [3, 7], [5, 3]]) func ofOneBatchTheFirstFeature(order: [Int]) throws {
    func error(_ feature: Int) -> StreamError {
      .nonfinite(file: "in.h5", layer: "/layer", batch: 2, feature: feature, count: 1)
    }
    let first = FirstDataError()
    for feature in order { try first.keeping { throw error(feature) } }
    #expect(throws: error(3)) { try first.rethrow() }
  }

  /// Runs the job, in batches of 12, and expects that it ends by that error.
  private func expect(
    _ error: StreamError, of path: String, _ threads: Int, _ memory: String, to output: String
  ) throws {
    let configuration = try JobConfiguration(
      json: #"""
        {"batch_size": 12, "nonfinite": "error", "threads": \#(threads), "memory": "\#(memory)", "sync": false}
        """#, source: "test")
    #expect(throws: error) { try run(path, to: output, configuration) }
  }

  /// With given statistics a batch of one value is computed as any other, and so is one in which nothing counts: y = (x - mean)/√variance.
  @Test(arguments: [nil, [1, 0, 1]] as [[Int]?]) func givenStatisticsNeedNoValues(mask: [Int]?) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("input.h5"))
    let layer = try file.root.createGroup("layer")
    func add(_ name: String, _ shape: [Int], _ values: [Double]) throws {
      try layer.createDataset(name, type: .float64, shape: shape, storage: .contiguous).writeDoubles(values)
    }
    try add("activations", [3, 2], [3, 4, 5, -2, -1, 2])
    try add("running_mean", [2], [1, 2])
    try add("running_var", [2], [4, 16])
    if let mask {
      try layer.createDataset("mask", type: .native(.int8), shape: [3], storage: .contiguous)
        .writeIntegers(mask)
    }
    try file.close()
    let configuration = try JobConfiguration(
      json: #"{"batch_size": 1, "statistics": "running", "epsilon": 0, "sync": false}"#, source: "test")
    try run(folder.path("input.h5"), to: folder.path("output.h5"), configuration)
    let y = try File(reading: folder.path("output.h5")).root.dataset("layer/output").readDoubles()
    #expect(y == [1, 0.5, 2, -1, -1, 0])
  }
}
