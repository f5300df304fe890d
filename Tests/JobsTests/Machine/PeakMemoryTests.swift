#if os(Linux)
  import Foundation
  import Testing

  @testable import Jobs

  /// The most memory of the process, beside what the system says in its own unit.
  @Suite(.timeLimit(.minutes(30))) struct PeakMemoryTests {
    /// KiB, as `/proc/self/status` has them.
    private static func kibibytes() throws -> Double {
      let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
      let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
      let words = line.split { $0 == " " || $0 == "\t" }
      try #require(words.count == 3 && words[2] == "kB")
      return try #require(Double(words[1]))
    }

    @Test func isInBytes() throws {
      let before = try Self.kibibytes()
      let found = Double(peakMemory())
      let after = try Self.kibibytes()
      // The system counts it in steps.
      #expect(found >= 0.99 * 1024 * before && found <= 1.01 * 1024 * after, "\(before), \(found), \(after)")
    }
  }
#endif
