import Configuration
import Testing

@Suite("Names that look like something")
struct NearNameTests {
  @Test(
    "other programs' names, and slips",
    arguments: [
      ("running_variance", .role(.runningVariance)), ("moving_var", .role(.runningVariance)),
      ("TrainedVariance", .role(.runningVariance)), ("input_var", .role(.runningVariance)),
      ("runing_var", .role(.runningVariance)), ("mean", .role(.runningMean)),
      ("running_mean_", .role(.runningMean)),
      ("Running-Mean", .role(.runningMean)), ("scale", .role(.gamma)), ("Gamma", .role(.gamma)),
      ("gama", .role(.gamma)),
      ("gamma:0", .role(.gamma)), ("offset", .role(.beta)), ("B", .role(.beta)), ("biases", .role(.beta)),
      ("dy", .role(.gradOutput)), ("grad", .role(.gradOutput)), ("grad_outputs", .role(.gradOutput)),
      ("batch_offset", .role(.batchOffsets)), ("batch_ofsets", .role(.batchOffsets)), ("masks", .role(.mask)),
      ("label", .role(.labels)), ("Targets", .role(.labels)), ("class_labels", .role(.labels)),
      ("batch_sizes", .batchSizes), ("weights", .weights), ("sample_weight", .weights),
      ("batch_size", .setting(.batchSize)), ("eps", .setting(.epsilon)), ("momentun", nil),
      ("axis", .setting(.featureAxis)), ("Γ", .role(.gamma)), ("β", .role(.beta)),
    ] as [(String, NearName?)])
  func near(name: String, expected: NearName?) {
    #expect(NearName(ofDataset: name) == expected)
  }

  @Test(
    "what looks like nothing",
    arguments: [
      "theta", "eta", "task", "running_min", "running_max", "output", "normalized", "grad_input",
      "grad_gamma",
      "moving_std", "delta", "", "基", "kernel", "population_mean", String(repeating: "gamma", count: 100),
    ])
  func far(name: String) {
    #expect(NearName(ofDataset: name) == nil)
  }

  /// On both sides of each length and of each number of slips.
  @Test(
    "one slip from five letters on, two from twelve on",
    arguments: [
      ("beta", "bets", false), ("beta", "betas", true), ("gamma", "gamna", true), ("gamma", "ganna", false),
      ("running_mean", "runing_mean", true), ("running_mean", "runing_maen", false),
      ("running_mean", "running_meanss", true), ("batch_offsets", "batsh_ofsets", true),
      ("batch_offsets", "batshofsetz", false), ("batch_offsets", "batch_oxxxets", false),
    ])
  func slips(name: String, other: String, isNear: Bool) {
    #expect(NearName.isNear(name, other) == isNear)
    #expect(NearName.isNear(other, name) == isNear)
  }

  @Test("a role's own names are not taken for another one's")
  func ownNames() {
    for role in DatasetRole.allCases {
      for name in role.defaultNames { #expect(NearName(ofDataset: name) == .role(role)) }
    }
  }

  @Test("two words are known in each way to write them")
  func waysToWrite() {
    let names = JobConfiguration.Key.namesLikeSettings.filter { $0.key == .featureAxis }.map(\.name)
    for name in [
      "featureaxis", "feature-axis", "featureAxis", "FeatureAxis", "Feature_Axis", "FEATURE_AXIS",
    ] {
      #expect(names.contains(name), "\(name)")
    }
  }

  @Test("attributes like settings are never a setting's own name, and none stands twice")
  func attributes() {
    let names = JobConfiguration.Key.namesLikeSettings
    #expect(Set(names.map(\.name)).count == names.count)
    let own = JobConfiguration.Key.ofLayers.map(\.rawValue)
    #expect(names.allSatisfy { !own.contains($0.name) })
    #expect(Set(names.map(\.key)) == Set(JobConfiguration.Key.ofLayers))
    for name in [
      "eps", "EPS", "Epsilon", "axis", "batchsize", "batchSize", "BatchSize", "featureAxis", "Momentum",
    ] {
      #expect(names.contains { $0.name == name }, "\(name)")
    }
  }
}
