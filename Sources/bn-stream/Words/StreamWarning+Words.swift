import LayerFiles

extension StreamWarning: CustomStringConvertible {
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
}
