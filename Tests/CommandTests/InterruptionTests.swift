import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

/// Runs that do not reach their end leave nothing behind.
@Suite(.serialized, .timeLimit(.minutes(30))) struct InterruptionTests {
  static let message = "interrupted; no output was written, run the same command to start again"

  @Test(arguments: [SIGINT, SIGTERM])
  func bySignal(number: Int32) throws {
    let program = try Program()
    let process = try program.startLargeRun()
    kill(process.processIdentifier, number)
    expectFailure(try program.wait(for: process), 75, Self.message)
    #expect(try program.files == ["large.h5"])
  }

  @Test func bySignalWithJSON() throws {
    let program = try Program()
    let process = try program.startLargeRun("--json", "--batch-size", "all")
    kill(process.processIdentifier, SIGTERM)
    let result = try program.wait(for: process)
    #expect(result.exitCode == 75)
    let summary = try JSONDecoder().decode(JobSummary.self, from: Data(result.output.utf8))
    #expect(summary.status == .interrupted)
    #expect(summary.error == JobSummary.Failure(code: 75, message: Self.message))
    #expect(try program.files == ["large.h5"])
  }

  @Test func byAnInputThatChanges() throws {
    let program = try Program()
    // Nothing large is written, so that the run may well go on to its end.
    try program.write(#"{"outputs": ["batches"]}"#, to: "config.json")
    let process = try program.startLargeRun("--config", "config.json")
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: program.path("large.h5"))
    expectFailure(
      try program.wait(for: process), 74,
      "large.h5: was changed while it was read; run again when nothing writes to it")
    #expect(try program.files == ["config.json", "large.h5"])
  }

  @Test func byAnInputThatShrinks() throws {
    let program = try Program()
    let process = try program.startLargeRun("--threads", "1")
    truncate(program.path("large.h5"), 1 << 16)
    expectFailure(
      try program.wait(for: process), 65,
      "large.h5: ends inside /layer/activations; the file is truncated, copy or write it anew")
    #expect(try program.files == ["large.h5"])
  }

  /// The output has 128 MiB; a block of `ulimit -f` has 512 or 1024 bytes.
  @Test(arguments: [1, 20, 2000])
  func byALimitOnTheSizeOfFiles(blocks: Int) throws {
    let program = try Program()
    try LargeInput.write(to: program, samples: 1 << 15)
    let result = try program.run(shell: "ulimit -f \(blocks); exec \"$0\" --in large.h5 --out out.h5")
    #expect(result.exitCode == 74)
    #expect(result.error.hasPrefix("bn-stream: out.h5: "))
    #expect(
      result.error.hasSuffix(
        ": File too large; the file system or a limit forbids files that large; choose another --out\n"))
    #expect(!result.error.dropLast().contains("\n"))
    #expect(try program.files == ["large.h5"])
  }
}
