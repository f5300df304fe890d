import BatchNorm
import HDF5
import LayerFiles

/// Where numbers of a result are wrong, and in which way: counted in a pass of its own, after it is known how far each feature's
/// numbers may be apart.
struct WrongElements: ElementFindings {
  /// What there is to know before.
  struct Bounds: Sendable {
    /// Of a row of the whole tensors.
    let layout: FeatureLayout
    /// How many rows they have.
    let rows: Int
    /// The batches whose samples are the rows; nil if rows are no samples.
    let batches: Batches?
    /// How far the numbers of each feature may be apart, [C].
    let limits: [Double]
    /// Of their dataset.
    let type: NumericType.Kind

    /// Counts of more rows, batches or positions than this are not kept.
    static let mostCounts = 1 << 20

    /// How many batches are counted; 0 if none.
    var batchCount: Int { counted(batches?.count ?? 0) }
    /// How many rows are counted; 0 if none.
    var rowCount: Int { counted(rows) }
    /// How many positions of a sample, P · S, are counted; 0 if none.
    var positionCount: Int { counted(layout.valuesPerFeatureAndSample) }

    private func counted(_ count: Int) -> Int { count <= Self.mostCounts ? count : 0 }
  }

  private let bounds: Bounds
  /// Which features, rows and batches this is about.
  private let part: TensorPart
  private let batches: Range<Int>

  /// Wrong numbers of each feature, row, batch and position; empty where there are too many to be counted.
  private(set) var ofFeatures: [Int]
  private(set) var ofRows: [Int]
  private(set) var ofBatches: [Int]
  private(set) var ofPositions: [Int]
  /// All wrong numbers; those of them that are NaN or infinite in the other file.
  private(set) var count = 0
  private(set) var nanCount = 0
  private(set) var infiniteCount = 0
  /// The first of them in the tensor.
  private(set) var first: (element: Int, ours: Double, theirs: Double)?
  /// How far apart all numbers are that are finite on both sides, right ones included.
  private(set) var errors = SignedErrors()

  /// Nothing is wrong yet.
  init(_ bounds: Bounds) {
    self.init(
      bounds, TensorPart(samples: 0..<bounds.rows, features: 0..<bounds.layout.featureCount),
      batches: 0..<(bounds.batches?.count ?? 0))
  }

  private init(_ bounds: Bounds, _ part: TensorPart, batches: Range<Int>) {
    self.bounds = bounds
    self.part = part
    self.batches = batches
    func zeros(_ count: Int, if isCounted: Bool) -> [Int] {
      Array(repeating: 0, count: isCounted ? count : 0)
    }
    ofFeatures = zeros(part.features.count, if: true)
    ofRows = zeros(part.samples.count, if: bounds.rowCount > 0)
    ofBatches = zeros(batches.count, if: bounds.batchCount > 0)
    ofPositions = zeros(bounds.positionCount, if: true)
  }

  func empty(for part: TensorPart) -> WrongElements {
    var batches = 0..<0
    if let all = bounds.batches {
      batches =
        all.index(ofSample: part.samples.lowerBound)..<all.index(ofSample: part.samples.upperBound - 1) + 1
    }
    return WrongElements(bounds, part, batches: batches)
  }

  /// Bytes that it takes.
  static func memory(_ bounds: Bounds) -> Int {
    8 * (2 * bounds.layout.featureCount + bounds.rowCount + bounds.batchCount + bounds.positionCount)
  }

  mutating func add(
    _ ours: UnsafePointer<Double>, _ theirs: UnsafePointer<Double>, _ part: TensorPart
  ) {
    let layout = bounds.layout
    var element = 0
    for row in part.samples {
      let batch = bounds.batches.map { $0.index(ofSample: row) - batches.lowerBound } ?? 0
      for positionRow in 0..<layout.positionRows {
        for feature in part.features {
          let limit = bounds.limits[feature]
          for plane in 0..<layout.planeLength {
            let (a, b) = (ours[element], theirs[element])
            element += 1
            if a != b { errors.add(a, b, bounds.type) } else { errors.addEqual() }
            if ElementErrors.distance(a, b) <= limit { continue }
            count += 1
            if b.isNaN { nanCount += 1 } else if b.isInfinite { infiniteCount += 1 }
            ofFeatures[feature - self.part.features.lowerBound] += 1
            if !ofRows.isEmpty { ofRows[row - self.part.samples.lowerBound] += 1 }
            if !ofBatches.isEmpty { ofBatches[batch] += 1 }
            if !ofPositions.isEmpty { ofPositions[positionRow * layout.planeLength + plane] += 1 }
            let place = (row * layout.positionRows + positionRow) * layout.featureCount + feature
            let whole = place * layout.planeLength + plane
            if whole < first?.element ?? .max { first = (whole, a, b) }
          }
        }
      }
    }
  }

  mutating func merge(_ other: WrongElements) {
    func add(_ counts: inout [Int], _ more: [Int], at start: Int) {
      if counts.isEmpty { return }
      for (index, count) in more.enumerated() where count > 0 { counts[start + index] += count }
    }
    add(&ofFeatures, other.ofFeatures, at: other.part.features.lowerBound - part.features.lowerBound)
    add(&ofRows, other.ofRows, at: other.part.samples.lowerBound - part.samples.lowerBound)
    add(&ofBatches, other.ofBatches, at: other.batches.lowerBound - batches.lowerBound)
    add(&ofPositions, other.ofPositions, at: 0)
    count += other.count
    nanCount += other.nanCount
    infiniteCount += other.infiniteCount
    if let theirs = other.first, theirs.element < first?.element ?? .max { first = theirs }
    errors.merge(other.errors)
  }
}

/// How far numbers are apart in units in the last place of the compared type, with the sign of theirs - ours, in bins of powers of two.
struct SignedErrors: Sendable {
  /// From this exponent on, all are in one bin.
  static let mostExponent = 40
  private(set) var equal = 0
  /// Bin 0: up to 1 unit; bin k: more than 2^(k - 1), and up to 2^k units.
  private(set) var negative = [Int](repeating: 0, count: mostExponent + 1)
  private(set) var positive = [Int](repeating: 0, count: mostExponent + 1)
  /// The ends of all signed errors, in units.
  private(set) var least = 0.0
  private(set) var greatest = 0.0

  mutating func addEqual() { equal += 1 }

  /// Adds a pair of different numbers; a pair of which one is not finite counts for nothing.
  mutating func add(_ ours: Double, _ theirs: Double, _ type: NumericType.Kind) {
    let error = (theirs - ours) / type.unitInTheLastPlace(ours)
    guard error.isFinite else { return }
    least = min(least, error)
    greatest = max(greatest, error)
    let bin = Self.bin(error.magnitude)
    if error < 0 { negative[bin] += 1 } else { positive[bin] += 1 }
  }

  /// The bin of a number of units, more than 0.
  static func bin(_ units: Double) -> Int {
    if units <= 1 { return 0 }
    // 2^(k - 1) < units ≤ 2^k.
    let exponent = Int(units.exponent)
    return min(mostExponent, units.significand == 1 ? exponent : exponent + 1)
  }

  mutating func merge(_ other: SignedErrors) {
    equal += other.equal
    for bin in negative.indices {
      negative[bin] += other.negative[bin]
      positive[bin] += other.positive[bin]
    }
    least = min(least, other.least)
    greatest = max(greatest, other.greatest)
  }
}
