import HDF5
import Jobs
import LayerFiles

/// How far a dataset of another program is from what this one computes in Double.
public struct ResultComparison: Encodable, Sendable, Equatable {
  /// The dataset's path in the other file.
  public var dataset: String
  /// What it is, by its name in this program's output.
  public var result: String
  /// The element type in the other file, as `float32`.
  public var elementType: String
  /// How many numbers were compared.
  public var count: Int
  /// |theirs - ours| of the worst element.
  public var maximumError: Double
  /// The same, relative to what numbers are like in its feature.
  public var relativeError: Double
  /// Of all elements that are finite on both sides.
  public var meanError: Double
  /// `maximumError` in units in the last place of the element type, at our value.
  public var ulps: Double
  /// The worst element's index, and both values.
  public var index: [Int]
  public var ours: Double
  public var theirs: Double
  /// What numbers are like in its feature: the largest of them, or of the terms that they are the sum of.
  public var scale: Double
  /// How far apart the numbers may be.
  public var tolerance: Tolerance
  /// True if all numbers are within the tolerance.
  public var agrees: Bool

  init(
    _ result: LayerResult, _ dataset: ResultDataset, errors: ElementErrors, scales: [Double], shape: [Int],
    tolerance given: (relative: Double?, absolute: Double?)
  ) {
    let kind = dataset.type.kind
    var tolerance = Tolerance.standard(kind)
    // Counts are counts.
    if kind.isFloat { tolerance.relative = given.relative ?? tolerance.relative }
    tolerance.absolute = given.absolute ?? tolerance.absolute

    var worst = ElementErrors.Feature()
    var worstScale = 0.0
    var worstRelative = 0.0
    var agrees = true
    for (feature, found) in errors.features.enumerated() {
      let scale = max(found.largest, feature < scales.count ? scales[feature] : 0)
      let relative = found.error == 0 ? 0 : found.error / scale
      if !(found.error <= tolerance.absolute + tolerance.relative * scale) { agrees = false }
      if relative > worstRelative {
        worstRelative = relative
        worstScale = scale
        worst = found
      }
    }
    self.dataset = dataset.path
    self.result = result.rawValue
    elementType = dataset.type.description
    count = errors.count
    maximumError = worst.error
    relativeError = worstRelative
    meanError = errors.count == 0 ? 0 : errors.sum / Double(errors.count)
    ulps = worst.error == 0 ? 0 : worst.error / kind.unitInTheLastPlace(worst.ours)
    index = worst.error == 0 ? [] : tensorIndex(of: worst.element, in: shape)
    ours = worst.ours
    theirs = worst.theirs
    scale = worstScale
    self.tolerance = tolerance
    self.agrees = agrees
  }

  private enum CodingKeys: String, CodingKey {
    case dataset, result
    case elementType = "element_type"
    case count
    case maximumError = "maximum_error"
    case relativeError = "relative_error"
    case meanError = "mean_error"
    case ulps = "units"
    case index, ours, theirs, scale, tolerance, agrees
  }
}
