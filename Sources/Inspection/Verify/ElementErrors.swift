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

  let layout: FeatureLayout
  private(set) var features: [Feature]
  /// Σ |theirs - ours| where both are finite.
  private(set) var sum = 0.0
  private(set) var count = 0

  init(_ layout: FeatureLayout) {
    self.layout = layout
    features = Array(repeating: Feature(), count: layout.featureCount)
  }

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
          let first = (positionRow * features.count + feature) * layout.planeLength
          var found = features[feature]
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
          features[feature] = found
        }
      }
    }
    self.sum += sum
    count += element
  }

  /// Adds what was found in other samples. Of equal errors the first in the tensor counts, whichever was found first.
  mutating func merge(_ other: ElementErrors) {
    for (feature, found) in other.features.enumerated() {
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

  /// Forgets everything.
  mutating func reset() {
    for feature in features.indices { features[feature] = Feature() }
    sum = 0
    count = 0
  }
}
