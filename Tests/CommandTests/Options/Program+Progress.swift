import Foundation
import HDF5
import TestSupport
import Testing

extension Program {
  /// Makes long.h5, whose 64 GiB of zeros were never written, so that nobody reads them in a second; means.json, which keeps
  /// next to nothing of them; and means.h5, which has a result of each layer.
  func makeLongInput() throws {
    let layers = (0..<64).map { "layer\($0)" }
    try make("long.h5") { root in
      for layer in layers {
        _ = try root.createGroup(layer).createDataset(
          "activations", type: .float32, shape: [1 << 18, 1024], storage: .contiguous)
      }
    }
    try make("means.h5") { root in
      for layer in layers {
        try root.createGroup(layer).add("population_mean", [Double](repeating: 0, count: 1024))
      }
    }
    try write(#"{"outputs": ["population"]}"#, to: "means.json")
  }

  /// Expects that a long command shows its progress if it is asked to, and stops it then.
  func expectProgress(_ command: [String]) throws {
    let process = try start(command + ["--progress", "always"])
    while process.isRunning, !errorSoFar.contains("\n") { Thread.sleep(forTimeInterval: 0.01) }
    kill(process.processIdentifier, SIGTERM)
    let result = try wait(for: process)
    #expect(result.exitCode == 75)
    let lines = result.error.split(separator: "\n")
    // Steps of a training are not bytes.
    let progress =
      command.first == "explain"
      ? /\s*[0-9]+ %(?:  .+ left)?/
      : /\s*[0-9]+ %  [0-9]+\.[0-9]{2} GB\/s(?:  [0-9a-z ]+ left)?(?:  [a-z]+ [0-9]+ %)?(?:  [0-9]+\/64 \/layer[0-9]+)?/
    #expect(lines.first?.wholeMatch(of: progress) != nil, "\(lines)")
    if command.first == "--in" { #expect(lines.first?.contains("/64 /layer") == true, "\(lines)") }
    #expect(
      lines.last == "bn-stream: interrupted; no output was written, run the same command to start again")
  }
}
