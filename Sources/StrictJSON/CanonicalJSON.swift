import FileNames

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The one way this program writes JSON: keys sorted, slashes plain, shortest digits that give the same
/// `Double` back.
///
/// Equal values give equal bytes, in one line unless `isPretty`. Names of which a byte is no UTF-8 are written with that byte as `\\xE9`.
package func canonicalJSON(_ value: some Encodable, isPretty: Bool = false) -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  if isPretty { encoder.outputFormatting.insert(.prettyPrinted) }
  // A summary is printed also when a run fails, so encoding may never be what stops the program.
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
  do {
    return String(decoding: try encoder.encode(value), as: UTF8.self).legible(escape: "\\\\")
  } catch {
    preconditionFailure("\(type(of: value)) does not encode as JSON: \(error)")
  }
}
