#if os(Linux)
  import Foundation
  import Jobs
  import TestSupport
  import Testing

  /// One process works and another one watches: whatever becomes of the first, a user is told, and nothing is left.
  @Suite(.serialized, .timeLimit(.minutes(30))) struct SupervisorTests {
    static let crash =
      "library_crash.h5: the HDF5 library crashed in H5Literate (SIGSEGV), so the file is damaged, or made to do that; "
      + "copy or write it anew"

    /// A fault inside the library is the file's; where it was says the process that crashed.
    @Test(
      .enabled(if: HDF5Version.isOld, "this HDF5 library does not crash on the file"),
      .disabled(if: Sanitizer.isPresent, "a sanitizer takes the signals of faults for itself"),
      arguments: [
        ["--in", "library_crash.h5", "--out", "out.h5"], ["--in", "library_crash.h5", "--dry-run"],
        ["check", "--in", "library_crash.h5"], ["trace", "--in", "library_crash.h5", "--dot"],
        ["verify", "--in", "library_crash.h5", "--against", "library_crash.h5"],
      ])
    func aCrashInTheLibrary(arguments: [String]) throws {
      let program = try Program("bad/library_crash.h5")
      expectFailure(try program.run(arguments), 65, Self.crash)
      #expect(try program.files == ["library_crash.h5"])
    }

    /// What is in front of the terminal gets the signal of a fault without the library being there.
    @Test(
      .disabled(if: Sanitizer.isPresent, "a sanitizer takes the signals of faults for itself"),
      arguments: [
        (SIGSEGV, "SIGSEGV"), (SIGILL, "SIGILL"), (SIGTRAP, "SIGTRAP"), (SIGABRT, "SIGABRT"),
        (SIGBUS, "SIGBUS"), (SIGFPE, "SIGFPE"), (SIGSYS, "SIGSYS"),
      ])
    func aFaultElsewhereIsABug(number: Int32, name: String) throws {
      let program = try Program()
      let process = try program.startLargeRun("--threads", "1")
      let worker = try #require(program.worker(of: process))
      // Past the library's part: from here on the worker computes.
      Thread.sleep(forTimeInterval: 0.05)
      kill(worker, number)
      expectFailure(
        try program.wait(for: process), 70,
        "crashed (\(name)); this is a bug in bn-stream, please report it with the command line")
      #expect(try program.files == ["large.h5"])
    }

    /// Another process may send the signal of a fault while the worker is in the library, which is not to blame for it.
    @Test(
      .enabled(if: HDF5Version.isOld, "this HDF5 library does not loop on the file"),
      .disabled(if: Sanitizer.isPresent, "a sanitizer takes the signals of faults for itself"))
    func aFaultFromOutsideIsNotTheLibrarys() throws {
      let program = try Program("bad/library_loop.h5")
      let process = try program.startLoop()
      // The system gives it to the thread by whose number it is sent: the one in the library.
      let thread = try program.busiestThread(of: #require(program.worker(of: process)))
      kill(try #require(thread), SIGSEGV)
      expectFailure(
        try program.wait(for: process), 70,
        "crashed (SIGSEGV); this is a bug in bn-stream, please report it with the command line")
      #expect(try program.files == ["library_loop.h5"])
    }

    @Test(arguments: [["--quiet"], ["--json"]]) func killedFromOutside(options: [String]) throws {
      let program = try Program()
      let process = try program.startLargeRun(options[0])
      kill(try #require(program.worker(of: process)), SIGKILL)
      let result = try program.wait(for: process)
      let message =
        "killed, perhaps for lack of memory; no output was written, give a smaller --memory or run it again"
      #expect(result.exitCode == 75)
      #expect(result.error == "bn-stream: \(message)\n")
      if options == ["--json"] {
        let summary = try JSONDecoder().decode(JobSummary.self, from: Data(result.output.utf8))
        #expect(summary.error == JobSummary.Failure(code: 75, message: message))
        #expect(summary.input == "large.h5" && summary.output == "out.h5")
      }
      #expect(try program.files == ["large.h5"])
    }

    /// Chunks are kept in a file of their own beside the output to be; before the first record nothing can be gone on with, and none of it stays.
    /// A sanitizer takes the signals of faults for itself.
    @Test(arguments: Sanitizer.isPresent ? [SIGKILL] : [SIGKILL, SIGSEGV]) func copiesDoNotStay(number: Int32)
      throws
    {
      let program = try Program()
      try program.write(#"{"output_storage": {"layout": "chunked", "gzip": 1}}"#, to: "c.json")
      let process = try program.startLargeRun("--config", "c.json")
      program.wait {
        FileManager.default.fileExists(atPath: program.path("out.h5.partial/spool")) || !process.isRunning
      }
      kill(try #require(program.worker(of: process)), number)
      #expect(try program.wait(for: process).exitCode == (number == SIGKILL ? 75 : 70))
      #expect(try program.files == ["c.json", "large.h5"])
    }

    /// By a signal that asks for nothing and is no fault.
    @Test func endedByAnotherSignal() throws {
      let program = try Program()
      let process = try program.startLargeRun()
      kill(try #require(program.worker(of: process)), SIGALRM)
      expectFailure(
        try program.wait(for: process), 75,
        "ended by SIGALRM; no output was written, run the same command to start again")
      #expect(try program.files == ["large.h5"])
    }

    /// The worker does not outlive its watcher; what it leaves the next run removes.
    @Test func theWatcherIsKilled() throws {
      let program = try Program("rank2.h5")
      let process = try program.startLargeRun()
      let worker = try #require(program.worker(of: process))
      kill(process.processIdentifier, SIGKILL)
      #expect(try program.wait(for: process).exitCode == 128 + SIGKILL)
      program.wait { program.state(of: worker) == nil || program.state(of: worker) == "Z" }
      #expect(try program.files == ["large.h5", "out.h5.partial", "rank2.h5"])
      #expect(try program.run("--in", "rank2.h5", "--out", "out.h5").exitCode == 0)
      #expect(try program.files == ["large.h5", "out.h5", "rank2.h5"])
    }

    /// One request can come as several signals, as from who ends a process and then its group: the worker still ends by itself, and says so.
    @Test(arguments: [[SIGTERM, SIGHUP], [SIGINT, SIGTERM, SIGUSR1]]) func requestsAtOnceAreOne(
      numbers: [Int32]
    )
      throws
    {
      let program = try Program()
      let process = try program.startLargeRun("--json", "--threads", "1")
      for number in numbers { kill(process.processIdentifier, number) }
      let result = try program.wait(for: process)
      #expect(result.exitCode == 75)
      let summary = try JSONDecoder().decode(JobSummary.self, from: Data(result.output.utf8))
      #expect(summary.status == .interrupted)
      // The watcher knows of no configuration.
      #expect(summary.configuration != nil)
      #expect(try program.files == ["large.h5"])
    }

    /// A worker that somebody has stopped, as a batch system does it, goes on to hear that it is to end, and says so itself.
    @Test func whatWasStoppedHearsOfTheEnd() throws {
      let program = try Program()
      let process = try program.startLargeRun("--json", "--threads", "1")
      let worker = try #require(program.worker(of: process))
      kill(worker, SIGSTOP)
      program.wait { program.state(of: worker) == "T" }
      kill(process.processIdentifier, SIGTERM)
      let result = try program.wait(for: process)
      #expect(result.exitCode == 75 && result.error == "bn-stream: \(InterruptionTests.message)\n")
      let summary = try JSONDecoder().decode(JobSummary.self, from: Data(result.output.utf8))
      // The watcher knows of no configuration.
      #expect(summary.status == .interrupted && summary.configuration != nil)
      #expect(try program.files == ["large.h5"])
    }

    /// As a terminal's Ctrl-Z and `fg` do it.
    @Test func stopsAndContinues() throws {
      let program = try Program()
      let process = try program.startLargeRun("--quiet")
      let worker = try #require(program.worker(of: process))
      kill(process.processIdentifier, SIGTSTP)
      program.wait {
        program.state(of: worker) == "T" && program.state(of: process.processIdentifier) == "T"
      }
      #expect(program.state(of: worker) == "T")
      kill(process.processIdentifier, SIGCONT)
      #expect(try program.wait(for: process).exitCode == 0)
      #expect(try program.files == ["large.h5", "out.h5"])
    }

    /// Only one word switches it off.
    @Test(arguments: ["on", "OFF", "''"]) func otherWordsSwitchNothingOff(word: String) throws {
      let program = try Program("rank2.h5")
      #expect(mkfifo(program.path("config"), 0o600) == 0)
      let process = try program.start(
        shell: #"BN_STREAM_SUPERVISOR=\#(word) exec "$0" --in rank2.h5 --out out.h5 --config config"#)
      // Opening waits for the reader, which is whoever works.
      let config = try FileHandle(forWritingTo: program.folder.appending(path: "config"))
      #expect(program.worker(of: process) != nil)
      try config.write(contentsOf: Data("{}".utf8))
      try config.close()
      #expect(try program.wait(for: process).exitCode == 0)
    }

    /// For debuggers and profilers that follow one process.
    @Test func canBeSwitchedOff() throws {
      let program = try Program()
      try LargeInput.write(to: program)
      setenv("BN_STREAM_SUPERVISOR", "off", 1)
      let process = try program.start(["--in", "large.h5", "--out", "out.h5"])
      unsetenv("BN_STREAM_SUPERVISOR")
      program.wait { (try? program.files.contains("out.h5.partial")) ?? false }
      #expect(program.worker(of: process) == nil)
      kill(process.processIdentifier, SIGTERM)
      expectFailure(try program.wait(for: process), 75, InterruptionTests.message)
      #expect(try program.files == ["large.h5"])
    }
  }
#endif
