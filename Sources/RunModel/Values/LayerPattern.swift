/// A pattern that selects layers by their groups' paths, like a shell's.
///
/// - `*` is any text without "/", `**` any text, and a part `**` before a "/" any number of groups, none
///   included;
/// - `?` is one character except "/";
/// - `[abc]`, `[a-z]` and `[!a-z]` are one character of, or not of, a set;
/// - a backslash takes the next character's meaning away;
/// - "/" alone is the root group, which besides it only `**` matches.
///
/// A slash at either end makes no difference: `/encoder/bn1` and `encoder/bn1` are the same group.
public struct LayerPattern: Sendable, Equatable {
  /// The pattern as written.
  public let text: String
  private let tokens: [GlobToken]

  /// Whether the pattern selects the group at `path`, with or without a leading slash.
  public func matches(path: String) -> Bool {
    let scalars = trimmingSlashes(path.unicodeScalars)
    // `*` never is an empty name, so the root needs a rule of its own.
    if scalars.isEmpty { return tokens.isEmpty || tokens == [.anyPath] }
    // ends[i] says whether the tokens so far can match the first i scalars. Unlike backtracking, this takes
    // at most tokens · scalars steps, whatever the pattern.
    var ends = [true] + [Bool](repeating: false, count: scalars.count)
    for token in tokens { ends = token.advance(ends, over: scalars) }
    return ends[scalars.count]
  }
}

extension LayerPattern: ConfigurationValue {
  public static var allowed: AllowedValue { .layerPattern }

  /// Reads a pattern.
  ///
  /// - Throws: If it is empty, contains a NUL, ends with a single backslash, or has a "[" without its "]".
  public init(parsing text: String) throws(ValueError) {
    guard !text.isEmpty, let tokens = GlobToken.parse(trimmingSlashes(text.unicodeScalars)) else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
    self.text = text
    self.tokens = tokens
  }

  package init?(json: JSONValue) {
    guard let text = json.string, let pattern = try? LayerPattern(parsing: text) else { return nil }
    self = pattern
  }
}

extension LayerPattern: Encodable, CustomStringConvertible {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  public var description: String { text }
}

private func trimmingSlashes(_ scalars: String.UnicodeScalarView) -> [Unicode.Scalar] {
  var rest = scalars[...]
  while rest.first == "/" { rest.removeFirst() }
  while rest.last == "/" { rest.removeLast() }
  return Array(rest)
}
