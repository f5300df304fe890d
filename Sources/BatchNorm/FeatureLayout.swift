/// The one view of every layout: each sample is a row-major block of shape [P, C, S].
///
/// P is the product of the axes between the samples' axis and the features' axis, S of those after it: N×C and
/// channels-last data have S = 1, NCHW data have P = 1. Since samples follow each other, a range of samples is
/// [R, C, S] with R = samples · P rows.
public struct FeatureLayout: Hashable, Sendable {
  /// P, rows of [C, S] in one sample.
  public let positionRows: Int
  /// C.
  public let featureCount: Int
  /// S, consecutive values of one feature.
  public let planeLength: Int

  /// A view with P rows of C features with S consecutive values each.
  public init(positionRows: Int, featureCount: Int, planeLength: Int) {
    self.positionRows = positionRows
    self.featureCount = featureCount
    self.planeLength = planeLength
  }

  /// The view of a dataset of shape [N, …] whose axis `featureAxis` (1 or more, or negative, counted from the
  /// end) holds the features; nil if the dataset has no such axis beside the samples' one.
  public init?(shape: [Int], featureAxis: Int) {
    let axis = featureAxis < 0 ? shape.count + featureAxis : featureAxis
    guard axis >= 1, axis < shape.count else { return nil }
    self.init(
      positionRows: shape[1..<axis].reduce(1, *),
      featureCount: shape[axis],
      planeLength: shape[(axis + 1)...].reduce(1, *))
  }

  /// P · C · S.
  public var valuesPerSample: Int { positionRows * featureCount * planeLength }

  /// P · S, the values that one sample adds to each feature.
  public var valuesPerFeatureAndSample: Int { positionRows * planeLength }
}
