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

  static let stopSignals = [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGQUIT]

  @Test(arguments: stopSignals)
  func bySignal(number: Int32) throws {
    let program = try Program()
    let process = try program.startLargeRun()
    kill(process.processIdentifier, number)
    expectFailure(try program.wait(for: process), 75, Self.message)
    #expect(try program.files == ["large.h5"])
  }

  #if os(Linux)
    /// To the process that works alone, as a limit on its processor time sends one.
    @Test(arguments: stopSignals) func bySignalToTheWorker(number: Int32) throws {
      let program = try Program()
      let process = try program.startLargeRun()
      kill(try #require(program.worker(of: process)), number)
      expectFailure(try program.wait(for: process), 75, Self.message)
      #expect(try program.files == ["large.h5"])
    }

    /// Inside the library nobody looks whether to stop: the process is ended, within five seconds.
    @Test(
      .enabled(if: HDF5Version.isOld, "this HDF5 library does not loop on the file"),
      arguments: [SIGTERM, SIGINT, SIGXCPU]) func insideTheLibrary(
        number: Int32
      ) throws
    {
      let program = try Program("bad/library_loop.h5")
      let process = try program.startLoop()
      let start = ContinuousClock.now
      kill(process.processIdentifier, number)
      expectFailure(try program.wait(for: process), 75, Self.message)
      // More where others keep the machine busy.
      #expect(start.duration(to: .now) < .seconds(30))
      #expect(try program.files == ["library_loop.h5"])
    }

    /// A second request, half a second after the first, does not wait; the same one that comes twice is no second.
    @Test(
      .enabled(if: HDF5Version.isOld, "this HDF5 library does not loop on the file"),
      arguments: [true, false]) func asked(again: Bool) throws
    {
      let program = try Program("bad/library_loop.h5")
      let process = try program.startLoop("--json")
      let start = ContinuousClock.now
      kill(process.processIdentifier, SIGTERM)
      if again { Thread.sleep(forTimeInterval: 0.7) }
      kill(process.processIdentifier, SIGTERM)
      let result = try program.wait(for: process)
      #expect(result.exitCode == 75)
      #expect(result.error == "bn-stream: \(Self.message)\n")
      #expect((start.duration(to: .now) < .seconds(3.5)) == again)
    }

    /// While a pipe is opened that nobody writes to.
    @Test(arguments: [SIGTERM, SIGHUP]) func whileAPipeIsOpened(number: Int32) throws {
      let program = try Program("rank2.h5")
      #expect(mkfifo(program.path("config"), 0o600) == 0)
      let process = try program.start(["--in", "rank2.h5", "--out", "out.h5", "--config", "config"])
      program.wait { program.worker(of: process) != nil }
      Thread.sleep(forTimeInterval: 0.1)
      let start = ContinuousClock.now
      kill(process.processIdentifier, number)
      expectFailure(try program.wait(for: process), 75, Self.message)
      #expect(start.duration(to: .now) < .seconds(30))
      #expect(try program.files == ["config", "rank2.h5"])
    }

    /// What `nohup` and a shell's `&` have ignored does not stop it.
    @Test(arguments: [("HUP", SIGHUP), ("INT", SIGINT), ("QUIT", SIGQUIT)])
    func notByWhatIsIgnored(name: String, number: Int32) throws {
      let program = try Program()
      try LargeInput.write(to: program, samples: 1 << 15)
      let process = try program.start(
        shell: "trap '' \(name); exec \"$0\" --in large.h5 --out out.h5 --quiet")
      program.wait { (try? program.files.contains("out.h5.partial")) ?? false || !process.isRunning }
      kill(process.processIdentifier, number)
      if let worker = program.worker(of: process) { kill(worker, number) }
      #expect(try program.wait(for: process).exitCode == 0)
      #expect(try program.files == ["large.h5", "out.h5"])
    }
  #endif

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
    try FileManager.default.changeTime(ofItemAtPath: program.path("large.h5"))
    expectFailure(
      try program.wait(for: process), 74,
      "large.h5: was changed while it was read; run again when nothing writes to it")
    #expect(try program.files == ["config.json", "large.h5"])
  }

  /// Of an input that changes meanwhile nothing is shown or drawn, where no file is written either.
  @Test(arguments: [
    ["trace", "--html", "page.html"], ["trace", "--dot"], ["explain", "saturation", "--html", "page.html"],
    ["explain", "identity"],
  ])
  func nothingIsShownOfAnInputThatChanges(command: [String]) throws {
    var found: Program.Result?
    // Who comes too late to change it tries again.
    for _ in 0..<5 where found?.exitCode ?? 0 == 0 {
      let program = try Program()
      try program.make { root in
        let layer = try root.createGroup("layer")
        try layer.addTensors([40_000, 8])
        try layer.add("Gamma", [1, 2, 3, 4, 5, 6, 7, 8])
      }
      let process = try program.start(command + ["--in", "in.h5", "--batch-size", "all"])
      // The warning of what is called like gamma comes when the input is open, before the work.
      program.wait { program.errorSoFar.contains("warning: ") || !process.isRunning }
      try FileManager.default.changeTime(ofItemAtPath: program.path("in.h5"))
      let result = try program.wait(for: process)
      found = result
      if result.exitCode != 0 { #expect(try program.files == ["in.h5"]) }
    }
    let result = try #require(found)
    #expect(result.exitCode == 74 && result.output == "")
    let lines = result.error.split(separator: "\n")
    #expect(lines.count == 2 && lines.first?.hasPrefix("warning: /layer has no `gamma`, but `Gamma`") == true)
    #expect(
      lines.last
        == "bn-stream: in.h5: was changed while it was read; run again when nothing writes to it")
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
