import TestSupport
import Testing

/// Expects that a run failed with this one line, and left nothing behind.
func expectFailure(
  _ result: Program.Result, _ exitCode: Int32, _ message: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(result.exitCode == exitCode, sourceLocation: sourceLocation)
  #expect(result.error == "bn-stream: \(message)\n", sourceLocation: sourceLocation)
  #expect(result.output == "", sourceLocation: sourceLocation)
}
