/// What a dataset's elements are.
public enum ElementDescription: Hashable, Sendable {
  /// Numbers of a known format.
  case numeric(NumericType)
  /// h5py's booleans: an enumeration of FALSE = 0 and TRUE = 1 in one byte.
  case boolean
  /// Anything else, in words: `string`, `compound`, `VAX-order float`, `12-bit integer`.
  case other(String)

  /// The format if the elements are numbers.
  public var numericType: NumericType? {
    if case .numeric(let type) = self { type } else { nil }
  }
}

extension ElementDescription: CustomStringConvertible {
  /// In words.
  public var description: String {
    switch self {
    case .numeric(let type): type.description
    case .boolean: "boolean enumeration"
    case .other(let text): text
    }
  }
}
