import HDF5
import Testing

/// Expects that a layer's group in an output file holds every result that it should, and nothing else, and compares every
/// number.
func expectEveryResult(
  in group: Group, _ layer: InputLayer, _ settings: Settings, _ expected: ExpectedResults,
  _ context: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let names = try datasets(in: group)
  #expect(names == expected.tensors.keys.sorted(), "\(context)", sourceLocation: sourceLocation)
  for name in names {
    guard let tensor = expected.tensors[name] else { continue }
    let dataset = try group.dataset(name)
    let place = "\(dataset.path), \(context)"
    let type =
      large.contains(name) ? settings.outputType(of: layer) : name == "batches/count" ? .int64 : .float64
    #expect(dataset.type == .numeric(type), "\(place)", sourceLocation: sourceLocation)
    guard dataset.shape == tensor.shape else {
      Issue.record("\(place): \(dataset.shape) is not \(tensor.shape)", sourceLocation: sourceLocation)
      continue
    }
    if let difference = firstDifference(
      name, try StoredNumbers.read(dataset), tensor.values, type.kind, features: layer.featureCount)
    {
      Issue.record("\(place): \(difference)", sourceLocation: sourceLocation)
    }
  }
}

private let large: Set = ["output", "normalized", "grad_input"]

/// The paths of all datasets below a group, sorted. Groups of other layers do not count.
private func datasets(in group: Group) throws -> [String] {
  try group.links().flatMap { link -> [String] in
    switch link.kind {
    case .dataset: return [link.name]
    case .group where link.name == "batches":
      return try group.group(link.name).links().map { "\(link.name)/\($0.name)" }
    default: return []
    }
  }.sorted()
}

/// Compares all numbers.
///
/// - Large tensors are rounded once to their type, or twice by way of float32: half a unit in the last place, and 2⁻¹³ of it
///   more; what is too large for the type is infinite. What they are computed from is exact to some units in the last place of a Double: 1e-13 of the tensor's largest
///   number, of which terms that cancel may be.
/// - Means and gradients of parameters are Doubles, exact to 1e-12 of the largest; variances and 1/√(var + ε) are exact
///   each for itself, as no feature's numbers are in another one's.
private func firstDifference(
  _ name: String, _ actual: [Double], _ expected: [Double], _ kind: NumericType.Kind, features: Int
) -> String? {
  let scale = expected.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
  let isLarge = large.contains(name)
  let isRelative = name.hasSuffix("var") || name.hasSuffix("inv_std")
  let isCount = name.hasSuffix("count")
  let overflow = kind.overflow
  var wrong = 0
  var first: Int?
  for index in expected.indices {
    let (one, other) = (actual[index], expected[index])
    let allowed =
      isLarge
      ? kind.halfUnit(at: max(abs(one), abs(other))) * (1 + 0x1p-13) + 1e-13 * scale
      : isCount ? 0 : 1e-12 * (isRelative ? abs(other) : scale)
    let isRight =
      isLarge && other.isFinite && abs(other) >= overflow
      ? one == (other < 0 ? -.infinity : .infinity)
      : one.isFinite && other.isFinite ? abs(one - other) <= allowed : one.isFinite == other.isFinite
    if !isRight {
      wrong += 1
      if first == nil { first = index }
    }
  }
  return first.map {
    "\(wrong) of \(expected.count) are wrong; [\($0)] is \(actual[$0]), not \(expected[$0])"
  }
}
