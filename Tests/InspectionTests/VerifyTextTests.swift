import Configuration
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection
@testable import bn_stream

/// What `verify` prints.
@Suite(.timeLimit(.minutes(30))) struct VerifyTextTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// ONNX's running variance is the biased one, PyTorch's the unbiased one.
  @Test func saysWithWhichOptionResultsAgree() throws {
    var configuration = try JobConfiguration(
      jsonFile: Repository.url.appending(path: "configs/onnx-training.json").path)
    // Each vector has an epsilon of its own, in an attribute.
    configuration.epsilon = nil
    configuration.runningVariance = .unbiased
    let onnx = Repository.fixture("onnx.h5")
    let ofONNX = VerifyText(try Repository.plan(onnx, configuration).verified(against: onnx)).text
    #expect(
      ofONNX.contains(
        ": the running variance agrees if it follows the biased (divided by m, as in Keras, Flax and ONNX) variance of each batch "
          + "instead of the unbiased (divided by m - 1) one: the factor is m/(m - 1); give --running-variance biased\n"
      ))
    var biased = JobConfiguration()
    biased.runningVariance = .biased
    let digits = Repository.digits
    let ofPyTorch = VerifyText(try Repository.plan(digits, biased).verified(against: digits)).text
    #expect(
      ofPyTorch.contains(
        ": the running variance agrees if it follows the unbiased (divided by m - 1, as in PyTorch) variance of each batch "
          + "instead of the biased (divided by m) one: the factor is m/(m - 1); give --running-variance unbiased\n"
      ))
  }

  /// What speaks for a variance that cancelled, each number in its place.
  @Test func saysWhatSpeaksForCancellation() {
    var layer = LayerVerification(path: "/bn", group: "/bn", comparisons: [], ignored: [], absent: [])
    layer.departures = [
      ConsistentDeparture(
        .cancellation, results: ["output"], relativeError: 0,
        variances: CancelledVariances(
          count: 8, wrong: 3, wholeSteps: 2, largestError: 0.25, largestRatio: 1e6))
    ]
    let text = VerifyText(VerifyReport(version: "1", input: "a.h5", against: "b.h5", layers: [layer])).text
    #expect(
      text.contains(
        "cancels where a mean is large for its deviation: output; of 8 variances 3 are off, by up to 2.5e-01 of themselves, where "
          + "E[x]^2 is up to 1.0e+06 of them; 2 are whole steps of float32\n"), "\(text)")
    layer.departures = [
      ConsistentDeparture(
        .cancellation, results: ["output"], relativeError: 0,
        variances: CancelledVariances(
          count: 1, wrong: 1, wholeSteps: 1, largestError: 0.25, largestRatio: 1e6))
    ]
    let one = VerifyText(VerifyReport(version: "1", input: "a.h5", against: "b.h5", layers: [layer])).text
    #expect(
      one.contains(
        ": output; of 1 variance 1 is off, by up to 2.5e-01 of themselves, where E[x]^2 is up to 1.0e+06 of them; "
          + "1 is a whole step of float32\n"), "\(one)")
  }

  /// What is allowed besides stands behind what is relative.
  @Test func saysWhatIsAllowedBesides() throws {
    let input = try folder.file("in.h5", ["activations": .init(shape: [2, 1], values: [1, 3])])
    let other = try folder.file(
      "other.h5", ["output": .init(shape: [2, 1], values: [-1, 1], type: .float32)])
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    let plan = try Repository.plan(input, configuration)
    let both = VerifyText(try plan.verified(against: other, absolute: 0.5)).text
    #expect(both.contains("  1.0e-05 + 5.0e-01  "), "\(both)")
    let relative = VerifyText(try plan.verified(against: other, relative: 0.25)).text
    #expect(relative.contains("  2.5e-01  ") && !relative.contains(" + "), "\(relative)")
  }

  /// 16256 and 49024 are the bits of 1 and -1 in bfloat16.
  @Test func integersMayBeBitsOfBFloat16() throws {
    let input = try folder.file("in.h5", ["activations": .init(shape: [2, 1], values: [3, 1])])
    let other = try folder.file(
      "other.h5", ["output": .init(shape: [2, 1], values: [16256, 49024], type: .uint16)])
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    let text = VerifyText(try Repository.plan(input, configuration).verified(against: other)).text
    #expect(
      text.contains(
        "\n/output: integers; if they are the bits of bfloat16, set uint16_as_bfloat16 in --config\n"),
      "\(text)")
  }

  @Test("the whole table")
  func snapshot() throws {
    // Mean 2, variance 1, ε 0: x̂ = ∓1, γ 2, β 1.
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [2, 1], values: [1, 3]),
        "bn/gamma": .init(shape: [1], values: [2]), "bn/beta": .init(shape: [1], values: [1]),
        "other/activations": .init(shape: [2, 1], values: [1, 3]),
      ])
    let other = try folder.file(
      "o.h5",
      [
        "bn/output": .init(shape: [2, 1], values: [-1, 3.5], type: .float32),
        "bn/normalized": .init(shape: [2, 1], values: [-1, 1], type: .float32),
        "bn/grad_input": .init(shape: [2, 1], values: [0, 0]),
        "bn/batches/count": .init(shape: [1], values: [2], type: .int64),
        "bn/runing_mean": .init(shape: [1], values: [0]), "bn/batchs_mean": .init(shape: [1], values: [0]),
      ])
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    var report = try Repository.plan(input, configuration).verified(against: other)
    report.against = "o.h5"
    #expect(
      VerifyText(report).text == """
        dataset            type     numbers  max error  of scale  allowed  mean error  ulp      worst at  ours  theirs
        /bn/output         float32  2        5.0e-01    1.7e-01   1.0e-05  2.5e-01     2.1e+06  [1, 0]    3     3.5     DIFFERS
        /bn/normalized     float32  2        0.0e+00    0.0e+00   1.0e-05  0.0e+00     0        equal                   agrees
        /bn/batches/count  int64    1        0.0e+00    0.0e+00   0.0e+00  0.0e+00     0        equal                   agrees
        /bn: not in o.h5: running_mean, running_var, population_mean, population_var, batches/mean, batches/var, batches/inv_std
        /bn: not compared: grad_input
        /bn: not compared, unknown: batchs_mean (batches/mean?), runing_mean (running_mean?)
        /bn/output: 1 (50 %) of 2 numbers wrong: sample 1 (of 2)
          first [1, 0] 3.5 for 3; errors 0 to 2.1e+06 ulp, all upwards
        /bn: nothing that is known explains output
        /other: not in o.h5
        1 of 3 datasets of o.h5 DIFFERS from what bn-stream computes in float64
        MISSING: output of /other; write what is missing, choose layers with --layer, or accept this with --allow-missing
        """)
  }

  // MARK: - What cannot be compared

  @Test("another shape cannot be compared")
  func wrongShape() throws {
    let path = try folder.file(
      "other.h5", ["head/bn/output": .init(shape: [2, 24], values: Array(repeating: 0, count: 48))])
    let plan = try Repository.plan(Repository.digits)
    let error = #expect(throws: StreamError.self) { try plan.verified(against: path) }
    #expect(error?.exitStatus == .badInput)
    #expect(
      error?.description
        == "\(path): /head/bn/output has shape [2, 24], but /head/bn of the input needs [81, 24]; write it with that shape"
    )
  }

  @Test("a file without results cannot be compared")
  func nothingToCompare() throws {
    let path = try folder.file("other.h5", ["y": .init(shape: [1], values: [1])])
    let plan = try Repository.plan(Repository.digits)
    let error = #expect(throws: InspectionError.self) { try plan.verified(against: path) }
    #expect(error?.exitStatus == .badInput)
    #expect(
      error?.description
        == "\(path): holds no results for /features/bn, /head/bn of \(Repository.digits); they lie in groups of the same "
        + "names, or under /expected, as `output`, `grad_input`, `grad_gamma` or `weight.grad`, and so on")
  }

  @Test("of many layers five are named", arguments: [4, 5, 6])
  func nothingToCompareInManyLayers(layers: Int) throws {
    var inputs: [String: TemporaryFolder.Stored] = [:]
    for layer in 0..<layers { inputs["bn\(layer)/activations"] = .init(shape: [2, 1], values: [1, 3]) }
    let input = try folder.file("in.h5", inputs)
    let other = try folder.file("other.h5", ["y": .init(shape: [1], values: [1])])
    let verification = try Verification(
      Repository.plan(input), against: other, relative: nil, absolute: nil)
    let names = (0..<min(layers, 5)).map { "/bn\($0)" }.joined(separator: ", ")
    let results = #expect(throws: InspectionError.self) {
      try verification.report(progress: JobProgress(), cancellation: Cancellation())
    }
    let folded = #expect(throws: InspectionError.self) {
      try verification.foldedReport(progress: JobProgress(), cancellation: Cancellation())
    }
    for (error, what) in [(results, "results"), (folded, "folded parameters")] {
      let text = error?.description ?? ""
      #expect(text.hasPrefix("\(other): holds no \(what) for \(names) of \(input); "), "\(text)")
    }
  }

  @Test("two names for one result cannot be compared")
  func twoNames() throws {
    let row = TemporaryFolder.Stored(shape: [24], values: Array(repeating: 0, count: 24))
    let path = try folder.file("other.h5", ["head/bn/weight.grad": row, "head/bn/grad_gamma": row])
    let plan = try Repository.plan(Repository.digits)
    let error = #expect(throws: InspectionError.self) { try plan.verified(against: path) }
    #expect(
      error?.description
        == "\(path): /head/bn holds both `grad_gamma` and `weight.grad`, two names for one result; remove one"
    )
  }
}
