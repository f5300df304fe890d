import Foundation
import HDF5
import TestSupport
import Testing

/// The part of a plan's JSON that says how a layer's features are divided.
private struct DivisionReport: Decodable {
  struct Layer: Decodable {
    let arrangement: String
    let bytesToRead: Int
  }

  let layers: [Layer]
}

/// Runs the program on a layer with memory for all features and with memory for slices of them only, and expects the same
/// bytes in both outputs, right results, and the counts that are to be expected.
/// - Parameters:
///   - threads: each in turn, with little memory.
///   - write: makes input.h5; nil to write the layer as it is.
func expectSlices(
  of layer: InputLayer, _ settings: Settings, threads: [Int] = [1, 2, 3, 7],
  write: ((String) throws -> Void)? = nil, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let program = try Program()
  if let write {
    try write(program.path("input.h5"))
  } else {
    try [layer].write(to: program.path("input.h5"))
  }
  try program.write(settings.json, to: "configuration.json")
  let expected = ExpectedResults(layer, settings)
  let counts = Counts(layer, settings, expected)

  let whole = Arrangement(2)
  var bytes: Data?
  for arrangement in try [whole] + threads.map({ Arrangement($0, try program.littleMemory(threads: $0)) }) {
    let result = try program.runSuccessfully(
      settings, arrangement.options + ["--json"], sourceLocation: sourceLocation)
    guard result.exitCode == 0 else { return }
    let report = try result.report(RunReport.self).layers[0]
    var found = Counts(report)
    // What is read again counts again.
    if report.passes == 2 {
      #expect(report.bytesRead > counts.inputBytes && report.bytesRead <= 2 * counts.inputBytes)
      found.inputBytes = counts.inputBytes
    }
    #expect(found == counts, "\(arrangement)", sourceLocation: sourceLocation)

    let written = try Data(contentsOf: program.folder.appending(path: "output.h5"))
    if written != bytes {
      if bytes != nil {
        Issue.record("\(arrangement) gives other bytes than \(whole)", sourceLocation: sourceLocation)
      }
      try program.expectEveryResult(
        [layer], settings, [expected], "\(arrangement)", sourceLocation: sourceLocation)
    }
    bytes = bytes ?? written
  }
}

extension Program {
  /// A limit for the only layer of input.h5 that is hardly more than the least: one that takes slices of the features. 16 MiB
  /// are the program's own.
  func littleMemory(threads: Int, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
    let result = try runInLittleMemory(
      [
        "--in", "input.h5", "--dry-run", "--json", "--config", "configuration.json", "--threads",
        "\(threads)",
      ])
    let layer = try result.result.report(DivisionReport.self).layers[0]
    #expect(
      layer.arrangement.contains(" features at a time"), "\(result.memory): \(layer.arrangement)",
      sourceLocation: sourceLocation)
    return result.memory
  }

  /// Runs the program with 17 MiB, or as little as it then says that it needs.
  func runInLittleMemory(_ options: [String]) throws -> (result: Result, memory: String) {
    var memory = "17MiB"
    var result = try run(options + ["--memory", memory])
    // What decoding takes may depend on the limit.
    for _ in 0..<3 {
      guard result.exitCode == 78, let words = try? #/give --memory (\d+MiB)\n/#.firstMatch(in: result.error)
      else { break }
      memory = String(words.1)
      result = try run(options + ["--memory", memory])
    }
    return (result, memory)
  }
}
