/// The largest difference of two computations of one quantity, and where it is.
public struct Deviation: Codable, Sendable, Equatable {
  /// By its name in the output file, as `grad_input`.
  public var quantity: String
  /// How many numbers were compared.
  public var count = 0
  /// |found - expected| relative to what such a number is like in its feature; 0 for equal ones, infinite where only one of
  /// the two is finite.
  public var relativeError = 0.0
  /// The most that `relativeError` may be.
  public var allowed: Double
  /// The batch with the largest error; nil if all are equal.
  public var batch: Int?
  /// Where it is: the index in the activations, or the feature alone.
  public var index: [Int] = []
  /// The number with the largest error, and what it should be.
  public var found = 0.0
  public var expected = 0.0

  /// Of no numbers yet.
  public init(_ quantity: String, allowed: Double) {
    self.quantity = quantity
    self.allowed = allowed
  }

  /// True if the error is within what is allowed.
  public var isAllowed: Bool { relativeError <= allowed }

  /// Compares two numbers.
  /// - Parameters:
  ///   - scale: what such a number is like; at least the larger of the two is taken.
  ///   - index: only asked for if this is the largest error so far.
  mutating func compare(
    _ found: Double, _ expected: Double, scale: Double, batch: Int, index: @autoclosure () -> [Int]
  ) {
    count += 1
    let error = Self.relativeError(found, expected, scale: scale)
    if error > relativeError { set(error, found, expected, batch, index()) }
  }

  /// Takes a comparison that was made elsewhere.
  mutating func add(
    relativeError error: Double, _ found: Double, _ expected: Double, batch: Int, index: [Int]
  ) {
    count += 1
    if error > relativeError { set(error, found, expected, batch, index) }
  }

  private mutating func set(
    _ error: Double, _ found: Double, _ expected: Double, _ batch: Int, _ index: [Int]
  ) {
    relativeError = error
    self.found = found
    self.expected = expected
    self.batch = batch
    self.index = index
  }

  static func relativeError(_ found: Double, _ expected: Double, scale: Double) -> Double {
    // What kind of infinity or NaN a poisoned feature has depends on the order of operations.
    if found == expected || (!found.isFinite && !expected.isFinite) { return 0 }
    let error = (found - expected).magnitude / max(found.magnitude, expected.magnitude, scale)
    return error.isNaN ? .infinity : error
  }

  private enum CodingKeys: String, CodingKey {
    case quantity, count
    case relativeError = "relative_error"
    case allowed, batch, index, found, expected
  }
}
