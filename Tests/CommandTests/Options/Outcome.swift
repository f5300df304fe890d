import Foundation
import HDF5
import TestSupport

/// All that a command lets its user see, without what differs from run to run, and without the configuration that some of it
/// repeats: that an option is repeated does not show that it does something.
struct Outcome: Equatable, CustomStringConvertible {
  let exitCode: Int32
  let error: String
  /// The JSON that it printed in a fixed order, or else the text as it is.
  let output: String
  /// What lies in out.h5, by path; empty if there is none.
  var file: [String: String]

  var description: String {
    ([String(exitCode), error, output] + file.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" })
      .joined(separator: "\n")
  }

  /// What a run of `program` has printed, and left in out.h5.
  init(_ result: Program.Result, of program: Program) throws {
    exitCode = result.exitCode
    error = result.error
    if let json = try? JSONSerialization.jsonObject(with: Data(result.output.utf8)) {
      let stable = Self.withoutMeasurements(json)
      output = String(
        decoding: try JSONSerialization.data(withJSONObject: stable, options: .sortedKeys), as: UTF8.self)
    } else {
      output = result.output
    }
    let isThere = FileManager.default.fileExists(atPath: program.path("out.h5"))
    file = isThere ? try File(reading: program.path("out.h5")).root.contents() : [:]
  }

  private static func withoutMeasurements(_ json: Any) -> Any {
    let varying = [
      "configuration", "seconds", "processor_seconds", "bound", "gigabytes_per_second", "peak_memory_bytes",
      "time",
    ]
    switch json {
    case let object as [String: Any]:
      return object.filter { !varying.contains($0.key) }.mapValues(withoutMeasurements)
    case let array as [Any]: return array.map(withoutMeasurements)
    default: return json
    }
  }
}

extension Program {
  /// Runs a command whose output, if it writes one, is out.h5, and takes that away again.
  func outcome(_ arguments: [String]) throws -> Outcome {
    defer { try? FileManager.default.removeItem(atPath: path("out.h5")) }
    return try Outcome(try run(arguments), of: self)
  }
}

extension Group {
  /// What lies in the group and below, as text by path.
  fileprivate func contents() throws -> [String: String] {
    var contents: [String: String] = [:]
    for name in try attributeNames() where !["configuration", "input_modified"].contains(name) {
      let number = try readDouble(attribute: name).map { "\($0)" }
      contents["\(path) @\(name)"] =
        try number ?? readString(attribute: name) ?? readStrings(attribute: name)?.joined(separator: ", ")
    }
    for link in try links() {
      switch link.kind {
      case .group: contents.merge(try group(link.name).contents()) { $1 }
      case .dataset:
        let dataset = try dataset(link.name)
        let storage = if case .contiguous = dataset.storage { "contiguous" } else { "\(dataset.storage)" }
        contents[dataset.path] = "\(dataset.type) \(dataset.shape) \(storage) \(try dataset.readDoubles())"
      default: contents["\(path)/\(link.name)"] = "a link"
      }
    }
    return contents
  }
}
