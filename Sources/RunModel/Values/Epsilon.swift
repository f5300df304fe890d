/// The ε in invStd = 1/√(variance + ε): a finite number of at least 0.
///
/// With ε = 0 a feature without variance has no finite invStd.
public struct Epsilon: Sendable, Equatable {
  /// A finite number of at least 0.
  public let value: Double

  /// Nil if the value is negative or not finite.
  public init?(_ value: Double) {
    guard value >= 0, value.isFinite else { return nil }
    // Negative zero would be written as -0, and equal configurations shall give equal bytes.
    self.value = value == 0 ? 0 : value
  }
}

extension Epsilon: ConfigurationValue {
  public static var allowed: AllowedValue { .epsilon }

  /// Reads a decimal number.
  public init(parsing text: String) throws(ValueError) {
    guard let value = finiteDecimal(text), let epsilon = Epsilon(value) else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
    self = epsilon
  }

  package init?(json: JSONValue) {
    guard let value = json.finiteDouble else { return nil }
    self.init(value)
  }
}

extension Epsilon: Encodable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(value)
  }
}
