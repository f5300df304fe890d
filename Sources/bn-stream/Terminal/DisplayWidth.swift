import Foundation

extension String {
  /// How many columns of a terminal the text takes: two for a character of East Asian scripts or a picture, none for an accent on
  /// its own.
  var displayWidth: Int { reduce(0) { $0 + $1.displayWidth } }

  /// The end of the text, in at most `columns` columns, with `…` for what is left out. Of a path the end tells most.
  func end(columns: Int) -> String {
    if displayWidth <= columns { return self }
    guard columns > 0 else { return "" }
    var (rest, left) = (self[...], columns - 1)
    var kept: [Character] = []
    while let last = rest.popLast(), last.displayWidth <= left {
      left -= last.displayWidth
      kept.append(last)
    }
    return "…" + String(kept.reversed())
  }
}

extension Character {
  /// The width of the first scalar that has one; what joins it takes no more.
  fileprivate var displayWidth: Int {
    let widths = unicodeScalars.map(\.displayWidth)
    // A picture that is asked for with a variation selector.
    if unicodeScalars.contains("\u{FE0F}") { return 2 }
    return widths.max() ?? 0
  }
}

extension Unicode.Scalar {
  /// After Unicode Standard Annex 11, East Asian Width: wide and full-width scalars take two columns.
  fileprivate var displayWidth: Int {
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: return 0
    default: break
    }
    if properties.isEmojiPresentation { return 2 }
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
      0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
      0xFFE0...0xFFE6, 0x17000...0x18CFF, 0x1B000...0x1B2FF, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }
}
