import Pipeline

/// What keeps `trace`, `check` and `verify` from answering, beside what stops a run.
public enum InspectionError: Error, Sendable, Equatable {
  /// There is no batch of this number.
  case noSuchBatch(file: String, layer: String, batch: Int, count: Int)
  /// The batch has no sample, or a mask leaves none of its values.
  case nothingInBatch(file: String, layer: String, batch: Int)
  /// Two names for one result.
  case twoResults(file: String, group: String, names: [String])
  /// The other file has no result of any layer.
  case nothingToCompare(file: String, input: String, layers: [String])

  /// The exit code that tells scripts what kind of error this is.
  public var exitStatus: ExitStatus { .badInput }
}

extension InspectionError: CustomStringConvertible {
  /// One line: what is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .noSuchBatch(let file, let layer, let batch, let count):
      "\(file): \(layer) has no batch \(batch); --batch takes 0...\(max(0, count - 1)), or choose another --batch-size"
    case .nothingInBatch(let file, let layer, let batch):
      "\(file): batch \(batch) of \(layer) has no value that counts; choose another --batch"
    case .twoResults(let file, let group, let names):
      "\(file): \(group) holds both \(names.map { "`\($0)`" }.joined(separator: " and ")), two names for one result; "
        + "remove one"
    case .nothingToCompare(let file, let input, let layers):
      "\(file): holds no results for \(layers.prefix(5).joined(separator: ", ")) of \(input); they lie in groups of the same "
        + "names, or under /expected, as `output`, `grad_input`, `grad_gamma` or `weight.grad`, and so on"
    }
  }
}
