/// The text in double quotes as an error shows it, made safe by `oneLine`.
package func quoted(_ text: String) -> String {
  "\"" + oneLine(text) + "\""
}

/// The text without anything that would break an error's single line, cut after 80 characters.
package func oneLine(_ text: String, limit: Int = 80) -> String {
  var result = ""
  for scalar in text.unicodeScalars.prefix(limit) {
    switch scalar {
    case "\n": result += #"\n"#
    case "\r": result += #"\r"#
    case "\t": result += #"\t"#
    case "\"": result += #"\""#
    default:
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        result += codePoint(scalar)
      default:
        result.unicodeScalars.append(scalar)
      }
    }
  }
  return text.unicodeScalars.count > limit ? result + "…" : result
}

/// A scalar's usual name: `U+000A`.
package func codePoint(_ scalar: Unicode.Scalar) -> String {
  let digits = String(scalar.value, radix: 16, uppercase: true)
  return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}
