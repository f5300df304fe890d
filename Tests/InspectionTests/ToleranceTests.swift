import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// `verify` on both sides of what it allows, with the limits as numbers.
@Suite(.timeLimit(.minutes(30))) struct ToleranceTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("results worked out by hand agree, all of them")
  func byHand() throws {
    let report = try KnownBatches.plan(in: folder).verified(
      against: KnownBatches.file("other.h5", in: folder))
    #expect(report.agrees)
    #expect(
      Set(report.layers[0].comparisons.map(\.dataset)) == Set(KnownBatches.results.map { "/bn/\($0.name)" }))
    for comparison in report.layers[0].comparisons {
      let expected = try #require(KnownBatches.results.first { "/bn/\($0.name)" == comparison.dataset })
      #expect(comparison.count == expected.values.count, "\(comparison.dataset)")
    }
  }

  @Test(
    "every number of every result may be wrong by what is allowed, and by no more",
    arguments: KnownBatches.results.map(\.name))
  func everyNumber(name: String) throws {
    let plan = try KnownBatches.plan(in: folder)
    let result = try #require(KnownBatches.results.first { $0.name == name })
    try #require(result.limits.count == result.values.count)
    for (element, limit) in result.limits.enumerated() {
      for sign in [1.0, -1.0] {
        let within = try KnownBatches.file(
          "other.h5", in: folder, change: (name, element, sign * 0.999 * limit))
        #expect(try plan.verified(against: within).agrees, "\(name)[\(element)]")
        let beyond = try KnownBatches.file(
          "other.h5", in: folder, change: (name, element, sign * 1.001 * limit))
        let differing = try plan.verified(against: beyond).layers[0].comparisons.filter { !$0.agrees }
        #expect(differing.map(\.dataset) == ["/bn/\(name)"], "\(name)[\(element)]")
        let width = result.shape.last ?? 1
        let index = result.shape.count == 1 ? [element] : [element / width, element % width]
        #expect(differing.first?.index == index)
        #expect(abs((differing.first?.maximumError ?? 0) / (1.001 * limit) - 1) < 1e-3)
      }
    }
  }

  /// With running statistics of mean 0 and variance 1 and without ε, y is x.
  private func unchanged(
    _ values: [Double], shape: [Int] = [2, 1], type: NumericType.Kind = .float64
  ) throws -> JobPlan {
    var configuration = JobConfiguration()
    configuration.statistics = .running
    for role in [DatasetRole.runningMean, .runningVariance] {
      try configuration.datasets.setName("none", for: role)
    }
    configuration.epsilon = Epsilon(0)
    return try Repository.plan(
      folder.file("in.h5", ["activations": .init(shape: shape, values: values, type: type)]), configuration)
  }

  /// At 1024 neighbouring numbers of float16 are 1 apart, which is 2⁻¹⁰ of 1024; of bfloat16 they are 1 apart at 128. What is 10⁻⁵ of
  /// 100 000 is 1, and the next float32 is 2⁻⁷ more.
  @Test(
    "the limit of each type itself is allowed, and the next number is not",
    arguments: [
      (.float64, 1e9, 1, 1.0000001192092896), (.float32, 100_000, 1, 1.0078125), (.float16, 1024, 1, 2),
      (.bfloat16, 128, 1, 2),
    ] as [(NumericType.Kind, Double, Double, Double)])
  func ofTypes(type: NumericType.Kind, scale: Double, allowed: Double, refused: Double) throws {
    let plan = try unchanged([scale, 0])
    for (change, agrees) in [(0.0, true), (allowed, true), (refused, false)] {
      let other = try folder.file(
        "other.h5", ["output": .init(shape: [2, 1], values: [scale + change, 0], type: type)])
      let comparison = try plan.verified(against: other).layers[0].comparisons[0]
      #expect(comparison.agrees == agrees, "\(type) + \(change)")
      #expect(comparison.maximumError == change && comparison.relativeError == change / scale)
      #expect(comparison.scale == (change == 0 ? 0 : scale))
    }
  }

  /// 2 of 1000 in the first feature, and a quarter of 1 in the second.
  @Test("the worst number is that which is off by most of what its feature is like")
  func theWorst() throws {
    let plan = try unchanged([1000, 1, 500, 0.5], shape: [2, 2])
    let other = try folder.file("other.h5", ["output": .init(shape: [2, 2], values: [1002, 1, 500, 0.75])])
    let comparison = try plan.verified(against: other).layers[0].comparisons[0]
    #expect(!comparison.agrees && comparison.index == [1, 1] && comparison.scale == 1)
    #expect(comparison.ours == 0.5 && comparison.theirs == 0.75)
    #expect(comparison.maximumError == 0.25 && comparison.relativeError == 0.25)
    #expect(comparison.wrong?.first.index == [0, 0] && comparison.wrong?.worst.index == [1, 1])
  }

  @Test(
    "in a feature that is 0 all over each other number is infinitely far, and found",
    arguments: [nil, 0.25] as [Double?])
  func noScale(absolute: Double?) throws {
    let plan = try unchanged([5, 0, 7, 0], shape: [2, 2])
    let other = try folder.file("other.h5", ["output": .init(shape: [2, 2], values: [5, 0, 7, 0.25])])
    let comparison = try plan.verified(against: other, absolute: absolute).layers[0].comparisons[0]
    #expect(comparison.agrees == (absolute != nil) && comparison.index == [1, 1])
    #expect(comparison.maximumError == 0.25 && comparison.relativeError == .infinity)
    #expect(comparison.scale == 0 && comparison.theirs == 0.25)
  }

  @Test("integers are equal or are not")
  func ofIntegers() throws {
    let plan = try unchanged([0x1p40, 0])
    for (value, agrees) in [(0.0, true), (1, false)] {
      let other = try folder.file(
        "other.h5", ["output": .init(shape: [2, 1], values: [0x1p40 + value, 0], type: .int64)])
      #expect(try plan.verified(against: other).agrees == agrees)
    }
    // What is relative is for rounded numbers; what is absolute holds for all.
    let other = try folder.file(
      "other.h5", ["output": .init(shape: [2, 1], values: [0x1p40 + 1, 0], type: .int64)])
    #expect(try !plan.verified(against: other, relative: 1).agrees)
    #expect(try plan.verified(against: other, absolute: 1).agrees)
    #expect(try !plan.verified(against: other, absolute: 0.5).agrees)
  }

  /// A sample of 160,000 numbers, 1.28 MB of float64: more than are read of the other file at once.
  @Test("of a large sample every number is compared")
  func ofLargeSamples() throws {
    let shape = [2, 1, 400, 400]
    var values: [Double] = (0..<320_000).map { Double($0 % 101) - 50 }
    let plan = try unchanged(values, shape: shape, type: .int8)
    func comparison() throws -> ResultComparison {
      let other = try folder.file("other.h5", ["output": .init(shape: shape, values: values, type: .int8)])
      return try plan.verified(against: other).layers[0].comparisons[0]
    }
    let right = try comparison()
    #expect(right.agrees && right.count == 320_000)
    values[319_999] += 1
    let wrong = try comparison()
    #expect(!wrong.agrees && wrong.index == [1, 0, 399, 399] && wrong.maximumError == 1)
  }

  /// Batches of four samples and of two, x = ∓1 in both; dy is 0 in the first and 5, 1 in the second, of which dβ = 6 and dγ = -4, and
  /// nothing is left of dx. Its terms are (6 + 4)/2 = 5, divided by what the second batch has.
  @Test("the terms of a gradient are those of a batch's own count", arguments: [0, 4, 5])
  func batchesOfTwoSizes(element: Int) throws {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    configuration.threads = ThreadCount(1)
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        [
          "activations": .init(shape: [6, 1], values: [-1, 1, -1, 1, -1, 1]),
          "grad_output": .init(shape: [6, 1], values: [0, 0, 0, 0, 5, 1]),
          "batch_offsets": .init(shape: [3], values: [0, 4, 6], type: .int64),
        ]), configuration)
    for (change, agrees) in [(0.0, true), (4e-9, true), (4.99e-9, true), (5.01e-9, false), (6e-9, false)] {
      var values = [Double](repeating: 0, count: 6)
      values[element] = change
      let other = try folder.file("other.h5", ["grad_input": .init(shape: [6, 1], values: values)])
      #expect(try plan.verified(against: other).agrees == agrees, "\(change)")
    }
  }

  /// x = ∓10 in the first batch and ∓1 in the second; dy = 500, 100 and 5, 1. So dβ = 600 and 6, dγ = -400 and -4, and nothing is left of dx,
  /// whose terms are (600 + 400)/2/10 = 50 and 5.
  @Test(
    "numbers are like those of the batch with the largest, wherever it is",
    arguments: [
      ("grad_input", [0, 0, 0, 0], 50e-9), ("batches/mean", [0, 0], 10e-9),
      ("batches/grad_gamma", [-400, -4], 600e-9), ("batches/grad_beta", [600, 6], 600e-9),
    ] as [(String, [Double], Double)])
  func aLargeBatchComesFirst(name: String, values: [Double], limit: Double) throws {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    configuration.batchSize = BatchSize(samples: 2)
    configuration.threads = ThreadCount(1)
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        [
          "activations": .init(shape: [4, 1], values: [-10, 10, -1, 1]),
          "grad_output": .init(shape: [4, 1], values: [500, 100, 5, 1]),
        ]), configuration)
    for (share, agrees) in [(0.0, true), (0.95, true), (1.05, false)] {
      var theirs = values
      theirs[values.count - 1] += share * limit
      let other = try folder.file("other.h5", [name: .init(shape: [values.count, 1], values: theirs)])
      #expect(try plan.verified(against: other).agrees == agrees, "\(share)")
    }
  }

  /// x = ∓10, of a deviation of 10, which is γ, too. Of dy = 5, 1 nothing is left in dx, whose terms are (6 + 4)/2.
  @Test("the terms of a gradient through parameters that make y = x", arguments: [0, 1])
  func identityParameters(element: Int) throws {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    configuration.parameters = .identity
    configuration.threads = ThreadCount(1)
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        [
          "activations": .init(shape: [2, 1], values: [-10, 10]),
          "grad_output": .init(shape: [2, 1], values: [5, 1]),
        ]), configuration)
    for (change, agrees) in [(0.0, true), (4.99e-9, true), (5.01e-9, false), (6e-9, false)] {
      var values: [Double] = [0, 0]
      values[element] = change
      let other = try folder.file("other.h5", ["grad_input": .init(shape: [2, 1], values: values)])
      #expect(try plan.verified(against: other).agrees == agrees, "\(change)")
    }
  }

  /// x̂ is ∓1 in both features, of which the second has an infinite gradient: dβ = 1 + 2 and ∞, dγ = -1 + 2 and -∞.
  @Test(
    "an infinite gradient of one feature hides no error in others",
    arguments: [
      ("grad_gamma", [2], [1, -.infinity]), ("grad_beta", [2], [3, .infinity]),
      ("batches/grad_gamma", [1, 2], [1, -.infinity]), ("batches/grad_beta", [1, 2], [3, .infinity]),
    ] as [(String, [Int], [Double])])
  func infiniteGradient(name: String, shape: [Int], values: [Double]) throws {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(0)
    configuration.batchSize = .all
    let plan = try Repository.plan(
      folder.file(
        "in.h5",
        [
          "activations": .init(shape: [2, 2], values: [1, 1, 3, 3]),
          "grad_output": .init(shape: [2, 2], values: [1, .infinity, 2, 0]),
        ]), configuration)
    let right = try folder.file("right.h5", [name: .init(shape: shape, values: values)])
    #expect(try plan.verified(against: right).agrees)
    let first = [Int](repeating: 0, count: shape.count)
    for change in [1, -1e-6] {
      let other = try folder.file(
        "other.h5", [name: .init(shape: shape, values: [values[0] + change, values[1]])])
      let comparison = try plan.verified(against: other).layers[0].comparisons[0]
      #expect(!comparison.agrees && comparison.index == first)
      #expect(abs(comparison.maximumError / abs(change) - 1) < 1e-6)
    }
  }

  @Test("given tolerances hold to the last bit: absolute + relative · scale")
  func given() throws {
    let plan = try unchanged([4, 0])
    func agrees(_ change: Double, _ relative: Double?, _ absolute: Double?) throws -> Bool {
      let other = try folder.file("other.h5", ["output": .init(shape: [2, 1], values: [4 + change, 0])])
      return try plan.verified(against: other, relative: relative, absolute: absolute).agrees
    }
    #expect(try agrees(0.5, 0, 0.5))
    #expect(try !agrees(0.5 + 0x1p-50, 0, 0.5))
    #expect(try agrees(1, 0.25, nil))
    #expect(try !agrees(1 + 0x1p-50, 0.25, nil))
    #expect(try agrees(-1.5, 0.25, 0.5))
    #expect(try !agrees(-1.5 - 0x1p-50, 0.25, 0.5))
    // What is absolute is added to what the type allows; what is relative takes its place.
    #expect(try agrees(0.5 + 3.9e-9, nil, 0.5))
    #expect(try !agrees(0.5 + 4.1e-9, nil, 0.5))
    #expect(try !agrees(4e-9, 1e-10, nil))
  }

  @Test("mean errors are of all numbers, whatever parts and threads they came in", arguments: [1, 4])
  func meanError(threads: Int) throws {
    var configuration = JobConfiguration()
    configuration.statistics = .running
    for role in [DatasetRole.runningMean, .runningVariance] {
      try configuration.datasets.setName("none", for: role)
    }
    configuration.epsilon = Epsilon(0)
    configuration.batchSize = BatchSize(samples: 7)
    configuration.threads = ThreadCount(threads)
    let (samples, features) = (5000, 40)
    let values = (0..<samples * features).map { Double($0 % 1000) }
    let plan = try Repository.plan(
      folder.file("in.h5", ["activations": .init(shape: [samples, features], values: values)]), configuration)
    // Three of four numbers are wrong by 1, and one by 5: 2 on the average, of those that are numbers.
    var theirs = values.enumerated().map { $1 + ($0 % 4 == 3 ? 5 : 1) }
    for lost in 10_000..<10_004 { theirs[lost] = .nan }
    let other = try folder.file("other.h5", ["output": .init(shape: [samples, features], values: theirs)])
    let comparison = try plan.verified(against: other).layers[0].comparisons[0]
    #expect(comparison.count == 200_000 && comparison.meanError == 2)
    #expect(comparison.maximumError == .infinity)
    // 2⁵³ + 1 is no number of 53 bits, so that a sum in any order loses what comes after the largest.
    var large = values.map { $0 + 1 }
    (large[77_000], large[1]) = (0x1p53, values[1])
    let second = try folder.file("large.h5", ["output": .init(shape: [samples, features], values: large)])
    let mean = try plan.verified(against: second).layers[0].comparisons[0].meanError
    let sum: Double = 9_007_199_254_940_990
    #expect(mean == sum / 200_000)
  }

  /// 2⁻ⁿ below the leading bit, and the least numbers of each type.
  @Test(
    "units in the last place",
    arguments: [
      (.float64, 1.5, 0x1p-52), (.float64, 0, 0x1p-1074), (.float32, 1.5, 0x1p-23), (.float32, -8, 0x1p-20),
      (.float32, 0, 0x1p-149), (.float32, 0x1p-140, 0x1p-149), (.float16, 1.5, 0x1p-10),
      (.float16, 0x1p-20, 0x1p-24), (.float16, 0, 0x1p-24), (.bfloat16, 1.5, 0x1p-7),
      (.bfloat16, 300, 2), (.bfloat16, 0, 0x1p-133), (.int8, 100, 1), (.uint64, 0x1p63, 1),
    ] as [(NumericType.Kind, Double, Double)])
  func units(type: NumericType.Kind, value: Double, unit: Double) {
    #expect(type.unitInTheLastPlace(value) == unit)
    #expect(type.unitInTheLastPlace(-value) == unit)
    #expect(type.unitInTheLastPlace(.infinity).isNaN)
  }

  @Test("a file that changes meanwhile gives no verdict", arguments: [false, true])
  func changes(isInput: Bool) throws {
    let plan = try KnownBatches.plan(in: folder)
    let other = try KnownBatches.file("other.h5", in: folder)
    let verification = try Verification(plan, against: other, relative: nil, absolute: nil)
    let changed = isInput ? plan.job.input : other
    try FileManager.default.changeTime(ofItemAtPath: changed)
    #expect(throws: StreamError.inputChanged(path: changed)) {
      try verification.report(progress: JobProgress(), cancellation: Cancellation())
    }
  }

  @Test("an input that changes meanwhile is not checked")
  func changesWhileChecked() throws {
    let plan = try KnownBatches.plan(in: folder)
    try FileManager.default.changeTime(ofItemAtPath: plan.job.input)
    #expect(throws: StreamError.inputChanged(path: plan.job.input)) { try Check(plan).report() }
  }
}
