import Foundation
import HDF5
import TestSupport
import Testing

/// How a run is to divide its work: no result depends on it.
struct Arrangement: Sendable, CustomStringConvertible {
  let threads: Int
  let memory: String

  init(_ threads: Int, _ memory: String = "1GiB") {
    self.threads = threads
    self.memory = memory
  }

  var description: String { "\(threads) threads, \(memory)" }
  var options: [String] { ["--threads", "\(threads)", "--memory", memory] }
}

/// Runs the program on a file of these layers in every arrangement, and compares all results of all layers.
/// - Returns: how often each layer was read, for each arrangement.
@discardableResult
func expectEveryResult(
  of layers: [InputLayer], _ settings: Settings, _ arrangements: [Arrangement],
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> [[Int]] {
  let program = try Program()
  try layers.write(to: program.path("input.h5"))
  let expected = layers.map { ExpectedResults($0, settings) }
  return try arrangements.map { arrangement in
    let result = try program.runSuccessfully(
      settings, arrangement.options + ["--json"], sourceLocation: sourceLocation)
    try program.expectEveryResult(
      layers, settings, expected, "\(arrangement)", sourceLocation: sourceLocation)
    return try result.report(RunReport.self).layers.map(\.passes)
  }
}

extension Program {
  /// Runs the program from input.h5 to output.h5, and expects that it has nothing to complain of.
  @discardableResult
  func runSuccessfully(
    _ settings: Settings, _ options: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Result {
    try write(settings.json, to: "configuration.json")
    let result = try run(
      ["--in", "input.h5", "--out", "output.h5", "--force", "--config", "configuration.json"] + options)
    #expect(result.exitCode == 0, sourceLocation: sourceLocation)
    #expect(result.error == "", sourceLocation: sourceLocation)
    return result
  }

  /// Compares all results in output.h5.
  func expectEveryResult(
    _ layers: [InputLayer], _ settings: Settings, _ expected: [ExpectedResults], _ context: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let file = try File(reading: path("output.h5"))
    #expect(layers.count == expected.count, sourceLocation: sourceLocation)
    for (layer, expected) in zip(layers, expected) {
      try EndToEndTests.expectEveryResult(
        in: layer.path == "" ? file.root : file.root.group(layer.path), layer, settings, expected, context,
        sourceLocation: sourceLocation)
    }
  }
}
