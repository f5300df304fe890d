import Inspection

extension InspectionError: CustomStringConvertible {
  /// One line: what is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .noSuchBatch(let file, let layer, _, 0):
      "\(file): \(layer) has no batches; choose a layer with samples, or a smaller --batch-size"
    case .noSuchBatch(let file, let layer, let batch, let count):
      "\(file): \(layer) has no batch \(batch); --batch takes 0...\(count - 1), or choose another --batch-size"
    case .nothingInBatch(let file, let layer, let batch):
      "\(file): batch \(batch) of \(layer) has no value that counts; choose another --batch"
    case .tooLargeToPrint(let file, let layer, let batch, let shape, let most):
      "\(file): batch \(batch) of \(layer) is \(shape), too large to print; --print takes up to \(most) numbers: choose a smaller "
        + "--batch-size, or write all to --out without --print"
    case .twoResults(let file, let group, let names):
      "\(file): \(group) holds both \(names.map { "`\($0)`" }.joined(separator: " and ")), two names for one result; "
        + "remove one"
    case .nothingToCompare(let file, let input, let layers):
      "\(file): holds no results for \(layers.prefix(5).joined(separator: ", ")) of \(input); they lie in groups of the same "
        + "names, or under /expected, as `output`, `grad_input`, `grad_gamma` or `weight.grad`, and so on"
    case .nothingFolded(let file, let input, let layers):
      "\(file): holds no folded parameters for \(layers.prefix(5).joined(separator: ", ")) of \(input); they lie in groups of the "
        + "same names, or under /expected, as `scale` and `bias`, or as `folded/scale` and `folded/bias`"
    case .goldenWithMask(let file, let layer):
      "\(file): \(layer) has a mask, and vectors have none; choose other layers with --layer, or set it aside with \"datasets\": "
        + "{\"mask\": \"none\"} in --config"
    case .nothingForGolden(let file, let layer):
      "\(file): \(layer) has no samples to write vectors of; choose other layers with --layer"
    case .goldenTooLarge(let file, let layer, let shape, let most):
      "\(file.map { "\($0): " } ?? "")vectors of \(layer) would be \(shape), and at most \(most) numbers are allowed; give fewer "
        + "--golden-samples or --golden-features"
    case .goldenTooMany(let file, let layers, let most):
      "\(file): vectors of \(layers) layers would have more than \(most) numbers; choose some with --layer, or give fewer --golden-samples"
    case .noSuchCase(let patterns, let cases):
      "no case matches \(patterns.joined(separator: ", ")); there is \(cases.joined(separator: ", "))"
    }
  }
}
