import Configuration
import FileNames
import Foundation
import HDF5
import StrictJSON

/// Says in an output file where it comes from.
///
/// Threads, memory and `sync` are left out, since results do not depend on them, and so is the time of the run: equal runs give
/// equal bytes.
package struct Provenance {
  private let input: InputFiles
  private let configuration: JobConfiguration

  /// What is known of the input, and of what was asked for.
  package init(_ input: InputFiles, _ configuration: JobConfiguration) {
    self.input = input
    self.configuration = configuration
  }

  /// Writes the attributes of the root group.
  package func write(to root: Group) throws(HDF5Error) {
    try root.writeAttribute("program", Self.program)
    try root.writeAttribute("version", programVersion)
    try root.writeAttribute("configuration", decisive.json)
    try root.writeAttribute("input_path", input.path.legible)
    try root.writeAttribute("input_size", input.byteCount)
    try root.writeAttribute("input_modified", Self.text(nanoseconds: input.modified))
    if let checksum = input.checksum {
      try root.writeAttribute("input_count", input.files.count)
      try root.writeAttribute("input_checksum", checksum)
      // An attribute holds 64 KiB at most.
      let names = canonicalJSON(input.files.map(\.path.legible))
      if names.utf8.count <= 1 << 15 { try root.writeAttribute("input_paths", names) }
    }
    try root.writeAttribute("libraries", Self.libraries)
  }

  private static let program = "bn-stream"
  private static var libraries: [String] { ["HDF5 \(HDF5Library.version)"] }

  /// What decides results.
  private var decisive: JobConfiguration {
    var configuration = configuration
    configuration.threads = nil
    configuration.memory = nil
    configuration.synchronizes = true
    return configuration
  }

  /// In what the job that wrote a file differs from this one, as far as the file says it; nothing if it is the same.
  package func differences(from path: String) throws(HDF5Error) -> [StreamError.JobDifference] {
    let root = try File(reading: path).root
    guard try root.readString(attribute: "program") == Self.program,
      let version = try root.readString(attribute: "version")
    else { return [.unknown] }
    var all: [StreamError.JobDifference] = []
    if version != programVersion { all.append(.program(found: version, now: programVersion)) }
    let libraries = try root.readStrings(attribute: "libraries") ?? []
    if libraries != Self.libraries {
      all.append(
        .libraries(found: libraries.joined(separator: ", "), now: Self.libraries.joined(separator: ", ")))
    }
    let modified = try root.readString(attribute: "input_modified")
    let size = try root.readInteger(attribute: "input_size")
    let checksum = try root.readString(attribute: "input_checksum")
    if size != input.byteCount || modified != Self.text(nanoseconds: input.modified)
      || checksum != input.checksum
    {
      all.append(.input)
    }
    let text = try root.readString(attribute: "configuration") ?? ""
    if text != decisive.json {
      let found = (try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))) ?? JSONValue(.null)
      all.append(.configuration(found.differingKeys(from: decisive.jsonValue)))
    }
    return all
  }

  /// A time as ISO 8601 in UTC, with nanoseconds.
  private static func text(nanoseconds: Int64) -> String {
    let second: Int64 = 1_000_000_000
    let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: second)
    // A time before 1970 is behind a whole second, too.
    let (seconds, rest) = remainder < 0 ? (quotient - 1, remainder + second) : (quotient, remainder)
    let date = Date(timeIntervalSince1970: TimeInterval(seconds))
    let digits = String(rest + second).dropFirst()
    return date.formatted(Date.ISO8601FormatStyle(timeZone: .gmt)).dropLast() + ".\(digits)Z"
  }
}

/// The program's version, after semver.org; it stands in every output.
public let programVersion = "0.1.0"
