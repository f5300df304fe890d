import Foundation
import TestSupport
import Testing

/// What signals do, at a moment that a pipe decides: the program waits for its configuration, and goes on when it has it.
@Suite(.serialized, .timeLimit(.minutes(30))) struct SignalTests {
  /// The first asks for a clean stop, which the program cannot hear while it waits. The second, later than both that come of one
  /// press of a key, ends it.
  @Test(arguments: [(SIGINT, SIGTERM), (SIGTERM, SIGINT)])
  func theSecondEndsTheProgramAtOnce(first: Int32, second: Int32) throws {
    let program = try Program("rank2.h5")
    #expect(mkfifo(program.path("config"), 0o600) == 0)
    let process = try program.start(["--in", "rank2.h5", "--out", "out.h5", "--config", "config"])
    // Opening waits for the reader, which the program is only when it has settled what signals mean.
    let config = try FileHandle(forWritingTo: program.folder.appending(path: "config"))
    kill(process.processIdentifier, first)
    Thread.sleep(forTimeInterval: 0.7)
    kill(process.processIdentifier, second)
    expectFailure(try program.wait(for: process), 75, InterruptionTests.message)
    try config.close()
    #expect(try program.files == ["config", "rank2.h5"])
  }

  /// The same where no other process watches: the second one is what the system does with it, without a word.
  @Test(arguments: [(SIGINT, SIGTERM), (SIGTERM, SIGINT), (SIGINT, SIGINT)])
  func theSecondEndsTheProgramAlsoAlone(first: Int32, second: Int32) throws {
    let program = try Program("rank2.h5")
    #expect(mkfifo(program.path("config"), 0o600) == 0)
    let process = try program.start(
      shell: #"BN_STREAM_SUPERVISOR=off exec "$0" --in rank2.h5 --out out.h5 --config config"#)
    let config = try FileHandle(forWritingTo: program.folder.appending(path: "config"))
    kill(process.processIdentifier, first)
    Thread.sleep(forTimeInterval: 0.7)
    kill(process.processIdentifier, second)
    program.wait { !process.isRunning }
    let hasEnded = !process.isRunning
    #expect(hasEnded)
    // Who still waits goes on without a configuration.
    try config.close()
    let result = try program.wait(for: process)
    #expect(result.exitCode == 128 + second)
    #expect(result.error == "" && result.output == "")
    #expect(try program.files == ["config", "rank2.h5"])
  }

  /// A limit on processor time sends one each second: where no other process watches, all of them are the first.
  @Test func ofALimitOnTimeAllAreOne() throws {
    let program = try Program("rank2.h5")
    #expect(mkfifo(program.path("config"), 0o600) == 0)
    let process = try program.start(
      shell: #"BN_STREAM_SUPERVISOR=off exec "$0" --in rank2.h5 --out out.h5 --config config"#)
    let config = try FileHandle(forWritingTo: program.folder.appending(path: "config"))
    // A reader that stays: the program may be gone, and what is written is then nobody's.
    let reader = open(program.path("config"), O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    #expect(reader >= 0)
    defer { close(reader) }
    kill(process.processIdentifier, SIGXCPU)
    Thread.sleep(forTimeInterval: 0.7)
    kill(process.processIdentifier, SIGXCPU)
    // The second has come before the program may go on.
    usleep(5000)
    try config.write(contentsOf: Data("{}".utf8))
    try config.close()
    expectFailure(try program.wait(for: process), 75, InterruptionTests.message)
    #expect(try program.files == ["config", "rank2.h5"])
  }

  /// Two at once are one: a scheduler sends to the process and to its group. Whether another process watches or not.
  @Test(arguments: ["", "BN_STREAM_SUPERVISOR=off "], [SIGTERM, SIGINT])
  func twoAtOnceAreOne(environment: String, number: Int32) throws {
    let program = try Program("rank2.h5")
    #expect(mkfifo(program.path("config"), 0o600) == 0)
    let process = try program.start(
      shell: environment + #"exec "$0" --in rank2.h5 --out out.h5 --config config"#)
    let config = try FileHandle(forWritingTo: program.folder.appending(path: "config"))
    // A reader that stays: the program may have heard the first one and be gone, and what is written is then nobody's.
    let reader = open(program.path("config"), O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    #expect(reader >= 0)
    defer { close(reader) }
    kill(process.processIdentifier, number)
    // The first has come, so that it is not one signal for the system; much less than half a second later.
    usleep(5000)
    kill(process.processIdentifier, number)
    try config.write(contentsOf: Data("{}".utf8))
    try config.close()
    expectFailure(try program.wait(for: process), 75, InterruptionTests.message)
    #expect(try program.files == ["config", "rank2.h5"])
  }

  #if os(Linux)
    /// Where the parent ignores that children end, the system keeps nothing of them for who waits.
    @Test(arguments: [("rank2.h5", 0), ("absent.h5", 66)]) func endsWhereTheParentIgnoresChildren(
      input: String, code: Int32
    )
      throws
    {
      let program = try Program("rank2.h5")
      let result = try program.run(
        shell: #"exec timeout 60 env --ignore-signal=CHLD "$0" --in \#(input) --out out.h5 --quiet"#)
      #expect(result.exitCode == code)
      #expect(try program.files.contains("out.h5") == (code == 0))
    }

    /// Some programs start others with signals blocked, without wanting to.
    @Test func isHeardAlsoIfTheParentBlockedIt() throws {
      let program = try Program("rank2.h5")
      let result = try program.run(
        shell: """
          mkfifo config
          env --block-signal=TERM "$0" --in rank2.h5 --out out.h5 --config config &
          exec 3>config 4<config
          kill -TERM $!
          printf '{}' >&3
          exec 3>&-
          wait $!
          """)
      #expect(result.exitCode == 75)
      #expect(result.error == "bn-stream: \(InterruptionTests.message)\n")
      #expect(try program.files == ["config", "rank2.h5"])
    }
  #endif
}
