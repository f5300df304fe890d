import Foundation
import TestSupport
import Testing

/// Every way to fail: one whole line, the exit code, the same in JSON, and nothing left behind.
@Suite(.timeLimit(.minutes(30))) struct MessageTests {
  /// Those that print no JSON, and each fourth of those that do: the others' line is looked at beside their JSON.
  static let asText = Refusal.provocable.enumerated()
    .filter { !$0.element.printsJSON || $0.offset.isMultiple(of: 4) }.map(\.element)

  @Test(arguments: asText)
  func isOneLineWithItsExitCode(_ refusal: Refusal) throws {
    let program = try refusal.prepare()
    let before = try program.files
    let result = try refusal.provoke(program, json: false)
    expect(result, refusal)
    #expect(result.output == "")
    #expect(try program.files == (before + refusal.leaves).sorted())
  }

  @Test(arguments: Refusal.provocable.filter(\.printsJSON))
  func isTheSameInJSON(_ refusal: Refusal) throws {
    let program = try refusal.prepare()
    let before = try program.files
    let result = try refusal.provoke(program, json: true)
    expect(result, refusal)
    #expect(try program.files == (before + refusal.leaves).sorted())
    let summary = try JSONDecoder().decode(FailedSummary.self, from: Data(result.output.utf8))
    #expect(summary.status == (refusal.exitCode == 75 ? "interrupted" : "failed"))
    #expect(summary.error.code == refusal.exitCode)
    #expect("bn-stream: \(summary.error.message)\n" == result.error)
    #expect(summary.layers.isEmpty)
  }

  private func expect(_ result: Program.Result, _ refusal: Refusal) {
    #expect(result.exitCode == refusal.exitCode)
    #expect(result.error.hasSuffix("\n"))
    let text = result.error.dropLast()
    #expect(refusal.line.matches(text), "expected: \(refusal.line)\nfound:    \(text)")
  }

  /// What `--json` prints of a command that fails.
  private struct FailedSummary: Decodable {
    struct Failure: Decodable {
      let code: Int32
      let message: String
    }
    struct Layer: Decodable {}

    let status: String
    let error: Failure
    let layers: [Layer]
  }
}
