import Foundation
import HDF5
import TestSupport
import Testing

/// Texts that were read and found right, in Tests/Fixtures.
enum Fixture {
  /// Compares a text with a fixture, line by line, up to the first that differs; or writes it anew, for `tools/generate-said`.
  static func compare(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation)
    throws
  {
    let fixture = Repository.fixture(name)
    if ProcessInfo.processInfo.environment["BN_STREAM_GENERATE_SAID"] == "1" {
      return try text.write(toFile: fixture, atomically: true, encoding: .utf8)
    }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let expected = try String(contentsOfFile: fixture, encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
    for (number, pair) in zip(lines, expected).enumerated() where pair.0 != pair.1 {
      Issue.record(
        "\(name), line \(number + 1):\n\(pair.0)\ninstead of\n\(pair.1)", sourceLocation: sourceLocation)
      return
    }
    #expect(lines.count == expected.count, "lines of \(name)", sourceLocation: sourceLocation)
  }
}

extension Dataset {
  /// FNV-1a over the bits of all numbers, a NaN being a NaN.
  var digest: String {
    get throws {
      let digest = try readDoubles().reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
        ($0 ^ ($1.isNaN ? 1 : $1.bitPattern)) &* 0x100_0000_01b3
      }
      return String(digest, radix: 16)
    }
  }
}
