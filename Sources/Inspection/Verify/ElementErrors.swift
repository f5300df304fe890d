import BatchNorm
import LayerFiles

/// The differences of two tensors, feature by feature.
struct ElementErrors: ElementFindings {
  /// What is known of one feature.
  struct Feature: Sendable {
    /// The largest |theirs - ours|; infinite where only one of the two is finite.
    var error = 0.0
    /// Where it is, counted in the whole tensor.
    var element = 0
    var ours = 0.0
    var theirs = 0.0
    /// The largest finite |ours|.
    var largest = 0.0
  }

  /// Of a row of the whole tensors.
  let layout: FeatureLayout
  /// Which features this is about.
  let range: Range<Int>
  /// One for each of them.
  private(set) var features: [Feature]
  /// Σ |theirs - ours| where both are finite.
  private(set) var sum = 0.0
  private(set) var count = 0

  /// Nothing is known yet.
  /// - Parameter features: those that will be compared; nil for all.
  init(_ layout: FeatureLayout, features range: Range<Int>? = nil) {
    self.layout = layout
    self.range = range ?? 0..<layout.featureCount
    features = Array(repeating: Feature(), count: self.range.count)
  }

  func empty(for part: TensorPart) -> ElementErrors { ElementErrors(layout, features: part.features) }

  /// How far two numbers are apart; infinite where only one of them is finite. What kind of infinity or NaN a poisoned feature has
  /// depends on the order of operations, so these are not apart.
  @inline(__always)
  static func distance(_ ours: Double, _ theirs: Double) -> Double {
    let distance = (theirs - ours).magnitude
    if distance < .infinity { return distance }
    return !ours.isFinite && !theirs.isFinite ? 0 : .infinity
  }

  /// What numbers are like in a feature: the largest of them, or what else is known of them.
  /// - Parameter known: [C], or empty.
  func scale(_ feature: Int, atLeast known: [Double]) -> Double {
    max(features[feature].largest, feature < known.count ? known[feature] : 0)
  }

  /// Bytes that it takes for so many features.
  static func memory(featureCount: Int) -> Int { featureCount * MemoryLayout<Feature>.stride }

  mutating func add(
    _ ours: UnsafePointer<Double>, _ theirs: UnsafePointer<Double>, _ part: TensorPart
  ) {
    var element = 0
    var sum = 0.0
    let positionRows =
      part.samples.lowerBound * layout.positionRows..<part.samples.upperBound * layout.positionRows
    features.withUnsafeMutableBufferPointer { features in
      for positionRow in positionRows {
        for feature in part.features {
          let first = (positionRow * layout.featureCount + feature) * layout.planeLength
          var found = features[feature - range.lowerBound]
          for position in 0..<layout.planeLength {
            let (a, b) = (ours[element], theirs[element])
            let error = Self.distance(a, b)
            if error < .infinity { sum += error }
            if a.magnitude > found.largest && a.magnitude < .infinity { found.largest = a.magnitude }
            if error > found.error {
              found.error = error
              found.element = first + position
              found.ours = a
              found.theirs = b
            }
            element += 1
          }
          features[feature - range.lowerBound] = found
        }
      }
    }
    self.sum += sum
    count += element
  }

  /// Adds what was found in other samples, of all or of some of the features. Of equal errors the first in the tensor counts,
  /// whichever was found first.
  mutating func merge(_ other: ElementErrors) {
    for (index, found) in other.features.enumerated() {
      let feature = other.range.lowerBound - range.lowerBound + index
      let largest = max(features[feature].largest, found.largest)
      let known = features[feature]
      if found.error > known.error || (found.error == known.error && found.element < known.element) {
        features[feature] = found
      }
      features[feature].largest = largest
    }
    sum += other.sum
    count += other.count
  }
}
