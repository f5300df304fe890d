/// What a user should know though nothing is wrong, as data.
public enum PipelineWarning: Sendable, Equatable {
  /// The input's file system knows no locks.
  case inputNotLocked(path: String)
  /// The batch size that was asked for gives way to the layer's `batch_offsets`.
  case batchOffsetsOverride(layer: String, batchSize: String)
  /// The layer says that its model ran with running statistics.
  case recordedInEvaluation(layer: String)
  /// There is no `grad_output`, but something with a name much like it.
  case similarName(layer: String, missing: String, found: String)
}

extension PipelineWarning: CustomStringConvertible {
  /// One line: what it is, where, and what to do.
  public var description: String {
    switch self {
    case .inputNotLocked(let path):
      "\(path) could not be locked on its file system; make sure that nothing writes to it"
    case .batchOffsetsOverride(let layer, let batchSize):
      "\(layer) has `batch_offsets`, which override the batch size \(batchSize); to use that, map the role "
        + "to a name that does not exist, as in {\"datasets\": {\"batch_offsets\": \"none\"}}"
    case .recordedInEvaluation(let layer):
      "\(layer) was recorded in evaluation mode (attribute `statistics`); normalize it as the model did with "
        + "--statistics running"
    case .similarName(let layer, let missing, let found):
      "\(layer) has no `\(missing)`, but `\(found)`; if that is it, say so in the configuration: "
        + "{\"datasets\": {\"\(missing)\": \"\(found)\"}}"
    }
  }
}
