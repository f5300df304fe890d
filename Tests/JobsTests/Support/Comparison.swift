import Foundation
import HDF5
import Testing

/// How far a result is from what was expected.
struct Comparison {
  /// The largest difference, divided by the scale: the largest finite magnitude that was expected of the tensor.
  private(set) var error = 0.0
  /// Where that is.
  private(set) var index = 0
  /// The first place where only one of the two is finite.
  private(set) var firstMismatch: Int?

  /// - Parameters:
  ///   - expected: NaN stands for any value that is not finite.
  ///   - isRelative: true to take each expected value for its own scale.
  init(_ actual: [Double], _ expected: [Double], isRelative: Bool) {
    let scale = expected.lazy.filter(\.isFinite).map(abs).max() ?? 0
    for index in expected.indices {
      guard actual[index].isFinite == expected[index].isFinite else {
        firstMismatch = firstMismatch ?? index
        continue
      }
      guard expected[index].isFinite, actual[index] != expected[index] else { continue }
      let error = abs(actual[index] - expected[index]) / (isRelative ? abs(expected[index]) : scale)
      if error > self.error { (self.error, self.index) = (error, index) }
    }
  }
}

/// How exact results have to be, as shares of the tensor's largest magnitude.
enum Tolerance {
  /// For a tensor as large as the activations, of this type.
  static func large(_ type: NumericType.Kind) -> Double {
    switch type {
    case .bfloat16: 0x1p-8
    case .float16: 0x1p-11
    case .float32: 1.2e-7  // Half a unit in the last place is 6e-8.
    default: 1e-13
    }
  }

  /// For statistics and for the gradients of parameters. The specification asks 1e-7 of the latter where the input is
  /// float32; they are computed in Double all the same, and a loss of digits should not pass unseen.
  static let perFeature = 1e-12

  /// For the dataset with this name in an output file.
  static func of(_ path: String, _ type: NumericType?) -> Double {
    switch path.split(separator: "/").last {
    case "output", "normalized", "grad_input": large(type?.kind ?? .float64)
    case "count": 0
    default: perFeature
    }
  }
}

/// Compares all datasets; the files themselves differ in the attributes that name the input.
func expectEqualBytes(_ first: Group, _ second: Group) throws {
  let links = try first.links()
  #expect(try links == second.links())
  for link in links {
    guard link.kind == .dataset else {
      try expectEqualBytes(first.group(link.name), second.group(link.name))
      continue
    }
    let (one, other) = (try first.dataset(link.name), try second.dataset(link.name))
    #expect(try bytes(one) == bytes(other), "\(one.path)")
  }
}

private func bytes(_ dataset: Dataset) throws -> Data {
  let type = try #require(dataset.type.numericType)
  var data = Data(count: dataset.elementCount * type.byteCount)
  try data.withUnsafeMutableBytes { try dataset.read(leading: 0..<dataset.rowCount, as: type, into: $0) }
  return data
}
