import Configuration
import FileNames
import Foundation
import HDF5

/// Says in an output file where it comes from.
///
/// Threads, memory and `sync` are left out, since results do not depend on them, and so is the time of the run: equal runs give
/// equal bytes.
package struct Provenance {
  private let input: InputFile
  private let configuration: JobConfiguration

  /// What is known of the input, and of what was asked for.
  package init(_ input: InputFile, _ configuration: JobConfiguration) {
    self.input = input
    self.configuration = configuration
  }

  /// Writes the attributes of the root group.
  package func write(to root: Group) throws(HDF5Error) {
    var configuration = configuration
    configuration.threads = nil
    configuration.memory = nil
    configuration.synchronizes = true
    try root.writeAttribute("program", "bn-stream")
    try root.writeAttribute("version", programVersion)
    try root.writeAttribute("configuration", configuration.json)
    try root.writeAttribute("input_path", input.path.legible)
    try root.writeAttribute("input_size", input.status.size)
    try root.writeAttribute("input_modified", Self.text(nanoseconds: input.status.modified))
    try root.writeAttribute("libraries", ["HDF5 \(HDF5Library.version)"])
  }

  /// A time as ISO 8601 in UTC, with nanoseconds.
  private static func text(nanoseconds: Int64) -> String {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let date = Date(timeIntervalSince1970: TimeInterval(seconds))
    let digits = String(rest + 1_000_000_000).dropFirst()
    return date.formatted(Date.ISO8601FormatStyle(timeZone: .gmt)).dropLast() + ".\(digits)Z"
  }
}

/// The program's version, after semver.org; it stands in every output.
public let programVersion = "0.1.0"
