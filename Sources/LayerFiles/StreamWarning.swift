import Configuration

/// What a user should know though nothing is wrong, as data.
public enum StreamWarning: Sendable, Equatable {
  /// The input's file system knows no locks.
  case inputNotLocked(path: String)
  /// Something in the file that could hold layers, and was not looked into.
  case skipped(SkipReason, [String])
  /// Numbers of a format that no format here holds exactly.
  case numbersRounded(datasets: [String], words: String)
  /// Given parameters or statistics that results need are infinite or NaN; the feature is the first dataset's first.
  case nonfiniteGiven(datasets: [String], feature: Int, count: Int)
  /// Given variances are negative, though what normalizes is defined.
  case negativeVariance(datasets: [String], feature: Int, value: Double)

  // About the roles and settings of layers: what `strict` makes errors.

  /// The batch size that was asked for gives way to the layers' `batch_offsets`.
  case batchOffsetsOverride(layers: [String], batchSize: String, origin: SettingOrigin)
  /// The layers say that their model ran with running statistics, and somebody asked for the batches' own.
  case recordedInEvaluation(layers: [String], origin: SettingOrigin)
  /// No dataset serves a role, but there is one whose name looks like it.
  case similarName(layers: [String], missing: DatasetRole, found: String)
  /// There are no `batch_offsets`, but something that is called like the sizes of batches.
  case batchSizesNotRead(layers: [String], found: String)
  /// There is something that is called like weights of samples, or of features.
  case weightsNotRead(layers: [String], found: String)
  /// Nobody has said a setting, but something else is called like it, or it lies elsewhere.
  case settingNotRead(layers: [String], key: JobConfiguration.Key, found: String, place: SettingPlace)
  /// A name in the configuration's `datasets` does not exist, but one much like it does.
  case configuredNameMissing(layers: [String], role: DatasetRole, name: String, found: String)

  /// By a configured pattern, no layer has a dataset in a role.
  case patternUnused(layers: [String], role: DatasetRole, pattern: String)

  /// Where something lies that is called like a setting of a layer.
  public enum SettingPlace: Sendable, Equatable {
    /// An attribute of the layer's group.
    case group
    /// An attribute of its activations.
    case activations
    /// An attribute of the root.
    case root
    /// A dataset in the group.
    case dataset
  }
}

/// Why something in a file was passed over.
public enum SkipReason: Sendable, Equatable {
  /// A link into another file.
  case otherFile
  /// A soft link to what is not there, or in a circle.
  case leadsNowhere
  /// An object that the library cannot read.
  case unreadable
  /// A layer whose name is no UTF-8, and that nobody selected.
  case nameIsNotText
  /// A group in more groups than anybody would make.
  case tooDeep
}

extension StreamWarning {
  /// The layers that it is about, about whose roles and settings it then is; nil for another one.
  public var layers: [String]? {
    switch self {
    case .inputNotLocked, .skipped, .numbersRounded, .nonfiniteGiven, .negativeVariance: nil
    default: subjects
    }
  }

  /// What it is about, of which several are said once: layers, datasets, or what was skipped.
  private var subjects: [String] {
    switch self {
    case .inputNotLocked: []
    case .skipped(_, let paths), .numbersRounded(let paths, _), .nonfiniteGiven(let paths, _, _),
      .negativeVariance(let paths, _, _), .batchOffsetsOverride(let paths, _, _),
      .recordedInEvaluation(let paths, _), .similarName(let paths, _, _), .batchSizesNotRead(let paths, _),
      .weightsNotRead(let paths, _), .settingNotRead(let paths, _, _, _),
      .configuredNameMissing(let paths, _, _, _), .patternUnused(let paths, _, _):
      paths
    }
  }

  /// Of several files each has the same layers, which are named once.
  private func subjects(without others: [String]) -> [String] {
    // By their bytes: names that are equal to Swift may be two.
    let known = Set(others.map { Array($0.utf8) })
    return subjects.filter { !known.contains(Array($0.utf8)) }
  }

  /// The same about something else.
  private func about(_ subjects: [String]) -> StreamWarning {
    switch self {
    case .inputNotLocked: self
    case .skipped(let reason, _): .skipped(reason, subjects)
    case .numbersRounded(_, let words): .numbersRounded(datasets: subjects, words: words)
    case .nonfiniteGiven(_, let feature, let count):
      .nonfiniteGiven(datasets: subjects, feature: feature, count: count)
    case .negativeVariance(_, let feature, let value):
      .negativeVariance(datasets: subjects, feature: feature, value: value)
    case .batchOffsetsOverride(_, let size, let origin):
      .batchOffsetsOverride(layers: subjects, batchSize: size, origin: origin)
    case .recordedInEvaluation(_, let origin): .recordedInEvaluation(layers: subjects, origin: origin)
    case .similarName(_, let role, let found): .similarName(layers: subjects, missing: role, found: found)
    case .batchSizesNotRead(_, let found): .batchSizesNotRead(layers: subjects, found: found)
    case .weightsNotRead(_, let found): .weightsNotRead(layers: subjects, found: found)
    case .settingNotRead(_, let key, let found, let place):
      .settingNotRead(layers: subjects, key: key, found: found, place: place)
    case .configuredNameMissing(_, let role, let name, let found):
      .configuredNameMissing(layers: subjects, role: role, name: name, found: found)
    case .patternUnused(_, let role, let pattern):
      .patternUnused(layers: subjects, role: role, pattern: pattern)
    }
  }

  /// Who said what it is about: the file, unless an option or the configuration is at odds with it.
  public var origin: SettingOrigin {
    switch self {
    case .batchOffsetsOverride(_, _, let origin), .recordedInEvaluation(_, let origin): origin
    case .configuredNameMissing, .patternUnused: .configuration
    default: .dataset
    }
  }

  /// The same warnings with those about several layers said once.
  package static func merged(_ warnings: [StreamWarning]) -> [StreamWarning] {
    var merged: [StreamWarning] = []
    for warning in warnings {
      if let index = merged.firstIndex(where: { $0.joined(with: warning) != nil }),
        let joined = merged[index].joined(with: warning)
      {
        merged[index] = joined
      } else {
        merged.append(warning)
      }
    }
    return merged
  }

  /// One warning of two that differ in what they are about; nil if they differ in more.
  private func joined(with other: StreamWarning) -> StreamWarning? {
    switch (self, other) {
    case (.nonfiniteGiven(let datasets, let feature, let count), .nonfiniteGiven(let more, _, let others)):
      .nonfiniteGiven(datasets: datasets + more, feature: feature, count: count + others)
    case (.negativeVariance(let datasets, let feature, let value), .negativeVariance(let more, _, _)):
      .negativeVariance(datasets: datasets + more, feature: feature, value: value)
    default: about([]) == other.about([]) ? about(subjects + other.subjects(without: subjects)) : nil
    }
  }
}
