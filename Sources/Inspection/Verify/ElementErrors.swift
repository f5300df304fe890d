import Arithmetic
import BatchNorm
import LayerFiles
import Parallel

/// No result that is compared can agree any more.
struct Hopeless: Error {}

/// How many large results may still agree.
final class Hopes: Sendable {
  let left: Guarded<Int>

  init(_ count: Int) { left = Guarded(count) }
}

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
    /// The largest finite |ours|, and |theirs|.
    var largest = 0.0
    var largestTheirs = 0.0
  }

  /// Of a row of the whole tensors.
  let layout: FeatureLayout
  /// Which features this is about.
  let range: Range<Int>
  /// One for each of them.
  private(set) var features: [Feature]
  /// Σ |theirs - ours| where it is finite. Its parts come in any order; with twice the digits the mean has the same ones for all.
  private var sum = DoubleDouble<Double>(0)
  private(set) var count = 0
  /// How many numbers `sum` is of.
  private var finiteCount = 0
  /// Numbers of ours that are not finite.
  private(set) var nonfiniteCount = 0
  /// With a larger error in a feature, [C] of the whole tensors, the result cannot agree any more.
  private let hopeless: [Double]?
  private let hopes: Hopes?
  private var isHopeless = false

  /// Nothing is known yet.
  /// - Parameters:
  ///   - features: those that will be compared; nil for all.
  ///   - hopeless: nil to go on whatever the errors are.
  ///   - hopes: of all results that are compared together.
  init(
    _ layout: FeatureLayout, features range: Range<Int>? = nil, hopeless: [Double]? = nil,
    hopes: Hopes? = nil
  ) {
    self.hopeless = hopeless
    self.hopes = hopes
    self.layout = layout
    self.range = range ?? 0..<layout.featureCount
    features = Array(repeating: Feature(), count: self.range.count)
  }

  /// The mean of |theirs - ours| where it is finite; 0 where it nowhere is.
  var meanError: Double { finiteCount == 0 ? 0 : sum.value / Double(finiteCount) }

  func empty(for part: TensorPart) -> ElementErrors {
    ElementErrors(layout, features: part.features, hopeless: hopeless, hopes: hopes)
  }

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
    var sum = DoubleDouble<Double>(0)
    var (finite, nonfinite) = (0, 0)
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
            let distance = (b - a).magnitude
            if distance < .infinity {
              // What rounding leaves over is summed up beside it.
              let next = DoubleDouble.sum(sum.high, distance)
              (sum.high, sum.low) = (next.high, sum.low + next.low)
              finite += 1
            }
            if a.magnitude > found.largest && a.magnitude < .infinity { found.largest = a.magnitude }
            if b.magnitude > found.largestTheirs && b.magnitude < .infinity {
              found.largestTheirs = b.magnitude
            }
            if !a.isFinite { nonfinite += 1 }
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
    self.sum = self.sum + DoubleDouble.sum(sum.high, sum.low)
    finiteCount += finite
    nonfiniteCount += nonfinite
    count += element
    if let hopeless, !isHopeless {
      isHopeless = part.features.contains { !(features[$0 - range.lowerBound].error <= hopeless[$0]) }
    }
  }

  /// Adds what was found in other samples, of all or of some of the features. Of equal errors the first in the tensor counts,
  /// whichever was found first.
  mutating func merge(_ other: ElementErrors) {
    for (index, found) in other.features.enumerated() {
      let feature = other.range.lowerBound - range.lowerBound + index
      let largest = max(features[feature].largest, found.largest)
      let largestTheirs = max(features[feature].largestTheirs, found.largestTheirs)
      let known = features[feature]
      if found.error > known.error || (found.error == known.error && found.element < known.element) {
        features[feature] = found
      }
      features[feature].largest = largest
      features[feature].largestTheirs = largestTheirs
    }
    sum = sum + other.sum
    count += other.count
    finiteCount += other.finiteCount
    nonfiniteCount += other.nonfiniteCount
    if other.isHopeless && !isHopeless {
      isHopeless = true
      hopes?.left.withLock { $0 -= 1 }
    }
  }

  func checkHope() throws {
    // A pass over the data whose large results are all lost already is not worth its time.
    if isHopeless, hopes?.left.withLock({ $0 }) == 0 { throw Hopeless() }
  }
}
