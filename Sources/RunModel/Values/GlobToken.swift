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
        guard let escaped = rest.popFirst() else { return nil }
        tokens.append(.literal(escaped))
      default:
        tokens.append(.literal(scalar))
      }
    }
    return tokens
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
