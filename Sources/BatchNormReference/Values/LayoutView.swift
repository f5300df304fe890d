/// The one view of every memory layout: a row-major tensor [N, …] with a feature axis k is a tensor [N·P, C,
/// S].
///
/// P is the product of the axes between 0 and k, S that of the axes after k; C is axis k itself:
///
/// | layout | shape        | k  | N·P   | C | S   |
/// |--------|--------------|----|-------|---|-----|
/// | N×C    | [N, C]       | 1  | N     | C | 1   |
/// | NCHW   | [N, C, H, W] | 1  | N     | C | H·W |
/// | NHWC   | [N, H, W, C] | -1 | N·H·W | C | 1   |
///
/// Every feature has m = N·P·S values. For the graph they become a column of a matrix [m, C], rows in order
/// of (n, p, s).
public struct LayoutView: Equatable, Sendable {
  /// N·P: the number of [C, S] blocks.
  public let outer: Int
  /// C.
  public let featureCount: Int
  /// S: how far apart two features of one block are.
  public let inner: Int

  /// - Parameters:
  ///   - shape: the tensor's shape [N, …], at least two axes.
  ///   - featureAxis: k ≥ 1, or negative to count from the end (-1 is the last axis).
  public init(shape: [Int], featureAxis: Int) {
    let axis = featureAxis < 0 ? shape.count + featureAxis : featureAxis
    precondition(
      axis >= 1 && axis < shape.count, "feature axis \(featureAxis) is not an axis ≥ 1 of \(shape)")
    outer = shape[..<axis].reduce(1, *)
    featureCount = shape[axis]
    inner = shape[(axis + 1)...].reduce(1, *)
  }

  /// m = N·P·S.
  public var rowCount: Int { outer * inner }

  /// The number of values in the tensor, m·C.
  public var elementCount: Int { rowCount * featureCount }

  /// Where the value of row `row` and feature `feature` lies in the row-major tensor.
  public func elementIndex(row: Int, feature: Int) -> Int {
    let (block, offset) = row.quotientAndRemainder(dividingBy: inner)
    return (block * featureCount + feature) * inner + offset
  }

  /// The tensor (row-major, `elementCount` values) as a matrix [m, C].
  public func matrix(from tensor: [Double]) -> FeatureMatrix {
    precondition(tensor.count == elementCount, "\(tensor.count) values, expected \(elementCount)")
    var matrix = FeatureMatrix(repeating: 0, rowCount: rowCount, featureCount: featureCount)
    for row in 0..<rowCount {
      for feature in 0..<featureCount {
        matrix[row, feature] = tensor[elementIndex(row: row, feature: feature)]
      }
    }
    return matrix
  }

  /// The matrix [m, C] as a row-major tensor; the inverse of `matrix(from:)`.
  public func tensor(from matrix: FeatureMatrix) -> [Double] {
    precondition(
      matrix.rowCount == rowCount && matrix.featureCount == featureCount,
      "a matrix [\(matrix.rowCount), \(matrix.featureCount)], expected [\(rowCount), \(featureCount)]")
    var tensor = Array(repeating: 0.0, count: elementCount)
    for row in 0..<rowCount {
      for feature in 0..<featureCount {
        tensor[elementIndex(row: row, feature: feature)] = matrix[row, feature]
      }
    }
    return tensor
  }
}
