import BatchNorm
import Configuration
import Foundation
import HDF5
import Inspection
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

/// What another program does differently is told from its results. These are computed here, by the formulas and nothing else.
@Suite(.timeLimit(.minutes(30))) struct DepartureTests {
  private static let (samples, features, batch) = (24, 3, 8)
  private static let x: [Double] = (0..<samples * features).map { (index: Int) -> Double in
    let number: Int = (index * 37 + index * index % 11) % 53
    return Double(number) / 7 - 3
  }
  private static let dy: [Double] = (0..<samples * features).map { (index: Int) -> Double in
    let number: Int = (index * 29 + index * index % 13) % 31
    return Double(number) / 5 - 3
  }
  private static let gamma = [0.5, 1.5, -2]
  private static let beta = [0.25, -1, 3]

  typealias Results = (output: [Double], gradInput: [Double], mean: [Double], variance: [Double])

  /// How a kernel computes.
  struct Kernel: Sendable {
    var epsilon = 1e-5
    var divisorLess = 0.0
    var gamma = DepartureTests.gamma
    var beta = DepartureTests.beta
    var batch = DepartureTests.batch
    var isDetached = false
    var momentum = 0.1
    var runningDivisorLess = 1.0

    func results() -> Results {
      var output = DepartureTests.x
      var gradInput = DepartureTests.x
      let features = DepartureTests.features
      var (means, variances) = (
        Array(repeating: 0.0, count: features), Array(repeating: 1.0, count: features)
      )
      for start in stride(from: 0, to: DepartureTests.samples, by: batch) {
        for feature in 0..<features {
          let places: [Int] = (start..<start + batch).map { $0 * features + feature }
          let (x, dy) = (DepartureTests.x, DepartureTests.dy)
          let m = Double(batch)
          var (mean, squares, dbeta, dgamma) = (0.0, 0.0, 0.0, 0.0)
          for place in places { mean += x[place] / m }
          for place in places { squares += (x[place] - mean) * (x[place] - mean) }
          let invStd: Double = 1 / (squares / (m - divisorLess) + epsilon).squareRoot()
          for place in places {
            dbeta += dy[place]
            dgamma += dy[place] * (x[place] - mean) * invStd
          }
          for place in places {
            let normalized: Double = (x[place] - mean) * invStd
            output[place] = gamma[feature] * normalized + beta[feature]
            let through: Double = isDetached ? 0 : dbeta / m + normalized * dgamma / m
            gradInput[place] = gamma[feature] * invStd * (dy[place] - through)
          }
          means[feature] = (1 - momentum) * means[feature] + momentum * mean
          variances[feature] =
            (1 - momentum) * variances[feature] + momentum * squares / (m - runningDivisorLess)
        }
      }
      return (output, gradInput, means, variances)
    }
  }

  /// - Parameter change: changes what the kernel gives before it is compared.
  private func report(
    _ kernel: Kernel, _ names: [String], relative: Double? = nil, keys: String = "",
    _ change: (inout Results) -> Void = { _ in }
  ) throws -> LayerVerification {
    let folder = try TemporaryFolder()
    let input = try File(anew: folder.path("in.h5"))
    let layer = try input.root.createGroup("layer")
    func write(_ group: Group, _ name: String, _ shape: [Int], _ values: [Double]) throws {
      try group.createDataset(name, type: .float64, shape: shape, storage: .contiguous).writeDoubles(values)
    }
    let tensor = [Self.samples, Self.features]
    try write(layer, "activations", tensor, Self.x)
    try write(layer, "grad_output", tensor, Self.dy)
    try write(layer, "gamma", [Self.features], Self.gamma)
    try write(layer, "beta", [Self.features], Self.beta)
    try input.close()
    var results = kernel.results()
    change(&results)
    let other = try File(anew: folder.path("other.h5"))
    let group = try other.root.createGroup("layer")
    if names.contains("output") { try write(group, "output", tensor, results.output) }
    if names.contains("grad_input") { try write(group, "grad_input", tensor, results.gradInput) }
    if names.contains("running") {
      try write(group, "running_mean", [Self.features], results.mean)
      try write(group, "running_var", [Self.features], results.variance)
    }
    try other.close()
    let plan = try Repository.plan(folder.path("in.h5"), json: #"{"batch_size": \#(Self.batch)\#(keys)}"#)
    let report = try plan.verified(against: folder.path("other.h5"), relative: relative)
    return report.layers[0]
  }

  @Test func rightOnesAgree() throws {
    let layer = try report(Kernel(), ["output", "grad_input", "running"])
    #expect(layer.comparisons.count == 4 && layer.comparisons.allSatisfy(\.agrees))
    #expect(layer.departures.isEmpty)
  }

  static let mistakes: [(Kernel, [String], LayerDeparture)] = [
    (Kernel(epsilon: 1e-3), ["output"], .epsilon(1e-3)),
    (Kernel(epsilon: 1e-3), ["output", "grad_input"], .epsilon(1e-3)),
    (Kernel(epsilon: 0), ["output"], .epsilon(0)),
    (Kernel(divisorLess: 1), ["output"], .mistake(.unbiasedVariance)),
    (Kernel(gamma: beta, beta: gamma), ["output", "grad_input"], .parametersSwapped),
    (Kernel(gamma: [1, 1, 1]), ["output"], .gammaIgnored),
    // Where β cannot be seen, nothing is said of it.
    (Kernel(gamma: [1, 1, 1]), ["grad_input"], .gammaIgnored),
    (Kernel(beta: [0, 0, 0]), ["output"], .betaIgnored),
    (Kernel(gamma: [1, 1, 1], beta: [0, 0, 0]), ["output"], .parametersIgnored),
    (Kernel(isDetached: true), ["output", "grad_input"], .gradientDetached),
    (Kernel(momentum: 0.9), ["running"], .momentum(0.9)),
    (Kernel(runningDivisorLess: 0), ["output", "running"], .runningVariance(.biased)),
    (Kernel(batch: samples), ["output"], .wholeDataset),
  ]

  @Test(arguments: mistakes.indices) func mistake(number: Int) throws {
    let (kernel, names, departure) = Self.mistakes[number]
    let layer = try report(kernel, names)
    #expect(layer.comparisons.contains { !$0.agrees })
    #expect(layer.departures.map(\.kind) == [departure])
    #expect(layer.departures.first?.results == layer.comparisons.filter { !$0.agrees }.map(\.result))
    #expect(layer.runningVariance == (departure == .runningVariance(.biased) ? .biased : nil))
  }

  /// What is not the default can be mistaken, too: for a gradient through the statistics, and for the old value's weight in place of the new
  /// one's.
  static let mistakesOfSettings: [(String, Kernel, [String], LayerDeparture)] = [
    (#", "gradient": "detached""#, Kernel(), ["output", "grad_input"], .gradientNotDetached),
    (#", "momentum": 0.3"#, Kernel(momentum: 0.7), ["running"], .momentum(0.7)),
    (#", "momentum": 0.2"#, Kernel(momentum: 0.8), ["running"], .momentum(0.8)),
  ]

  @Test(arguments: mistakesOfSettings.indices) func mistakeOfASetting(number: Int) throws {
    let (keys, kernel, names, departure) = Self.mistakesOfSettings[number]
    let layer = try report(kernel, names, keys: keys)
    #expect(layer.departures.map(\.kind) == [departure])
    let expected = names == ["running"] ? ["running_mean", "running_var"] : ["grad_input"]
    #expect(layer.comparisons.filter { !$0.agrees }.map(\.result) == expected)
    #expect(layer.departures.first?.results == expected)
  }

  /// Of what is simply wrong nothing is said: not of a large result, and not of vectors, whose few numbers show only in the end that
  /// no way gives them.
  @Test func noneFits() throws {
    func spoil(_ results: inout Results) { results.output[7] += 0.5 }
    #expect(try report(Kernel(), ["output"], spoil).departures.isEmpty)
    #expect(try report(Kernel(epsilon: 1e-3), ["output"], spoil).departures.isEmpty)
    #expect(try report(Kernel(epsilon: 0.02), ["output"]).departures.isEmpty)
    let vectors: [(inout Results) -> Void] = [
      { $0.mean[1] += 0.5 }, { $0.variance[2] += 0.5 },
      {
        $0.mean[0] -= 0.25
        $0.variance[0] *= 2
      },
    ]
    for spoil in vectors {
      let layer = try report(Kernel(), ["running"], spoil)
      #expect(layer.comparisons.contains { !$0.agrees } && layer.departures.isEmpty)
    }
  }

  /// How well a way agrees is told of the result that agrees least, of a departure in a batch and of one of all samples.
  @Test(arguments: [true, false], [LayerDeparture.parametersSwapped, .wholeDataset])
  func theLeastAgreementIsTold(inGradient: Bool, kind: LayerDeparture) throws {
    let kernel =
      kind == .wholeDataset ? Kernel(batch: Self.samples) : Kernel(gamma: Self.beta, beta: Self.gamma)
    let layer = try report(kernel, ["output", "grad_input"], relative: 1e-4) { results in
      if inGradient { results.gradInput[5] += 1e-6 } else { results.output[5] += 1e-6 }
    }
    let departure = try #require(layer.departures.first)
    #expect(departure.kind == kind && departure.results.count == 2)
    // Of numbers of some units; without the change it is that of rounding.
    #expect((1e-8..<1e-5).contains(departure.relativeError))
  }

  /// Deviations of some 1/200: without the root numbers are 200 times as large, and so are their roundings to float16.
  @Test func largerNumbersHaveLargerRoundings() throws {
    let folder = try TemporaryFolder()
    let x: [Double] = Self.x.map { $0 / 400 }
    var output = x
    for start in stride(from: 0, to: Self.samples, by: Self.batch) {
      for feature in 0..<Self.features {
        let places: [Int] = (start..<start + Self.batch).map { $0 * Self.features + feature }
        let m = Double(Self.batch)
        let mean: Double = places.reduce(0) { $0 + x[$1] } / m
        let variance: Double = places.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / m
        for place in places { output[place] = (x[place] - mean) / (variance + 1e-9) }
      }
    }
    let shape = [Self.samples, Self.features]
    let input = try folder.file("in.h5", ["layer/activations": .init(shape: shape, values: x)])
    let other = try folder.file(
      "other.h5", ["layer/output": .init(shape: shape, values: output, type: .float16)])
    let plan = try Repository.plan(input, json: #"{"batch_size": 8, "epsilon": 1e-9}"#)
    let layer = try plan.verified(against: other).layers[0]
    #expect(layer.comparisons.map(\.agrees) == [false])
    #expect(layer.departures.map(\.departure) == ["root_forgotten"])
  }

  /// Where much is allowed, several ways agree: only the one that fits best is named.
  @Test func whatFitsByChanceIsNotNamed() throws {
    // A momentum of 1 is 0.01 of the last step off, and within 0.05 of everything.
    let layer = try report(Kernel(momentum: 0.99), ["running"], relative: 0.05)
    #expect(layer.departures.map(\.kind) == [.momentum(0.99)])
  }
}
