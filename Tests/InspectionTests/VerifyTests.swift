import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import Parallel
import StrictJSON
import TestSupport
import Testing

@testable import Inspection

@Suite("verify", .timeLimit(.minutes(30)))
struct VerifyTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("PyTorch's results are accepted", arguments: Repository.fixtures)
  func fixtures(name: String) throws {
    let plan = try Repository.plan(fixture: name)
    let report = try plan.verified(against: plan.job.input)
    #expect(report.agrees, "\(report.layers)")
    #expect(report.layers.allSatisfy { !$0.comparisons.isEmpty && $0.ignored.isEmpty })
  }

  /// The published vectors of BatchNormalization with training_mode; see tools/make_onnx.py.
  @Test("ONNX's test vectors are accepted under ONNX's configuration, and diagnosed under PyTorch's")
  func vectorsOfONNX() throws {
    func plan(_ configuration: JobConfiguration) throws -> JobPlan {
      try JobPlan(
        Job(
          input: Repository.fixture("onnx.h5"), output: nil, configuration: configuration,
          replacesOutput: false))
    }
    var configuration = try JobConfiguration(
      jsonFile: Repository.url.appending(path: "configs/onnx-training.json").path)
    // Each vector has an epsilon of its own, in an attribute.
    configuration.epsilon = nil
    let agreeing = try plan(configuration).verified(against: Repository.fixture("onnx.h5"))
    #expect(agreeing.agrees && agreeing.layers.map(\.comparisons.count) == [3, 3])
    #expect(agreeing.layers.allSatisfy { $0.runningVariance == nil })

    configuration.runningVariance = .unbiased
    let differing = try plan(configuration).verified(against: Repository.fixture("onnx.h5"))
    for layer in differing.layers {
      #expect(layer.comparisons.filter { !$0.agrees }.map(\.result) == ["running_var"])
      #expect(layer.runningVariance == .biased)
    }
  }

  static let results = [
    "output", "grad_input", "grad_gamma", "grad_beta", "running_mean", "running_var", "population_mean",
    "population_var", "batches/mean", "batches/var", "batches/inv_std", "batches/grad_gamma",
    "batches/grad_beta",
  ]

  @Test("one element changed by a thousandth of its scale is rejected, and named", arguments: results)
  func changedElement(name: String) throws {
    let path = try folder.copy(Repository.digits)
    let (element, change) = try alter("expected/features/bn/\(name)", of: path, by: 1e-3)
    let report = try Repository.plan(Repository.digits).verified(against: path)
    let comparisons = report.layers.flatMap(\.comparisons)
    let differing = comparisons.filter { !$0.agrees }
    #expect(differing.map(\.dataset) == ["/expected/features/bn/\(name)"])
    #expect(differing.first.map { flat($0.index, of: name) } == element)
    #expect(abs((differing.first?.maximumError ?? 0) / change - 1) < 1e-6)
    #expect(comparisons.count == 28)
  }

  /// Frameworks keep statistics as [1, C, 1, 1] for broadcasting, and MATLAB has no arrays of one axis.
  @Test(
    "results may have further axes of length 1, and one changed element is found there, too",
    arguments: [[1, 0, 1, 1], [0, 1], [1, 0], [1, 1, 0]], [false, true])
  func furtherAxes(template: [Int], isChunked: Bool) throws {
    let given = try File(reading: Repository.digits).root
    func file(_ name: String, changing changed: String? = nil) throws -> String {
      var datasets: [String: TemporaryFolder.Stored] = [:]
      for name in Self.results.dropFirst(2) + ["batches/count"] {
        let dataset = try given.dataset("expected/features/bn/\(name)")
        var values = try dataset.readDoubles()
        if name == changed { values[2] += 1 }
        // In the template's place the length of a vector; behind the batches the features likewise.
        let rows = Array(dataset.shape.dropLast())
        let shape = rows + template.map { $0 == 0 ? dataset.shape[rows.count] : 1 }
        datasets["features/bn/\(name)"] = .init(
          shape: shape, values: values,
          storage: isChunked ? .chunked(shape: shape.map { max(1, $0 - 1) }, filters: []) : .contiguous)
      }
      return try folder.file(name, datasets)
    }
    let plan = try Repository.plan(Repository.digits)
    let accepted = try plan.verified(against: file("a.h5"))
    #expect(accepted.agrees && accepted.layers[0].comparisons.count == 12)
    for name in ["running_var", "batches/mean", "batches/count"] {
      let rejected = try plan.verified(against: file("b.h5", changing: name))
      let differing = rejected.layers[0].comparisons.filter { !$0.agrees }
      #expect(differing.map(\.result) == [name])
      #expect(differing.map(\.index) == [name == "batches/mean" ? [0, 2] : [2]])
    }
    let transposed = try folder.file(
      "c.h5", ["features/bn/batches/mean": .init(shape: [1, 3, 8], values: Array(repeating: 0, count: 24))])
    #expect(throws: StreamError.self) { try plan.verified(against: transposed) }
  }

  @Test("a changed count is rejected whatever the tolerance")
  func changedCount() throws {
    let path = try folder.copy(Repository.digits)
    let file = try File(updating: path)
    try file.root.dataset("expected/head/bn/batches/count").writeIntegers([32, 31, 17])
    try file.close()
    let report = try Repository.plan(Repository.digits).verified(against: path, relative: 1)
    let differing = report.layers.flatMap(\.comparisons).filter { !$0.agrees }
    #expect(differing.map(\.dataset) == ["/expected/head/bn/batches/count"])
    #expect(differing.first?.index == [1] && differing.first?.ours == 32 && differing.first?.theirs == 31)
  }

  @Test(
    "results in shorter types are accepted, and rejected with one element changed by twice what is allowed",
    arguments: [(.float32, 1e-5), (.float16, 0x1p-10), (.bfloat16, 0x1p-7)]
      as [(type: NumericType.Kind, tolerance: Double)],
    ByteOrder.allCases)
  func shorterTypes(_ shorter: (type: NumericType.Kind, tolerance: Double), byteOrder: ByteOrder) throws {
    let (type, tolerance) = shorter
    let expected = try File(reading: Repository.digits).root.group("expected/head/bn")
    let output = try expected.dataset("output")
    var values = try output.readDoubles()
    let path = try folder.file(
      "short.h5",
      ["head/bn/output": .init(shape: output.shape, values: values, type: type, byteOrder: byteOrder)])
    let plan = try Repository.plan(Repository.digits)
    let accepted = try plan.verified(against: path)
    #expect(accepted.agrees)
    #expect(accepted.layers.map(\.group) == [nil, "/head/bn"])
    let largest = values[5...].enumerated().filter { $0.offset % 24 == 0 }.map(\.element.magnitude).max() ?? 0
    values[5] += 2.5 * tolerance * largest
    let changed = try folder.file(
      "changed.h5",
      ["head/bn/output": .init(shape: output.shape, values: values, type: type, byteOrder: byteOrder)])
    let rejected = try plan.verified(against: changed)
    #expect(!rejected.agrees)
    #expect(rejected.layers[1].comparisons[0].index == [0, 5])
  }

  @Test("PyTorch's names of gradients, and what is not compared")
  func torchNames() throws {
    let expected = try File(reading: Repository.digits).root.group("expected/head/bn")
    let path = try folder.file(
      "torch.h5",
      [
        "head/bn/weight.grad": .init(shape: [24], values: try expected.dataset("grad_gamma").readDoubles()),
        "head/bn/bias.grad": .init(shape: [24], values: try expected.dataset("grad_beta").readDoubles()),
        "head/bn/input.grad": .init(
          shape: [81, 24], values: try expected.dataset("grad_input").readDoubles()),
        "head/bn/moving_mean": .init(
          shape: [24], values: try expected.dataset("running_mean").readDoubles()),
        "head/bn/weight": .init(shape: [24], values: Array(repeating: 1, count: 24)),
        "head/bn/outptu": .init(shape: [1], values: [1]),
      ])
    let report = try Repository.plan(Repository.digits).verified(against: path)
    #expect(report.agrees)
    #expect(
      report.layers[1].comparisons.map(\.result) == ["grad_input", "grad_gamma", "grad_beta", "running_mean"])
    #expect(report.layers[1].ignored == ["outptu"])
  }

  @Test("the program's own output agrees, also in passes over the file and on other numbers of threads")
  func ownOutput() throws {
    var configuration = JobConfiguration()
    configuration.batchSize = .all
    configuration.outputs = Set(OutputTensor.allCases)
    let count = 20_000 * 48
    let input = try folder.file(
      "in.h5",
      [
        "activations": .init(
          shape: [20_000, 48], values: (0..<count).map { sin(Double($0)) * Double($0 % 48 + 1) },
          type: .float32),
        "grad_output": .init(
          shape: [20_000, 48], values: (0..<count).map { cos(1.7 * Double($0)) }, type: .float32),
      ])
    let job = Job(
      input: input, output: folder.path("out.h5"), configuration: configuration, replacesOutput: false)
    _ = try Execution(JobPlan(job), progress: JobProgress(), cancellation: Cancellation())
      .write(to: folder.path("out.h5"))
    var verified: [[LayerVerification]] = []
    for (threads, memory) in [(1, 1 << 30), (3, 30 << 20)] {
      configuration.threads = ThreadCount(threads)
      configuration.memory = ByteCount(memory)
      let report = try Repository.plan(input, configuration).verified(against: folder.path("out.h5"))
      #expect(report.agrees)
      verified.append(
        report.layers.map { layer in
          var layer = layer
          // A mean is rounded as its parts are added.
          for index in layer.comparisons.indices { layer.comparisons[index].meanError = 0 }
          return layer
        })
    }
    #expect(verified[0] == verified[1])
    #expect(verified[0][0].comparisons.contains { $0.result == "output" })
  }

  @Test("where dx is what large numbers leave over, its scale is theirs")
  func cancellation() throws {
    let input = try folder.file(
      "in.h5",
      [
        "activations": .init(shape: [4, 1], values: [1, 2, 4, 8]),
        "grad_output": .init(shape: [4, 1], values: [3, 3, 3, 3]),
      ])
    // What float32 arithmetic leaves where 0 is right.
    let other = try folder.file(
      "other.h5", ["grad_input": .init(shape: [4, 1], values: [1e-7, -1e-7, 0, 1e-7], type: .float32)])
    #expect(try Repository.plan(input).verified(against: other).agrees)
    let wrong = try folder.file(
      "wrong.h5", ["grad_input": .init(shape: [4, 1], values: [1e-3, -1e-7, 0, 1e-7], type: .float32)])
    let differing = try Repository.plan(input).verified(against: wrong).layers[0].comparisons[0]
    // What the others are off by is no more than what cancels leaves.
    #expect(!differing.agrees && differing.wrong?.count == 1 && differing.wrong?.samples?.ranges == [[0, 0]])
    // Of dγ, which cancels, it is that of dβ, 12, which the file need not have.
    for (error, agrees) in [(1e-6, true), (1e-2, false)] {
      let sums = try folder.file(
        "\(error).h5", ["grad_gamma": .init(shape: [1], values: [error], type: .float32)])
      #expect(try Repository.plan(input).verified(against: sums).agrees == agrees, "\(error)")
    }
  }

  @Test("a number against NaN differs, and no tolerance helps")
  func nonfinite() throws {
    let path = try folder.copy(Repository.digits)
    let file = try File(updating: path)
    let dataset = try file.root.dataset("expected/head/bn/output")
    var values = try dataset.readDoubles()
    values[30] = .nan
    try dataset.writeDoubles(values)
    try file.close()
    let report = try Repository.plan(Repository.digits).verified(against: path, absolute: 1e300)
    let differing = report.layers.flatMap(\.comparisons).filter { !$0.agrees }
    #expect(differing.map(\.index) == [[1, 6]])
  }

  /// Of single values the unbiased variance is 0/0, which agrees with any NaN and explains none.
  @Test("no way is named for making numbers that are not finite of finite ones")
  func nonfiniteIsNotExplained() throws {
    let configuration = try JobConfiguration(
      json: #"{"batch_size": 1, "single_value_batch": "allow", "threads": 1}"#, source: "test")
    let input = try folder.file("in.h5", ["bn/activations": .init(shape: [2, 1], values: [1, 3])])
    let other = try folder.file("other.h5", ["bn/output": .init(shape: [2, 1], values: [.nan, .nan])])
    let layer = try Repository.plan(input, configuration).verified(against: other).layers[0]
    #expect(layer.comparisons.map(\.agrees) == [false])
    #expect(layer.departures.map(\.departure) == [] && layer.unexplained == ["output"])
  }

  @Test("tolerances given replace those of the types")
  func givenTolerances() throws {
    let plan = try Repository.plan(Repository.digits)
    #expect(try !plan.verified(against: Repository.digits, relative: 0).agrees)
    #expect(try plan.verified(against: Repository.digits, relative: 0, absolute: 1e-12).agrees)
  }

  @Test("the running statistics of an input are not taken for results")
  func inputIsNoResult() throws {
    let plan = try Repository.plan(fixture: "nested.h5")
    let input = try folder.file(
      "in.h5",
      [
        "activations": .init(shape: [2, 1], values: [1, 2]), "running_mean": .init(shape: [1], values: [0]),
      ])
    #expect(throws: InspectionError.self) { try Repository.plan(input).verified(against: input) }
    #expect(throws: StreamError.self) { try plan.verified(against: folder.path("missing.h5")) }
  }

  // MARK: - Parts

  /// Changes the element in the middle of a dataset by a part of its feature's scale.
  private func alter(_ name: String, of path: String, by part: Double) throws -> (
    element: Int, change: Double
  ) {
    let file = try File(updating: path)
    let dataset = try file.root.dataset(name)
    var values = try dataset.readDoubles()
    let element = values.count / 2
    let change = part * values[element].magnitude
    values[element] += change
    try dataset.writeDoubles(values)
    try file.close()
    return (element, change)
  }

  private func flat(_ index: [Int], of name: String) -> Int {
    let shape =
      switch name {
      case "output", "grad_input": [81, 8, 8, 8]
      case _ where name.hasPrefix("batches"): [3, 8]
      default: [8]
      }
    precondition(index.count == shape.count)
    return zip(index, shape).reduce(0) { $0 * $1.1 + $1.0 }
  }
}
