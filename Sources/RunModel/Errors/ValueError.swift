/// A text that is not a value of its kind, such as `--batch-size 0`.
///
/// `description` says what the value must be, for the command line to put behind the option's name.
public struct ValueError: Error, Sendable, Equatable {
  /// The text as given.
  public var found: String
  /// What it should have been.
  public var allowed: AllowedValue

  /// What was found, and what would be allowed.
  public init(found: String, allowed: AllowedValue) {
    self.found = found
    self.allowed = allowed
  }
}
