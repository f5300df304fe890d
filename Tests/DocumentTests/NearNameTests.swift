import Configuration
import Testing

@Suite("Names that look like something", .timeLimit(.minutes(30)))
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

  /// As Caffe, cuDNN, Flax, ONNX, scikit-learn, SciPy, TensorFlow and others call things.
  @Test(
    "names of other programs",
    arguments: [
      ("bnScale", .role(.gamma)), ("bnBias", .role(.beta)), ("estMean", .role(.runningMean)),
      ("estVar", .role(.runningVariance)), ("input_mean", .role(.runningMean)),
      ("moving_average", .role(.runningMean)),
      ("shift", .role(.beta)), ("center", .role(.beta)), ("gain", .role(.gamma)),
      ("grad_out", .role(.gradOutput)), ("dout", .role(.gradOutput)), ("preactivation", .role(.activations)),
      ("X", .role(.activations)), ("indptr", .role(.batchOffsets)), ("row_splits", .role(.batchOffsets)),
      ("attention_mask", .role(.mask)), ("padding_mask", .role(.mask)), ("y_true", .role(.labels)),
      ("classes", .role(.labels)), ("sample_weights", .weights), ("batch_lengths", .batchSizes),
      ("use_global_stats", .setting(.statistics)), ("use_running_average", .setting(.statistics)),
      ("is_training", .setting(.statistics)), ("variance_epsilon", .setting(.epsilon)),
      ("minibatch", .setting(.batchSize)), ("channel_axis", .setting(.featureAxis)),
      ("momentum", .setting(.momentum)),
    ] as [(String, NearName?)])
  func ofOtherPrograms(name: String, expected: NearName?) {
    #expect(NearName(ofDataset: name) == expected)
  }

  /// PyTorch's and Keras' names of the parameters, and the second one of labels.
  @Test(
    "slips in a role's second name",
    arguments: [
      ("wieght", .role(.gamma)), ("biass", .role(.beta)), ("moving_meen", .role(.runningMean)),
      ("moving_varience", .role(.runningVariance)), ("tragets", .role(.labels)),
    ] as [(String, NearName?)])
  func slipsInSecondNames(name: String, expected: NearName?) {
    #expect(NearName(ofDataset: name) == expected)
  }

  /// As people write them, each of a list of its own.
  @Test(
    "each of the names of a role, and of what divides samples",
    arguments: [
      ("inputs", .role(.activations)), ("pre_activations", .role(.activations)),
      ("features", .role(.activations)), ("acts", .role(.activations)), ("data", .role(.activations)),
      ("dL_dy", .role(.gradOutput)), ("dloss_dy", .role(.gradOutput)), ("grad_y", .role(.gradOutput)),
      ("upstream_gradient", .role(.gradOutput)), ("output_grad", .role(.gradOutput)),
      ("gammas", .role(.gamma)), ("scales", .role(.gamma)), ("betas", .role(.beta)),
      ("moving_avg", .role(.runningMean)), ("running_average", .role(.runningMean)),
      ("TrainedMean", .role(.runningMean)), ("mean_ema", .role(.runningMean)),
      ("var_ema", .role(.runningVariance)), ("input_variance", .role(.runningVariance)),
      ("batch_boundaries", .role(.batchOffsets)), ("batch_starts", .role(.batchOffsets)),
      ("batch_splits", .role(.batchOffsets)), ("valid_mask", .role(.mask)), ("valid", .role(.mask)),
      ("class_indices", .role(.labels)), ("ground_truth", .role(.labels)), ("batch_counts", .batchSizes),
      ("lengths", .batchSizes), ("channels_axis", .setting(.featureAxis)),
      ("minibatch_size", .setting(.batchSize)), ("stats", .setting(.statistics)),
    ] as [(String, NearName?)])
  func eachOfTheNames(name: String, expected: NearName?) {
    #expect(NearName(ofDataset: name) == expected)
  }

  /// A dash, a point, a colon, a blank, several, and none.
  @Test(
    "words may be parted by anything",
    arguments: [
      "batch-size", "batch.size", "batch:size", "batch size", "Batch_Size", "batch. size", "BatchSize",
    ])
  func separators(name: String) {
    #expect(NearName(ofDataset: name) == .setting(.batchSize))
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

  @Test(
    "each attribute like a setting is for that setting",
    arguments: [
      ("batchSize", .batchSize), ("batch", .batchSize), ("minibatch_size", .batchSize),
      ("MINIBATCH_SIZE", .batchSize),
      ("stats", .statistics), ("training", .statistics), ("isTraining", .statistics),
      ("use_running_average", .statistics), ("use_global_stats", .statistics),
      ("useGlobalStats", .statistics),
      ("eps", .epsilon), ("varianceEpsilon", .epsilon), ("Momentum", .momentum), ("MOMENTUM", .momentum),
      ("runningVariance", .runningVariance), ("axis", .featureAxis), ("features_axis", .featureAxis),
      ("channel_axis", .featureAxis), ("ChannelsAxis", .featureAxis),
    ] as [(String, JobConfiguration.Key)])
  func attributesOfSettings(name: String, key: JobConfiguration.Key) {
    #expect(JobConfiguration.Key.namesLikeSettings.filter { $0.name == name }.map(\.key) == [key])
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
