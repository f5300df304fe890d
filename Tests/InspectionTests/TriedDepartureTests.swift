import BatchNorm
import Configuration
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

/// Which ways of computing a layer differently are tried: those that make a difference to what it has, and of two at once those that can be.
@Suite(.timeLimit(.minutes(30))) struct TriedDepartureTests {
  /// A layer with some vectors beside its tensors.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var datasets: [String] = []
    var keys = #""batch_size": 2"#
    var hasGradient = true
    let tried: [LayerDeparture]
  }

  private static let ways: [LayerDeparture] = [
    .parametersSwapped, .gammaIgnored, .betaIgnored, .parametersIgnored, .gradientDetached,
    .gradientNotDetached, .maskIgnored, .runningStatistics, .batchStatistics, .wholeDataset,
    .kept(.deviation), .mistake(.unbiasedVariance),
  ]
  private static let ofBatches: [LayerDeparture] = [
    .gradientDetached, .wholeDataset, .kept(.deviation), .mistake(.unbiasedVariance),
  ]

  static let cases: [Case] = [
    Case(testDescription: "nothing given", tried: ofBatches),
    Case(
      testDescription: "gamma alone", datasets: ["gamma"],
      tried: [
        .gammaIgnored, .gradientDetached, .wholeDataset, .kept(.deviation), .mistake(.unbiasedVariance),
      ]),
    Case(
      testDescription: "beta alone", datasets: ["beta"],
      tried: [.betaIgnored, .gradientDetached, .wholeDataset, .kept(.deviation), .mistake(.unbiasedVariance)]),
    Case(
      testDescription: "gamma and beta", datasets: ["gamma", "beta"],
      tried: [
        .parametersSwapped, .gammaIgnored, .betaIgnored, .parametersIgnored, .gradientDetached, .wholeDataset,
        .kept(.deviation), .mistake(.unbiasedVariance),
      ]),
    Case(testDescription: "a mean alone", datasets: ["running_mean"], tried: ofBatches),
    Case(testDescription: "a variance alone", datasets: ["running_var"], tried: ofBatches),
    Case(
      testDescription: "statistics", datasets: ["running_mean", "running_var"],
      tried: [
        .gradientDetached, .runningStatistics, .wholeDataset, .kept(.deviation), .mistake(.unbiasedVariance),
      ]),
    Case(
      testDescription: "statistics that normalize", datasets: ["running_mean", "running_var"],
      keys: #""batch_size": 2, "statistics": "running""#, tried: [.batchStatistics, .wholeDataset]),
    Case(
      testDescription: "statistics that no gradient flows through",
      keys: #""batch_size": 2, "gradient": "detached""#,
      tried: [.gradientNotDetached, .wholeDataset, .kept(.deviation), .mistake(.unbiasedVariance)]),
    Case(
      testDescription: "no gradient", hasGradient: false,
      tried: [.wholeDataset, .kept(.deviation), .mistake(.unbiasedVariance)]),
    Case(
      testDescription: "one batch", keys: #""batch_size": "all""#,
      tried: [.gradientDetached, .kept(.deviation), .mistake(.unbiasedVariance)]),
    Case(
      testDescription: "a mask", datasets: ["mask"], tried: [.gradientDetached, .maskIgnored, .wholeDataset]),
    Case(
      testDescription: "parameters that nobody reads", datasets: ["gamma", "beta"],
      keys: #""batch_size": 2, "parameters": "identity""#,
      tried: [.gradientDetached, .wholeDataset, .kept(.deviation)]),
  ]

  @Test(arguments: cases) func areThoseThatMakeADifference(_ given: Case) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let group = try file.root.createGroup("layer")
    for name in given.hasGradient ? ["activations", "grad_output"] : ["activations"] {
      try group.createDataset(name, type: .float64, shape: [4, 2], storage: .contiguous)
        .writeDoubles([1, 2, 3, 5, 8, 13, 21, 34])
    }
    for name in given.datasets {
      let values: [Double] = name == "mask" ? [1, 1, 0, 1] : [1, 2]
      try group.createDataset(name, type: .float64, shape: [values.count], storage: .contiguous)
        .writeDoubles(values)
    }
    try file.close()
    let plan = try Repository.plan(folder.path("in.h5"), json: "{\(given.keys)}")
    let layer = try #require(plan.layers.first)
    let found = Self.ways.filter { layer.with($0) != nil }
    #expect(found == given.tried)
  }

  /// Each ε that programs have by default is tried, but for the layer's own; outside of the root its own, too, and never none.
  @Test(arguments: [0.5, 0.001]) func usualEpsilonsAreTried(own: Double) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createGroup("layer")
      .createDataset("activations", type: .float64, shape: [4, 2], storage: .contiguous)
      .writeDoubles([1, 2, 3, 5, 8, 13, 21, 34])
    try file.close()
    let json = #"{"epsilon": \#(own), "momentum": 0.25}"#
    let plan = try Repository.plan(folder.path("in.h5"), json: json)
    let layer = try #require(plan.layers.first)
    var (inside, outside, momenta): ([Double], [Double], [Double]) = ([], [], [])
    for departure in LayerDeparture.all(of: layer) {
      switch departure {
      case .epsilon(let epsilon): inside.append(epsilon)
      case .mistake(.epsilonOutsideRoot(let epsilon)): outside.append(epsilon)
      case .momentum(let momentum): momenta.append(momentum)
      default: break
      }
    }
    let usual: [Double] = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2]
    #expect(inside == [0] + usual.filter { $0 != own })
    #expect(outside == (own == 0.5 ? usual + [0.5] : usual))
    // One that says what of the new statistics counts, and one that says what of the old.
    #expect(momenta == [0.001, 0.01, 0.1, 0.5, 0.75, 0.9, 0.99, 1])
  }

  /// Of two that change the same only one can be, and a root that is forgotten leaves no ε outside of it, whichever of them comes first.
  @Test func twoAtOnceChangeTwoThings() {
    let outside = LayerDeparture.mistake(.epsilonOutsideRoot(1e-5))
    let root = LayerDeparture.mistake(.rootForgotten)
    let variance = LayerDeparture.mistake(.unbiasedVariance)
    let all: [LayerDeparture] = [
      .epsilon(0), outside, root, .gammaIgnored, .momentum(0.9), .betaIgnored, variance,
    ]
    let expected: [LayerDeparture] = [
      .two(.epsilon(0), root), .two(.epsilon(0), .gammaIgnored), .two(.epsilon(0), .betaIgnored),
      .two(.epsilon(0), variance), .two(outside, .gammaIgnored), .two(outside, .betaIgnored),
      .two(outside, variance), .two(root, .gammaIgnored), .two(root, .betaIgnored), .two(root, variance),
      .two(.gammaIgnored, variance), .two(.betaIgnored, variance),
    ]
    #expect(LayerDeparture.pairs(of: all) == expected)
    #expect(LayerDeparture.pairs(of: [root, outside]).isEmpty)
    #expect(LayerDeparture.pairs(of: [outside, root]).isEmpty)
  }
}
