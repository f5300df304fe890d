#if os(Linux)
  import Foundation
  import TestSupport
  import Testing

  /// Processes that do not see each other, as in containers, and whose numbers may be the same.
  @Suite(.serialized, .timeLimit(.minutes(30))) struct NamespaceTests {
    /// What puts a program into a process namespace of its own; nil where nobody here may.
    private static let apart: String? = ["unshare -pf --kill-child", "unshare -rpf --kill-child"].first {
      (try? Program().run(shell: "\($0) true").exitCode) == 0
    }

    @Test(
      .enabled(if: apart != nil, "nobody here may make process namespaces"),
      arguments: ["", "HDF5_USE_FILE_LOCKING=FALSE "])
    func shardsApart(environment: String) throws {
      let program = try Program()
      try LargeInput.write(to: program, samples: 1 << 16)
      try program.write(
        #"{"batch_size": 64, "threads": 1, "outputs": ["population", "running", "batches"]}"#,
        to: "config.json")
      let arguments = "--in large.h5 --out out.h5 --config config.json --quiet"
      func line(_ shard: Int) throws -> String {
        let apart = try #require(Self.apart)
        return "BN_STREAM_RECORD_SECONDS=0 \(environment)exec \(apart) \"$0\" \(arguments) --shard \(shard)/2"
      }
      // One is held in the middle: as good as dead for who cannot see it, but it lives.
      let held = try program.start(shell: line(0))
      program.wait {
        let records = try? FileManager.default.attributesOfItem(
          atPath: program.path("out.h5.partial/shard-0-of-2.ledger"))
        return (records?[.size] as? Int ?? 0) > 0 || !held.isRunning
      }
      var number: pid_t?
      program.wait {
        // That of `unshare` is the supervisor.
        number = program.worker(of: held).flatMap { program.child(of: $0) }
        return number != nil || !held.isRunning
      }
      let worker = try #require(number)
      kill(worker, SIGSTOP)
      program.wait { program.state(of: worker) == "T" }
      let again = try program.run(shell: line(0))
      #expect(again.exitCode == 75, "\(again.error)")
      #expect(again.error.contains("shard 0"), "\(again.error)")
      // The other one does its part beside it.
      let other = try program.run(shell: line(1))
      #expect(other.exitCode == 0, "\(other.error)")
      #expect(try program.files.contains("out.h5.partial"))
      kill(worker, SIGCONT)
      let first = try program.wait(for: held)
      #expect(first.exitCode == 0, "\(first.error)")
      #expect(try program.files == ["config.json", "large.h5", "out.h5"])
      #expect(
        try program.run("--in", "large.h5", "--out", "whole.h5", "--config", "config.json").exitCode == 0)
      #expect(
        try Data(contentsOf: program.folder.appending(path: "out.h5"))
          == Data(contentsOf: program.folder.appending(path: "whole.h5")))
    }
  }
#endif
