import Configuration
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

/// A NaN in a given vector is an error where a result that is asked for is computed from it, and only there.
@Suite(.timeLimit(.minutes(30))) struct GivenJudgementTests {
  /// - Parameters:
  ///   - role: which vector has it.
  ///   - statistics: by which values are normalized.
  private func isRefused(
    _ role: String, outputs: String, statistics: String, hasGradient: Bool = true
  ) throws -> Bool {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    for name in hasGradient ? ["activations", "grad_output"] : ["activations"] {
      try layer.createDataset(name, type: .float64, shape: [4, 2], storage: .contiguous)
        .writeDoubles([1, 2, 3, 5, 8, 13, 21, 34])
    }
    for name in ["gamma", "beta", "running_mean", "running_var"] {
      try layer.createDataset(name, type: .float64, shape: [2], storage: .contiguous)
        .writeDoubles(name == role ? [1, .nan] : [1, 1])
    }
    try file.close()
    let json =
      #"{"outputs": [\#(outputs)], "statistics": "\#(statistics)", "momentum": 1, "nonfinite": "error"}"#
    let job = Job(
      input: folder.path("in.h5"), output: nil,
      configuration: try JobConfiguration(json: json, source: "test"), replacesOutput: false)
    do {
      _ = try JobPlan(job)
      return false
    } catch let error as StreamError {
      #expect(
        error
          == .nonfiniteGiven(
            file: job.input, dataset: "/layer/\(role)", feature: 1, value: .nan, count: 1)
          || "\(error)".contains("/layer/\(role)"), "\(error)")
      return true
    }
  }

  /// What each result is computed from beside the data: y = γ·x̂ + β, dx = γ·…, diagnostics of dx, too; x̂ of the given statistics.
  @Test(
    arguments: [
      (#""output""#, ["gamma", "beta"], ["gamma", "beta", "running_mean", "running_var"]),
      (#""histograms""#, ["gamma", "beta"], ["gamma", "beta", "running_mean", "running_var"]),
      (#""normalized""#, [], ["running_mean", "running_var"]),
      (#""grad_input""#, ["gamma"], ["gamma", "running_var"]),
      (#""grad_gamma""#, [], ["running_mean", "running_var"]), (#""grad_beta""#, [], []),
      (#""diagnostics""#, ["gamma"], ["gamma", "running_mean", "running_var"]), (#""population""#, [], []),
      // Given ones that normalize stay what they are, whatever the momentum; and a row of batches/ is a batch's dgamma.
      (#""running""#, [], ["running_mean", "running_var"]),
      (#""batches""#, [], ["running_mean", "running_var"]), (#""moments""#, [], []),
    ] as [(String, [String], [String])])
  func onlyWhereItIsNeeded(outputs: String, ofBatches: [String], ofGiven: [String]) throws {
    for (statistics, needed) in [("batch", ofBatches), ("running", ofGiven)] {
      for role in ["gamma", "beta", "running_mean", "running_var"] {
        let isRefused = try isRefused(role, outputs: outputs, statistics: statistics)
        #expect(isRefused == needed.contains(role), "\(role), \(statistics)")
      }
    }
  }

  /// A variance that is -ε has the root 0, and one below that has none. Only what is less than 0 is told of.
  @Test(
    arguments: [
      (1, true), (0, true), (-0.0, true), (-0.25, true), (-0.5, true), ((-0.5).nextDown, false),
      (-.infinity, false),
    ] as [(Double, Bool)])
  func variancesDownToEpsilon(variance: Double, isAllowed: Bool) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let group = try file.root.createGroup("layer")
    try group.createDataset("activations", type: .float64, shape: [4, 2], storage: .contiguous)
      .writeDoubles([1, 2, 3, 5, 8, 13, 21, 34])
    for (name, values) in [("running_mean", [0, 0]), ("running_var", [1, variance])] as [(String, [Double])] {
      try group.createDataset(name, type: .float64, shape: [2], storage: .contiguous).writeDoubles(values)
    }
    try file.close()
    let json = #"{"outputs": ["output"], "statistics": "running", "epsilon": 0.5}"#
    let job = Job(
      input: folder.path("in.h5"), output: nil,
      configuration: try JobConfiguration(json: json, source: "test"), replacesOutput: false)
    let plan = Result { try JobPlan(job) }
    guard isAllowed else {
      #expect(
        throws: StreamError.negativeVariance(
          file: job.input, dataset: "/layer/running_var", feature: 1, value: variance, epsilon: 0.5)
      ) { try plan.get() }
      return
    }
    let warning = StreamWarning.negativeVariance(
      datasets: ["/layer/running_var"], feature: 1, value: variance)
    let expected = variance < 0 ? [warning] : []
    #expect(try plan.get().warnings == expected)
  }

  /// A layer knows of each vector how many of its numbers are infinite or NaN, if something is computed from it.
  @Test func countsAreThoseOfEachVector() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let group = try file.root.createGroup("layer")
    try group.createDataset("activations", type: .float64, shape: [4, 4], storage: .contiguous)
      .writeDoubles((0..<16).map { Double($0 * $0 % 7) })
    let vectors: [(String, [Double])] = [
      ("gamma", [.nan, 1, .infinity, 1]), ("beta", [1, 1, 1, 1]), ("running_mean", [.nan, 0, 0, 0]),
      ("running_var", [1, -.infinity, .nan, .infinity]),
    ]
    for (name, values) in vectors {
      try group.createDataset(name, type: .float64, shape: [4], storage: .contiguous).writeDoubles(values)
    }
    try file.close()
    for (outputs, counts) in [
      (#""output", "running""#, [.gamma: 2, .runningMean: 1, .runningVariance: 3]),
      (#""running""#, [.runningMean: 1, .runningVariance: 3]), (#""output""#, [.gamma: 2]),
      (#""batches""#, [:]),
    ] as [(String, [DatasetRole: Int])] {
      let configuration = try JobConfiguration(json: #"{"outputs": [\#(outputs)]}"#, source: "test")
      let plan = try JobPlan(
        Job(
          input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
      #expect(plan.layers.map(\.nonfiniteGiven) == [counts], "\(outputs)")
    }
  }

  /// Without a gradient diagnostics are of x alone, and dγ is not among the rows of batches/.
  @Test(arguments: ["batch", "running"], [#""diagnostics""#, #""batches""#])
  func whatIsOfXAloneNeedsNothingGiven(statistics: String, outputs: String) throws {
    for role in ["gamma", "beta", "running_mean", "running_var"] {
      let isRefused = try isRefused(role, outputs: outputs, statistics: statistics, hasGradient: false)
      #expect(!isRefused, "\(role)")
    }
  }
}
