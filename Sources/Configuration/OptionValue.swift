import StrictJSON

/// A value that an option of the command line, a key of the configuration, or both can set.
///
/// The same rules hold in both places; only the notation differs (`none` here, `null` there).
public protocol OptionValue: Sendable, Equatable {
  /// What the value may be, for errors.
  static var allowed: AllowedValue { get }

  /// Reads the value as it is written on the command line.
  ///
  /// - Throws: A `ValueError` that says what is allowed.
  init(parsing text: String) throws(ValueError)
}

/// An `OptionValue` that is also read from the configuration.
package protocol ConfigurationValue: OptionValue {
  /// Reads the value, or is nil if its type is wrong or it is out of range.
  init?(json: JSONValue)
}

extension OptionValue where Self: RawRepresentable & CaseIterable, RawValue == String {
  public static var allowed: AllowedValue {
    .oneOf(allCases.map(\.rawValue))
  }

  public init(parsing text: String) throws(ValueError) {
    guard let value = Self(rawValue: text) else { throw ValueError(found: text, allowed: Self.allowed) }
    self = value
  }
}

extension ConfigurationValue where Self: RawRepresentable, RawValue == String {
  package init?(json: JSONValue) {
    guard let text = json.string else { return nil }
    self.init(rawValue: text)
  }
}

/// The finite number that a text is in plain decimal notation.
///
/// `Double.init` alone would also take `nan`, `infinity` and hexadecimal.
func finiteDecimal(_ text: String) -> Double? {
  let isDecimal = text.utf8.allSatisfy { isDigit($0) || "+-.eE".utf8.contains($0) }
  guard isDecimal, let value = Double(text), value.isFinite else { return nil }
  return value
}
