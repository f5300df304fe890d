#if os(Linux)
  import Foundation
  import TestSupport
  import Testing

  /// A run that is interrupted after its first record is continued by the same command.
  @Suite(.serialized, .timeLimit(.minutes(30))) struct ContinuationTests {
    private static let keys =
      #"{"batch_size": 64, "threads": 1, "outputs": ["population", "running", "batches"]}"#

    /// Starts a run that writes down what is finished as often as it can, and returns when it has done so.
    private func start(_ options: String...) throws -> (Program, Process) {
      let program = try Program()
      try LargeInput.write(to: program, samples: 1 << 16)
      try program.write(Self.keys, to: "config.json")
      let process = try program.start(
        shell: "BN_STREAM_RECORD_SECONDS=0 exec \"$0\" --in large.h5 --out out.h5 --config config.json "
          + options.joined(separator: " "))
      program.wait {
        FileManager.default.fileExists(atPath: program.path("out.h5.partial/job.json")) || !process.isRunning
      }
      return (program, process)
    }

    /// Runs the same again, and compares with a run that nothing disturbed.
    private func goOn(_ program: Program) throws {
      #expect(try program.files == ["config.json", "large.h5", "out.h5.partial"])
      let result = try program.run("--in", "large.h5", "--out", "out.h5", "--config", "config.json")
      #expect(result.exitCode == 0)
      let words = result.error.split(separator: "\n")
      #expect(words.count == 1)
      #expect(
        words.first?.wholeMatch(
          of: /notice: goes on with the unfinished work in out\.h5\.partial, of which [0-9]{1,2} % is done/)
          != nil,
        "\(result.error)")
      #expect(try program.files == ["config.json", "large.h5", "out.h5"])
      let whole = try program.run("--in", "large.h5", "--out", "whole.h5", "--config", "config.json")
      #expect(whole.exitCode == 0 && whole.error == "")
      #expect(
        try Data(contentsOf: program.folder.appending(path: "out.h5"))
          == Data(contentsOf: program.folder.appending(path: "whole.h5")))
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGXCPU]) func afterASignal(number: Int32) throws {
      let (program, process) = try start()
      kill(process.processIdentifier, number)
      expectFailure(
        try program.wait(for: process), 75,
        "interrupted; what is finished is in out.h5.partial, run the same command to go on")
      try goOn(program)
    }

    /// By somebody else, or by the system for lack of memory.
    @Test func afterAKillOfTheWorker() throws {
      let (program, process) = try start("--json", "--quiet")
      kill(try #require(program.worker(of: process)), SIGKILL)
      let result = try program.wait(for: process)
      #expect(result.exitCode == 75)
      #expect(
        result.error
          == "bn-stream: killed, perhaps for lack of memory; what is finished is in out.h5.partial, run the same command to go on, "
          + "perhaps with a smaller --memory\n")
      try goOn(program)
    }

    /// Nobody is left to say anything.
    @Test func afterAKillOfBoth() throws {
      let (program, process) = try start()
      let worker = try #require(program.worker(of: process))
      kill(process.processIdentifier, SIGKILL)
      #expect(try program.wait(for: process).exitCode == 128 + SIGKILL)
      program.wait { program.state(of: worker) == nil || program.state(of: worker) == "Z" }
      try goOn(program)
    }

    /// Another configuration is no continuation; `--force` starts over.
    @Test func notByAnotherJob() throws {
      let (program, process) = try start()
      kill(process.processIdentifier, SIGTERM)
      #expect(try program.wait(for: process).exitCode == 75)
      let other = ["--in", "large.h5", "--out", "out.h5", "--config", "config.json", "--epsilon", "0.25"]
      expectFailure(
        try program.run(other), 73,
        "out.h5: out.h5.partial holds the unfinished work of another job: other values of epsilon; run that job to finish it, "
          + "start over with --force, or choose another --out")
      let forced = try program.run(
        "--in", "large.h5", "--out", "out.h5", "--config", "config.json", "--force")
      #expect(forced.exitCode == 0 && forced.error == "")
      #expect(try program.files == ["config.json", "large.h5", "out.h5"])
    }
  }
#endif
