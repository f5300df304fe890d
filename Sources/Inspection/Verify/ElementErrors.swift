import BatchNorm
import LayerFiles

/// The differences of two tensors, feature by feature.
struct ElementErrors: Sendable {
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

  /// Bytes that it takes for so many features.
  static func memory(featureCount: Int) -> Int { featureCount * MemoryLayout<Feature>.stride }

  /// Compares a part of two tensors.
  /// - Parameters:
  ///   - ours: [rows, P, features, S]
  ///   - theirs: as ours.
  ///   - part: where it lies in the whole tensors.
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
            var error = (b - a).magnitude
            if !(error < .infinity) {
              // What kind of infinity or NaN a poisoned feature has depends on the order of operations.
              error = !a.isFinite && !b.isFinite ? 0 : .infinity
            } else {
              sum += error
            }
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
