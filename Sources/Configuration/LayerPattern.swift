import FileNames
import StrictJSON

/// A pattern that selects layers by their groups' paths, like a shell's.
///
/// - `*` is any text without "/", `**` any text, and a part `**` before a "/" any number of groups, none
///   included;
/// - `?` is one character except "/";
/// - `[abc]`, `[a-z]` and `[!a-z]` are one character of, or not of, a set;
/// - a backslash takes the next character's meaning away, but `\xE9` and `\u{202E}` are the byte and the character that are shown like
///   that;
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

/// A part of a `LayerPattern`.
enum GlobToken: Sendable, Equatable {
  case literal(Unicode.Scalar)
  /// `?`
  case anyScalar
  /// `[…]`
  case set([ClosedRange<Unicode.Scalar>], isNegated: Bool)
  /// `*`
  case anyName
  /// `**`
  case anyPath
  /// `**/` at the beginning of a part: nothing, or groups with their slash.
  case anyGroups

  /// From the places where a match can end so far to those where it can end with this token.
  func advance(_ ends: [Bool], over scalars: [Unicode.Scalar]) -> [Bool] {
    var next = [Bool](repeating: false, count: ends.count)
    var wasReached = false
    for i in ends.indices {
      switch self {
      case .literal, .anyScalar, .set:
        next[i] = i > 0 && ends[i - 1] && matches(scalars[i - 1])
      case .anyName:
        next[i] = ends[i] || (i > 0 && next[i - 1] && scalars[i - 1] != "/")
      case .anyPath:
        next[i] = ends[i] || (i > 0 && next[i - 1])
      case .anyGroups:
        next[i] = ends[i] || (i > 0 && wasReached && scalars[i - 1] == "/")
        wasReached = wasReached || ends[i]
      }
    }
    return next
  }

  private func matches(_ scalar: Unicode.Scalar) -> Bool {
    switch self {
    case .literal(let own): scalar == own
    case .anyScalar: scalar != "/"
    case .set(let ranges, let isNegated):
      scalar != "/" && ranges.contains { $0.contains(scalar) } != isNegated
    case .anyName, .anyPath, .anyGroups: false
    }
  }
}

extension GlobToken {
  /// The tokens of a pattern, or nil if it is malformed.
  static func parse(_ pattern: [Unicode.Scalar]) -> [GlobToken]? {
    var tokens: [GlobToken] = []
    var rest = pattern[...]
    var isAtPartStart = true
    while let scalar = rest.popFirst() {
      let startsPart = isAtPartStart
      isAtPartStart = scalar == "/"
      switch scalar {
      case "\0":
        return nil
      case "?":
        tokens.append(.anyScalar)
      case "*" where startsPart && rest.starts(with: ["*", "/"]):
        rest.removeFirst(2)
        tokens.append(.anyGroups)
        isAtPartStart = true
      case "*" where rest.first == "*":
        rest.removeFirst()
        tokens.append(.anyPath)
      case "*":
        tokens.append(.anyName)
      case "[":
        guard let set = parseSet(&rest) else { return nil }
        tokens.append(set)
      case "\\":
        guard let escaped = parseEscape(&rest) else { return nil }
        tokens += escaped
      default:
        tokens.append(.literal(scalar))
      }
    }
    return tokens
  }

  /// Reads what a backslash begins from behind it: bytes as `\xE9`, several together since they may be UTF-8; a character as `\u{202E}`; else the
  /// next character.
  private static func parseEscape(_ rest: inout ArraySlice<Unicode.Scalar>) -> [GlobToken]? {
    func number(_ digits: some Sequence<Unicode.Scalar>) -> UInt32? {
      guard digits.allSatisfy(\.properties.isASCIIHexDigit) else { return nil }
      return UInt32(String(String.UnicodeScalarView(digits)), radix: 16)
    }
    var bytes: [UInt8] = []
    while rest.first == "x", rest.count > 2, let byte = number(rest.dropFirst().prefix(2)) {
      bytes.append(UInt8(byte))
      rest.removeFirst(3)
      guard rest.starts(with: ["\\", "x"]), rest.count > 3, number(rest.dropFirst(2).prefix(2)) != nil else {
        break
      }
      rest.removeFirst()
    }
    if !bytes.isEmpty { return String(fileName: bytes).unicodeScalars.map(shownAsByte) }
    if rest.starts(with: ["u", "{"]), let end = rest.firstIndex(of: "}"),
      let scalar = number(rest[(rest.startIndex + 2)..<end]).flatMap(Unicode.Scalar.init)
    {
      rest = rest[(end + 1)...]
      return [.literal(scalar)]
    }
    return rest.popFirst().map { [.literal($0)] }
  }

  /// What is shown as a byte: one that is no UTF-8, or a control character of that number, which look alike.
  private static func shownAsByte(_ scalar: Unicode.Scalar) -> GlobToken {
    guard let byte = String(scalar).fileNameBytes.first, (0x80..<0xA0).contains(byte) else {
      return .literal(scalar)
    }
    let control = Unicode.Scalar(byte)
    return .set([scalar...scalar, control...control], isNegated: false)
  }

  /// Reads a set from behind its "[" to behind its "]"; a "]" that comes first belongs to the set.
  private static func parseSet(_ rest: inout ArraySlice<Unicode.Scalar>) -> GlobToken? {
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    let isNegated = rest.first == "!" || rest.first == "^"
    if isNegated { rest.removeFirst() }
    while let lower = rest.popFirst() {
      if lower == "]", !ranges.isEmpty { return .set(ranges, isNegated: isNegated) }
      guard let first = unescaped(lower, &rest) else { return nil }
      var last = first
      if rest.first == "-", rest.dropFirst().first != "]" {
        rest.removeFirst()
        guard let upper = rest.popFirst(), let end = unescaped(upper, &rest) else { return nil }
        last = end
      }
      guard first <= last else { return nil }
      ranges.append(first...last)
    }
    return nil
  }

  private static func unescaped(
    _ scalar: Unicode.Scalar, _ rest: inout ArraySlice<Unicode.Scalar>
  ) -> Unicode.Scalar? {
    scalar == "\\" ? rest.popFirst() : scalar
  }
}
