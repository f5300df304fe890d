#if os(Linux)
  import Foundation
  import TestSupport
  import Testing

  /// A run that is interrupted after its first record is continued by the same command.
  @Suite(.serialized, .timeLimit(.minutes(30))) struct ContinuationTests {
    private static let keys =
      #"{"batch_size": 64, "threads": 1, "outputs": ["population", "running", "batches"]}"#
    private static let compressed =
      #"{"batch_size": 60, "threads": 1, "output_storage": {"layout": "chunked", "gzip": 1, "chunk_samples": 100}}"#

    /// Another process finishes the output while this one waits: with `--resume` that is no error.
    @Test func finishedMeanwhile() throws {
      let program = try Program()
      try program.make { try $0.createGroup("layer").addTensors([8, 3]) }
      let command = ["--in", "in.h5", "--out", "out.h5", "--batch-size", "4", "--shard", "0/1"]
      #expect(try program.run(command).exitCode == 0)
      let whole = try Data(contentsOf: program.folder.appending(path: "out.h5"))
      for (options, code) in [([], 73), (["--resume"], 0)] as [([String], Int32)] {
        try FileManager.default.removeItem(atPath: program.path("out.h5"))
        try FileManager.default.createDirectory(
          atPath: program.path("out.h5.partial"), withIntermediateDirectories: false)
        let lock = open(program.path("out.h5.partial/shard-0-of-1.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        #expect(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
        let waiting = try program.start(command + ["--wait", "--verbose"] + options)
        // It has its share of the folder's lock when it waits for the shard's.
        while !FileManager.default.fileExists(atPath: program.path("out.h5.partial/lock")) { usleep(10_000) }
        try whole.write(to: program.folder.appending(path: "out.h5"))
        close(lock)
        let result = try program.wait(for: waiting)
        #expect(result.exitCode == code, "\(result.error)")
        #expect(
          code == 73 || result.output == "out.h5 is finished already, by the same job; nothing was done.\n")
        #expect(try Data(contentsOf: program.folder.appending(path: "out.h5")) == whole)
        #expect(try !program.files.contains("out.h5.partial"))
      }
    }

    /// Starts a run that writes down what is finished as often as it can, and returns when it has done so.
    private func start(_ options: String..., keys: String = keys) throws -> (Program, Process) {
      let program = try Program()
      try LargeInput.write(to: program, samples: 1 << 16)
      try program.write(keys, to: "config.json")
      let process = try program.start(
        shell: "BN_STREAM_RECORD_SECONDS=0 exec \"$0\" --in large.h5 --out out.h5 --config config.json "
          + options.joined(separator: " "))
      // The process that watches is told of the folder after its first record: when the second is there, it knows.
      var first: Int?
      program.wait {
        guard FileManager.default.fileExists(atPath: program.path("out.h5.partial/job.json")) else {
          return !process.isRunning
        }
        let size = program.byteCount("out.h5.partial/ledger")
        first = first ?? size
        return size > first! || !process.isRunning
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

    @Test(arguments: [SIGTERM, SIGINT, SIGXCPU], [keys, compressed])
    func afterASignal(number: Int32, keys: String) throws {
      let (program, process) = try start(keys: keys)
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
    @Test(arguments: [keys, compressed]) func afterAKillOfBoth(keys: String) throws {
      let (program, process) = try start(keys: keys)
      let worker = try #require(program.worker(of: process))
      kill(process.processIdentifier, SIGKILL)
      #expect(try program.wait(for: process).exitCode == 128 + SIGKILL)
      program.wait { program.state(of: worker) == nil || program.state(of: worker) == "Z" }
      try goOn(program)
    }

    /// The progress of a run that goes on begins with what was done before.
    @Test func progressGoesOn() throws {
      let program = try Program()
      try LargeInput.write(to: program, samples: 1 << 18)
      try program.write(Self.keys, to: "config.json")
      let command = ["--in", "large.h5", "--out", "out.h5", "--config", "config.json"]
      let process = try program.start(
        shell: "BN_STREAM_RECORD_SECONDS=0 exec \"$0\" \(command.joined(separator: " "))")
      func share() throws -> Double? {
        try program.object(program.run("inspect", "out.h5.partial", "--json"))["share"] as? Double
      }
      program.wait { (try? share()) ?? 0 > 0.5 || !process.isRunning }
      kill(process.processIdentifier, SIGTERM)
      #expect(try program.wait(for: process).exitCode == 75)
      let left = try share()
      let done = try #require(left)
      let again = try program.start(command + ["--progress", "always", "--log-format", "json"])
      program.wait { program.errorSoFar.contains("goes on with") || !again.isRunning }
      // Held until it is time to show something, so that little more is done by then.
      let worker = try #require(program.worker(of: again))
      kill(worker, SIGSTOP)
      Thread.sleep(forTimeInterval: 1.1)
      kill(worker, SIGCONT)
      program.wait { program.errorSoFar.contains(#""share":"#) || !again.isRunning }
      kill(again.processIdentifier, SIGTERM)
      let lines = try program.wait(for: again).error.split(separator: "\n").compactMap {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      }
      let shown = try #require(lines.lazy.compactMap { $0["share"] as? Double }.first)
      #expect(done > 0.5 && shown >= done && shown <= 1, "\(shown) after \(done)")
    }

    /// What is unfinished can be looked at, while somebody works on it and when nobody does.
    @Test func inspected() throws {
      let (program, process) = try start()
      func report() throws -> [String: Any] {
        let result = try program.run("inspect", "out.h5.partial", "--json")
        #expect(result.exitCode == 0 && result.error == "")
        return try program.object(result)
      }
      // The worker is held, so that it works on it for as long as is needed.
      let worker = try #require(program.worker(of: process))
      kill(worker, SIGSTOP)
      #expect(try report()["running"] as? Bool == true)
      #expect(
        try program.run("inspect", "out.h5.partial").output.contains("\nA process works on it.\n"))
      kill(worker, SIGCONT)
      kill(process.processIdentifier, SIGTERM)
      #expect(try program.wait(for: process).exitCode == 75)
      let left = try report()
      #expect(left["running"] as? Bool == false && left["resumable"] as? Bool == true)
      let share = try #require(left["share"] as? Double)
      #expect(share > 0 && share < 1)
      let layers = try #require(left["layers"] as? [[String: Any]])
      #expect(layers.count == 1 && layers[0]["share"] as? Double == share)
      let job = try #require(left["job"] as? [String: Any])
      #expect(job["input"] as? String == "large.h5")
      #expect((job["configuration"] as? [String: Any])?["batch_size"] as? Int == 64)
      let text = try program.run("inspect", "out.h5.partial/").output
      #expect(text.contains(", of which \(Int(share * 100)) % is done\n"))
      #expect(text.contains("Nobody works on it; the same command as before goes on with it."))
      // To look changes nothing.
      try goOn(program)
    }

    /// What a run would refuse is said before it is tried.
    @Test func inspectedAfterTheInputChanged() throws {
      let (program, process) = try start()
      kill(process.processIdentifier, SIGTERM)
      #expect(try program.wait(for: process).exitCode == 75)
      try FileManager.default.changeTime(ofItemAtPath: program.path("large.h5"))
      let result = try program.run("inspect", "out.h5.partial", "--json")
      let refusal = try #require(try program.object(result)["refusal"] as? [String: Any])
      let refused = try program.run("--in", "large.h5", "--out", "out.h5", "--config", "config.json")
      #expect(refused.exitCode == 73 && refusal["code"] as? Int == 73)
      let message = refusal["message"] as? String ?? ""
      #expect(refused.error == "bn-stream: \(message)\n")
      // The same to people, whose lines break somewhere.
      let text = try program.run("inspect", "out.h5.partial").output.split { $0.isWhitespace }
      let expected = "A run that would go on ends with 73 and says: \(message)".split { $0.isWhitespace }
      #expect(Array(text.suffix(expected.count)) == expected)
      try FileManager.default.removeItem(atPath: program.path("out.h5.partial/job.json"))
      let anew = try program.run("inspect", "out.h5.partial")
      #expect(anew.exitCode == 0)
      #expect(anew.output.contains("begins anew"))
      try FileManager.default.createDirectory(
        at: program.folder.appending(path: "folder"), withIntermediateDirectories: false)
      #expect(try program.run("inspect", "folder").exitCode == 66)
    }

    /// A run that was killed when its output had its name already leaves nothing to the one that finds it finished.
    @Test func afterTheOutputHasItsName() throws {
      let program = try Program()
      try LargeInput.write(to: program, samples: 1 << 8)
      try program.write(Self.keys, to: "config.json")
      let arguments = ["--in", "large.h5", "--out", "out.h5", "--config", "config.json", "--resume"]
      #expect(try program.run(arguments).exitCode == 0)
      let folder = program.folder.appending(path: "out.h5.partial")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      try FileManager.default.linkItem(
        atPath: program.path("out.h5"), toPath: program.path("out.h5.partial/data.h5"))
      try program.write("", to: "out.h5.partial/lock")
      let again = try program.run(arguments)
      #expect(again.exitCode == 0 && again.output.contains("finished already"))
      #expect(try program.files == ["config.json", "large.h5", "out.h5"])
      // What another run has begun stays.
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      try program.write("", to: "out.h5.partial/data.h5")
      #expect(try program.run(arguments).exitCode == 0)
      #expect(try program.files == ["config.json", "large.h5", "out.h5", "out.h5.partial"])
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
