/// What a user should know though nothing is wrong, as data.
public enum PipelineWarning: Sendable, Equatable {
  /// The input's file system knows no locks.
  case inputNotLocked(path: String)
  /// The batch size that was asked for gives way to the layer's `batch_offsets`.
  case batchOffsetsOverride(layers: [String], batchSize: String)
  /// The layer says that its model ran with running statistics.
  case recordedInEvaluation(layers: [String])
  /// There is no `grad_output`, but something with a name much like it.
  case similarName(layer: String, missing: String, found: String)
}

extension PipelineWarning: CustomStringConvertible {
  /// One line: what it is, where, and what to do.
  public var description: String {
    switch self {
    case .inputNotLocked(let path):
      "\(path) could not be locked on its file system; make sure that nothing writes to it"
    case .batchOffsetsOverride(let layers, let batchSize):
      "\(words(layers)) `batch_offsets`, which override the batch size \(batchSize); to use that, map the role "
        + "to a name that does not exist, as in {\"datasets\": {\"batch_offsets\": \"none\"}}"
    case .recordedInEvaluation(let layers):
      "\(words(layers)) running statistics noted (attribute `statistics`), from evaluation mode; normalize as the model did "
        + "with --statistics running"
    case .similarName(let layer, let missing, let found):
      "\(layer) has no `\(missing)`, but `\(found)`; if that is it, say so in the configuration: "
        + "{\"datasets\": {\"\(missing)\": \"\(found)\"}}"
    }
  }

  /// The layers as the beginning of a sentence about what they have.
  private func words(_ layers: [String]) -> String {
    let shown = layers.prefix(3).joined(separator: ", ")
    if layers.count > 3 { return "\(shown) and \(layers.count - 3) more layers have" }
    return layers.count == 1 ? "\(shown) has" : "\(shown) have"
  }

  /// The same warnings with those about several layers said once.
  static func merged(_ warnings: [PipelineWarning]) -> [PipelineWarning] {
    var merged: [PipelineWarning] = []
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

  private func joined(with other: PipelineWarning) -> PipelineWarning? {
    switch (self, other) {
    case (.batchOffsetsOverride(let layers, let size), .batchOffsetsOverride(let more, let other))
    where size == other:
      .batchOffsetsOverride(layers: layers + more, batchSize: size)
    case (.recordedInEvaluation(let layers), .recordedInEvaluation(let more)):
      .recordedInEvaluation(layers: layers + more)
    default: nil
    }
  }
}
