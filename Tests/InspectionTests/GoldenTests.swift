import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection

/// Vectors for kernels: they agree with the program's own kernels, and tell a wrong kernel from a right one.
@Suite(.timeLimit(.minutes(30))) struct GoldenTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(
    _ configuration: JobConfiguration = JobConfiguration(), _ size: GoldenSize = GoldenSize(),
    hasNonfinite: Bool = false, to name: String = "golden.h5"
  ) throws -> GoldenReport {
    try GoldenFile(configuration, size: size, hasNonfinite: hasNonfinite)
      .write(to: folder.path(name), replaces: true, cancellation: Cancellation())
  }

  private func write(_ plan: JobPlan, _ size: GoldenSize = GoldenSize()) throws -> GoldenReport {
    try GoldenFile(plan, size: size, cancellation: Cancellation())
      .write(to: folder.path("golden.h5"), replaces: true, cancellation: Cancellation())
  }

  private func verification(
    against name: String = "golden.h5", _ configuration: JobConfiguration = JobConfiguration()
  ) throws -> Verification {
    try Verification(
      Repository.plan(folder.path("golden.h5"), configuration), against: folder.path(name),
      relative: nil, absolute: nil)
  }

  private func report(
    against name: String = "golden.h5", _ configuration: JobConfiguration = JobConfiguration()
  ) throws -> VerifyReport {
    try verification(against: name, configuration)
      .report(progress: JobProgress(), cancellation: Cancellation())
  }

  private static let settings = [
    "{}", #"{"statistics": "running"}"#, #"{"momentum": null}"#, #"{"running_variance": "biased"}"#,
    #"{"epsilon": 0.125, "momentum": 0.5}"#, #"{"epsilon": 0}"#, #"{"gradient": "detached"}"#,
    #"{"parameters": "identity"}"#, #"{"single_value_batch": "allow"}"#,
  ]

  /// Everything that is written agrees with the kernels, to a few roundings, and nothing is missing or unknown; the file's own
  /// attributes say the settings that attributes can say.
  @Test(
    arguments: settings,
    [GoldenSize(), GoldenSize(samples: 4, features: 1), GoldenSize(samples: 11, features: 17)])
  func kernelsAgree(json: String, size: GoldenSize) throws {
    let asked = try JobConfiguration(json: json, source: "test")
    let written = try write(asked, size, hasNonfinite: true)
    #expect(written.layers.map(\.hardCase) == HardCase.all(asked, hasNonfinite: true))
    var rest = JobConfiguration()
    rest.gradient = asked.gradient
    rest.parameters = asked.parameters
    rest.singleValueBatch = asked.singleValueBatch
    let found = try report(rest)
    #expect(found.agrees && found.isComplete)
    for layer in found.layers {
      #expect(layer.ignored == [] && layer.absent == [], "\(layer.path)")
      #expect(layer.comparisons.map(\.result).contains("output"))
      for compared in layer.comparisons {
        #expect(compared.relativeError < 1e-13, "\(layer.path)/\(compared.result)")
      }
    }
    let folded = try verification(rest)
      .foldedReport(progress: JobProgress(), cancellation: Cancellation())
    #expect(folded.agrees && folded.isComplete)
  }

  /// Vectors whose activations and gradients may be of different data are not made.
  @Test func anInputThatChangesGivesNoVectors() throws {
    let plan = try Repository.plan(folder.copy(Repository.digits))
    try FileManager.default.changeTime(ofItemAtPath: plan.job.input)
    #expect(throws: StreamError.inputChanged(path: plan.job.input)) {
      try GoldenFile(plan, size: GoldenSize(), cancellation: Cancellation())
    }
  }

  /// A right kernel passes all cases in float32.
  @Test func aRightKernelPasses() throws {
    _ = try write()
    _ = try GoldenKernel.right.run(folder.path("golden.h5"), in: folder)
    let found = try report(against: "kernel.h5")
    #expect(found.agrees && found.isComplete)
  }

  /// One that cancels passes where means are small, and is caught, by its name, where they are not.
  @Test func cancellationIsCaught() throws {
    _ = try write(JobConfiguration(), GoldenSize(samples: 256, features: 40))
    _ = try GoldenKernel.onePass.run(folder.path("golden.h5"), in: folder)
    let found = try report(against: "kernel.h5")
    func layer(_ hardCase: HardCase) throws -> LayerVerification {
      try #require(found.layers.first { $0.path == hardCase.path })
    }
    for hardCase in [HardCase.unevenBatches, .channelsFirst, .channelsLast, .oneSample] {
      #expect(try layer(hardCase).comparisons.allSatisfy(\.agrees), "\(hardCase)")
    }
    for hardCase in [HardCase.largeMean, .hugeValues] {
      #expect(try layer(hardCase).comparisons.contains { !$0.agrees }, "\(hardCase)")
    }
    #expect(try layer(.largeMean).departures.map(\.departure) == ["cancellation"])
  }

  /// One without ε is caught where the variance is small, which ordinary data does not show.
  @Test func missingEpsilonIsCaught() throws {
    _ = try write()
    var kernel = GoldenKernel.right
    kernel.epsilon = 1e-6
    _ = try kernel.run(folder.path("golden.h5"), in: folder)
    let found = try report(against: "kernel.h5")
    let tiny = try #require(found.layers.first { $0.path == "/tiny_variance" })
    #expect(tiny.departures.map(\.kind) == [.epsilon(1e-6)])
    #expect(tiny.departures.first?.results == ["output", "grad_input"])
  }

  /// Feature 0 of the first batch, whose mean is 10⁵ deviations: its numbers in fractions and roots of 60 digits by Python (`fractions`, mpmath).
  @Test func resultsAreExact() throws {
    _ = try write()
    let expected = try #require(
      try File(reading: folder.path("golden.h5")).root.descendant("/expected/large_mean"))
    func value(_ name: String) throws -> Double { try expected.dataset(name).readDoubles()[0] }
    let exact = [
      "batches/mean": 99999.89873798077, "batches/var": 1.2352599194769323,
      "batches/inv_std": 0.8997442234280809, "batches/grad_gamma": 15.733995615099786,
      "output": 1.6454976786853301, "grad_input": 0.4840304199896831, "folded/scale": 0.6666651851901234,
    ]
    for (name, exact) in exact {
      // A few roundings.
      #expect(try abs(value(name) - exact) <= 8 * exact.ulp, "\(name)")
    }
  }

  @Test func equalRunsGiveEqualBytes() throws {
    _ = try write(hasNonfinite: true)
    _ = try write(hasNonfinite: true, to: "again.h5")
    func bytes(_ name: String) throws -> Data {
      try Data(contentsOf: URL(fileURLWithPath: folder.path(name)))
    }
    #expect(try bytes("golden.h5") == bytes("again.h5"))
  }

  /// What each case promises of its numbers.
  @Test func casesAreWhatTheySay() throws {
    let report = try write(hasNonfinite: true)
    let axes = report.layers.map { [$0.path: $0.featureAxis] }
    #expect(axes.contains(["/channels_last": 3]) && axes.contains(["/channels_first": 1]))
    #expect(report.layers.allSatisfy { $0.epsilon == 1e-5 && $0.results.contains("output") })
    let root = try File(reading: folder.path("golden.h5")).root
    func results(_ hardCase: HardCase, _ name: String) throws -> [Double] {
      try root.dataset("expected\(hardCase.path)/\(name)").readDoubles()
    }
    func offsets(_ hardCase: HardCase) throws -> [Int] {
      try root.dataset("\(hardCase.rawValue)/batch_offsets").readIntegers()
    }
    #expect(try offsets(.unevenBatches) == [0, 26, 52, 64])
    #expect(try offsets(.oneSample) == Array(0...8))
    let (means, variances) = (
      try results(.largeMean, "population_mean"), try results(.largeMean, "population_var")
    )
    let ratios = zip(means, variances).map { $0.magnitude / $1.squareRoot() }
    #expect(ratios.min() ?? 0 > 5 && ratios.max() ?? 0 > 5e4)
    let tiny = try results(.tinyVariance, "batches/var")
    #expect(tiny.min() ?? 1 < 1e-15 && tiny.max() ?? 0 > 1e-3)
    #expect(try results(.hugeValues, "population_var").max() ?? 0 > 1e35)
    let constant = try results(.constantFeature, "batches/var")
    #expect(constant.indices.allSatisfy { (constant[$0] == 0) == $0.isMultiple(of: 2) })
    let nonfinite = try root.dataset("nonfinite/activations").readDoubles()
    #expect(nonfinite.contains(where: \.isNaN) && nonfinite.contains(.infinity))
    #expect(nonfinite.contains(-.infinity))
    for hardCase in HardCase.allCases where hardCase != .nonfinite && hardCase != .oneValue {
      #expect(try results(hardCase, "grad_input").allSatisfy(\.isFinite), "\(hardCase)")
    }
    // Numbers that float32 holds, so that no reader rounds them.
    for name in ["activations", "grad_output", "gamma", "beta", "running_mean", "running_var"] {
      #expect(try root.dataset("huge_values/\(name)").type.numericType == .float32)
    }
  }

  /// A case has as many samples as are asked for, but for the three of one value each; where each sample is a batch, there are eight at most.
  @Test func asManySamplesAsAreAskedFor() throws {
    let allowing = try JobConfiguration(json: #"{"single_value_batch": "allow"}"#, source: "test")
    let few = try write(allowing, GoldenSize(samples: 4, features: 2)).layers
    #expect(few.contains { $0.path == "/one_value" } && few.contains { $0.path == "/one_sample" })
    for layer in few {
      #expect(layer.shape[0] == (layer.path == "/one_value" ? 3 : 4), "\(layer.path)")
      if layer.path == "/one_sample" { #expect(layer.batchOffsets == [0, 1, 2, 3, 4]) }
    }
  }

  /// Vectors of own data are its first samples and features, in its batches and with its settings.
  @Test func ownData() throws {
    let plan = try Repository.plan(Repository.digits)
    let written = try write(plan, GoldenSize(samples: 40, features: 3))
    #expect(written.layers.map(\.path) == ["/features/bn", "/head/bn"])
    #expect(written.layers.map(\.shape) == [[40, 3, 8, 8], [40, 3]])
    #expect(written.layers.map(\.batchOffsets) == [[0, 32, 40], [0, 32, 40]])
    let root = try File(reading: folder.path("golden.h5")).root
    let given = try File(reading: Repository.digits).root
    for name in ["activations", "grad_output"] {
      let all = try given.dataset("head/bn/\(name)").readDoubles()
      let kept = try root.dataset("head/bn/\(name)").readDoubles()
      let first = (0..<40 * 3).map { (index: Int) -> Double in all[index / 3 * 24 + index % 3] }
      #expect(kept == first)
      let pictures = try given.dataset("features/bn/\(name)").readDoubles()
      let some = try root.dataset("features/bn/\(name)").readDoubles()
      let channels = (0..<40).flatMap { (sample: Int) -> ArraySlice<Double> in
        pictures[sample * 512..<sample * 512 + 3 * 64]
      }
      #expect(some == channels)
    }
    for name in ["gamma", "beta", "running_mean", "running_var"] {
      let kept = try root.dataset("head/bn/\(name)").readDoubles()
      #expect(try kept == Array(given.dataset("head/bn/\(name)").readDoubles()[..<3]))
    }
    let found = try report()
    #expect(found.agrees && found.isComplete)
    // The whole batch is there, and its results are those of the sample, which PyTorch computed.
    let theirs = try given.dataset("expected/head/bn/output").readDoubles()
    let ours = try root.dataset("expected/head/bn/output").readDoubles()
    for index in 0..<32 * 3 { #expect(abs(ours[index] - theirs[index / 3 * 24 + index % 3]) < 1e-12) }
  }

  /// With the features last, each position has the first of them.
  @Test func ownFeaturesAtTheEnd() throws {
    _ = try write(to: "given.h5")
    var configuration = JobConfiguration()
    configuration.layers = [try LayerPattern(parsing: "channels_last")]
    let written = try write(
      Repository.plan(folder.path("given.h5"), configuration), GoldenSize(samples: 30, features: 3))
    #expect(written.layers.map(\.shape) == [[30, 3, 4, 3]])
    let all = try File(reading: folder.path("given.h5")).root.dataset("channels_last/activations")
      .readDoubles()
    let kept = try File(reading: folder.path("golden.h5")).root.dataset("channels_last/activations")
      .readDoubles()
    let first = (0..<30 * 12 * 3).map { (index: Int) -> Double in all[index / 3 * 8 + index % 3] }
    #expect(kept == first)
    #expect(try report().agrees)
  }

  /// Numbers are float64 in vectors if those of either tensor are, so that none is rounded.
  @Test(arguments: [
    (NumericType.Kind.float32, NumericType.Kind.float32, NumericType.Kind.float32),
    (.float64, .float32, .float64), (.float32, .float64, .float64), (.float16, .int8, .float32),
    (.float64, .float64, .float64),
  ])
  func ownTypes(x: NumericType.Kind, dy: NumericType.Kind, expected: NumericType.Kind) throws {
    let values = (0..<16).map { Double($0 * $0 % 7) }
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [8, 2], values: values, type: x),
        "bn/grad_output": .init(shape: [8, 2], values: values.reversed(), type: dy),
      ])
    #expect(try write(Repository.plan(input)).layers.map(\.elementType) == [expected.rawValue])
    let layer = try File(reading: folder.path("golden.h5")).root.group("bn")
    for name in ["activations", "grad_output"] {
      #expect(try layer.dataset(name).type.numericType?.kind == expected, "\(name)")
    }
  }

  /// Batches without samples have no results, and no place among the vectors.
  @Test func noEmptyBatchIsLeft() throws {
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [8, 2], values: (0..<16).map { Double($0 * $0 % 7) }),
        "bn/batch_offsets": .init(shape: [6], values: [0, 0, 3, 3, 8, 8], type: .int64),
      ])
    #expect(try write(Repository.plan(input)).layers[0].batchOffsets == [0, 3, 8])
    #expect(try report().agrees)
  }

  /// A batch that is cut to a single value is left out: it has no variance.
  @Test func noSingleValueIsLeft() throws {
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [12, 2], values: (0..<24).map { Double($0 * $0 % 7) }),
        "bn/batch_offsets": .init(shape: [4], values: [0, 4, 8, 12], type: .int64),
      ])
    #expect(try write(Repository.plan(input), GoldenSize(samples: 9)).layers[0].batchOffsets == [0, 4, 8])
    #expect(
      try write(Repository.plan(input), GoldenSize(samples: 10)).layers[0].batchOffsets == [0, 4, 8, 10])
    #expect(try report().agrees)
  }

  /// What is given of each feature keeps its digits, also beside tensors that have fewer: the results are computed with all of them.
  @Test func ownRowsKeepTheirDigits() throws {
    let rows: [String: [Double]] = [
      "gamma": [0.1, 1.7], "beta": [0.3, -0.9], "running_mean": [0.7, 2.3], "running_var": [1.1, 0.6],
    ]
    var datasets: [String: TemporaryFolder.Stored] = [
      "bn/activations": .init(
        shape: [8, 2], values: (0..<16).map { Double($0 * $0 % 7) }, type: .float32)
    ]
    for (name, values) in rows { datasets["bn/\(name)"] = .init(shape: [2], values: values) }
    let input = try folder.file("in.h5", datasets)
    #expect(try write(Repository.plan(input)).layers.map(\.elementType) == ["float32"])
    let layer = try File(reading: folder.path("golden.h5")).root.group("bn")
    for (name, values) in rows { #expect(try layer.dataset(name).readDoubles() == values, "\(name)") }
    #expect(try report().agrees)
  }

  /// A batch that is cut to one sample stays where that has several positions.
  @Test func oneSampleOfSeveralPositionsIsLeft() throws {
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [12, 2, 3], values: (0..<72).map { Double($0 * $0 % 7) }),
        "bn/batch_offsets": .init(shape: [4], values: [0, 4, 8, 12], type: .int64),
      ])
    let written = try write(Repository.plan(input), GoldenSize(samples: 9)).layers[0]
    #expect(written.batchOffsets == [0, 4, 8, 9] && written.shape == [9, 2, 3])
    #expect(try report().agrees)
  }

  /// So does a last batch that has one value in the file itself.
  @Test(arguments: [9, 64]) func ownSingleValueIsLeft(samples: Int) throws {
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [9, 2], values: (0..<18).map { Double($0 * $0 % 7) }),
        "bn/batch_offsets": .init(shape: [4], values: [0, 4, 8, 9], type: .int64),
      ])
    var configuration = JobConfiguration()
    configuration.singleValueBatch = .allow
    let plan = try Repository.plan(input, configuration)
    #expect(try write(plan, GoldenSize(samples: samples)).layers[0].batchOffsets == [0, 4, 8, 9])
    let found = try verification(configuration)
      .report(progress: JobProgress(), cancellation: Cancellation())
    #expect(found.agrees)
  }
}
