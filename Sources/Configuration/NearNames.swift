/// What a name that nobody reads was probably meant for.
///
/// Other programs have other names for the same things: PyTorch (`weight`, `bias`, `eps`), Keras (`moving_variance`, `axis`), Flax and
/// Haiku (`scale`, `offset`, `mean`, `var`), ONNX (`B`, `input_mean`, `input_var`), MATLAB (`TrainedMean`, `Offset`). Upper and lower
/// case and `_`, `-`, `.`, `:` and blanks make no difference here.
package enum NearName: Sendable, Equatable {
  /// A dataset in this role.
  case role(DatasetRole)
  /// How many samples each batch has, where their boundaries are looked for.
  case batchSizes
  /// Weights, of samples or of features.
  case weights
  /// A setting, which is an attribute of the layer's group.
  case setting(JobConfiguration.Key)

  /// What a dataset's name looks like; nil if like nothing.
  package init?(ofDataset name: String) {
    let folded = Self.fold(name)
    if let known = Self.datasets[folded] {
      self = known
    } else if let role = DatasetRole.allCases.first(where: { role in
      role.defaultNames.contains { Self.isMisspelt(folded, for: Self.fold($0)) }
    }) {
      self = .role(role)
    } else {
      return nil
    }
  }

  /// True if a name is another one but for case, separators, or a slip: one edit from five letters on, two from twelve on.
  package static func isNear(_ name: String, _ other: String) -> Bool {
    let (first, second) = (fold(name), fold(other))
    return first == second || isMisspelt(first, for: second)
  }

  private static func isMisspelt(_ folded: String, for other: String) -> Bool {
    let (first, second) = (Array(folded.unicodeScalars), Array(other.unicodeScalars))
    let longer = max(first.count, second.count)
    let allowed = longer >= 12 ? 2 : longer >= 5 ? 1 : 0
    guard longer <= 200, abs(first.count - second.count) <= allowed else { return false }
    return Spelling.distance(first, second) <= allowed
  }

  private static func fold(_ name: String) -> String {
    String(
      String.UnicodeScalarView(
        name.lowercased().unicodeScalars.filter { !"_-.: ".unicodeScalars.contains($0) }))
  }

  // MARK: - The tables, in folded names

  /// What each name that is known looks like.
  package static let datasets: [String: NearName] = {
    var names: [String: NearName] = [:]
    for (key, others) in settings {
      for name in [fold(key.rawValue)] + others { names[name] = .setting(key) }
    }
    for (role, others) in roles {
      for name in role.defaultNames.map(fold) + others { names[name] = .role(role) }
    }
    for name in ["batchsizes", "batchlengths", "batchcounts", "sizes", "lengths"] {
      names[name] = .batchSizes
    }
    for name in ["weights", "sampleweight", "sampleweights"] { names[name] = .weights }
    return names
  }()

  private static let roles: [(DatasetRole, [String])] = [
    (
      .activations,
      ["x", "input", "inputs", "activation", "acts", "preactivation", "preactivations", "features", "data"]
    ),
    (
      .gradOutput,
      [
        "dy", "grad", "grads", "gradient", "gradients", "gradoutputs", "gradout", "grady", "gradientoutput",
        "outputgrad",
        "outputgradient", "dout", "doutput", "dldy", "dlossdy", "upstream", "upstreamgradient",
      ]
    ),
    (.gamma, ["gammas", "scale", "scales", "gain", "bnscale", "γ"]),
    (.beta, ["betas", "biases", "offset", "shift", "center", "b", "bnbias", "β"]),
    (
      .runningMean,
      [
        "mean", "movingaverage", "movingavg", "runningavg", "runningaverage", "trainedmean", "inputmean",
        "meanema", "estmean",
      ]
    ),
    (
      .runningVariance,
      [
        "var", "variance", "runningvariance", "movingvar", "trainedvariance", "inputvar", "inputvariance",
        "varema", "estvar",
      ]
    ),
    (
      .batchOffsets,
      ["offsets", "boundaries", "batchboundaries", "batchstarts", "batchsplits", "rowsplits", "indptr"]
    ),
    (.mask, ["masks", "samplemask", "paddingmask", "attentionmask", "validmask", "valid"]),
    (
      .labels,
      ["label", "target", "classes", "classlabels", "classindices", "groundtruth", "ytrue"]
    ),
  ]

  private static let settings: [(JobConfiguration.Key, [String])] = [
    (.batchSize, ["batch", "minibatch", "minibatchsize"]),
    (.statistics, ["stats", "training", "istraining", "userunningaverage", "useglobalstats"]),
    (.epsilon, ["eps", "varianceepsilon"]),
    (.momentum, []),
    (.featureAxis, ["axis", "channelaxis", "featuresaxis", "channelsaxis"]),
  ]
}

extension JobConfiguration.Key {
  /// Names under which an attribute may lie that was meant for this setting, the right one left out.
  ///
  /// They are looked up one by one: listing the attributes of a damaged file can crash the HDF5 library.
  package static let namesLikeSettings: [(name: String, key: Self)] = {
    let written: [(Self, [String])] = [
      (.batchSize, ["batch_size", "batchsize", "minibatch_size", "batch"]),
      (
        .statistics,
        ["statistics", "stats", "training", "is_training", "use_running_average", "use_global_stats"]
      ),
      (.epsilon, ["epsilon", "eps", "variance_epsilon"]),
      (.momentum, ["momentum"]),
      (.runningVariance, ["running_variance"]),
      (.featureAxis, ["feature_axis", "axis", "features_axis", "channel_axis", "channels_axis"]),
    ]
    var names: [(String, Self)] = []
    for (key, others) in written {
      for name in others.flatMap(variants)
      where name != key.rawValue && !names.contains(where: { $0.0 == name }) {
        names.append((name, key))
      }
    }
    return names
  }()

  /// The ways to write a name of several words.
  private static func variants(_ name: String) -> [String] {
    let words = name.split(separator: "_").map(String.init)
    let capitals = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }
    return [
      name, words.joined(), words.joined(separator: "-"), words[0] + capitals.dropFirst().joined(),
      capitals.joined(),
      capitals.joined(separator: "_"), name.uppercased(),
    ]
  }
}
