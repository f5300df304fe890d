/// What a user should know though nothing is wrong, as data.
public enum StreamWarning: Sendable, Equatable {
  /// The input's file system knows no locks.
  case inputNotLocked(path: String)
  /// The batch size that was asked for gives way to the layer's `batch_offsets`.
  case batchOffsetsOverride(layers: [String], batchSize: String)
  /// The layer says that its model ran with running statistics.
  case recordedInEvaluation(layers: [String])
  /// Something in the file that could hold layers, and was not looked into.
  case skipped(SkipReason, [String])
  /// Numbers of a format that no format here holds exactly.
  case numbersRounded(datasets: [String], words: String)
  /// There is no `grad_output`, but something with a name much like it.
  case similarName(layer: String, missing: String, found: String)
  /// Given parameters or statistics that results need are infinite or NaN; the feature is the first dataset's first.
  case nonfiniteGiven(datasets: [String], feature: Int, count: Int)
  /// Given variances are negative, though what normalizes is defined.
  case negativeVariance(datasets: [String], feature: Int, value: Double)
}

/// Why something in a file was passed over.
public enum SkipReason: Sendable, Equatable {
  /// A link into another file.
  case otherFile
  /// A soft link to what is not there, or in a circle.
  case leadsNowhere
  /// An object that the library cannot read.
  case unreadable
  /// A group whose name is no UTF-8.
  case nameIsNotText
  /// A group in more groups than anybody would make.
  case tooDeep
}

extension StreamWarning {
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

  private func joined(with other: StreamWarning) -> StreamWarning? {
    switch (self, other) {
    case (.batchOffsetsOverride(let layers, let size), .batchOffsetsOverride(let more, let other))
    where size == other:
      .batchOffsetsOverride(layers: layers + more, batchSize: size)
    case (.recordedInEvaluation(let layers), .recordedInEvaluation(let more)):
      .recordedInEvaluation(layers: layers + more)
    case (.numbersRounded(let datasets, let words), .numbersRounded(let more, let other)) where words == other:
      .numbersRounded(datasets: datasets + more, words: words)
    case (.skipped(let reason, let paths), .skipped(let other, let more)) where reason == other:
      .skipped(reason, paths + more)
    case (.nonfiniteGiven(let datasets, let feature, let count), .nonfiniteGiven(let more, _, let others)):
      .nonfiniteGiven(datasets: datasets + more, feature: feature, count: count + others)
    case (.negativeVariance(let datasets, let feature, let value), .negativeVariance(let more, _, _)):
      .negativeVariance(datasets: datasets + more, feature: feature, value: value)
    default: nil
    }
  }
}
