import ChunkCodec
import Foundation
import HDF5
import TestSupport
import Testing

/// What the program says of itself.
@Suite struct VersionTests {
  @Test(arguments: [
    ["--version", "--verbose"], ["--verbose", "--version"], ["check", "--version", "--verbose"],
    ["--version", "--verbose", "--in", "absent.h5"],
  ])
  func verboseSaysWhichBuildThisIs(arguments: [String]) throws {
    let result = try Program().run(arguments)
    #expect(result.exitCode == 0)
    #expect(result.error == "")
    let lines = result.output.split(separator: "\n").map(String.init)
    let names = ["bn-stream", "commit", "build", "HDF5", "kernels", "libraries", "processor", "may"]
    #expect(lines.map { String($0.prefix { $0 != " " }) } == names)
    try #require(lines.count == names.count)
    #expect(lines[0] == "bn-stream \(try Program().run("--version").output.dropLast())")
    #expect(lines[3] == "HDF5       \(HDF5Library.version)")
    #expect(lines[4].contains(#/^kernels    (AVX-512|AVX2|baseline)$/#))
    let found = CompressionLibrary.allCases.map { "\($0.name) \($0.isPresent ? "found" : "not found")" }
    #expect(lines[5] == "libraries  \((found + ["deflate found"]).sorted().joined(separator: ", "))")
  }

  #if os(Linux)
    /// The processor says itself which instructions it has.
    @Test func theKernelsAreThoseOfTheProcessor() throws {
      let text = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
      let flags = Set(text.firstMatch(of: #/flags\s*:(.*)/#).map { $0.1.split(separator: " ") } ?? [])
      guard !flags.isEmpty else { return }
      let isWide = flags.isSuperset(of: ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"])
      #expect(
        try Program().run("--version", "--verbose").output.contains(
          "kernels    \(isWide ? "AVX-512" : "AVX2")\n"))
    }

    /// With any kernels an output has the same bytes.
    @Test func baselineKernelsOnRequest() throws {
      let program = try Program("rank2.h5")
      let baseline = "BN_STREAM_KERNELS=baseline \"$0\""
      #expect(try program.run(shell: "\(baseline) --version --verbose").output.contains("kernels    AVX2\n"))
      let outputs = try program.run(
        shell: "\"$0\" --in rank2.h5 --out best.h5 && \(baseline) --in rank2.h5 --out baseline.h5"
          + " && cmp best.h5 baseline.h5")
      #expect(outputs.exitCode == 0, "\(outputs.error)")
    }

    @Test func nobodyReads() throws {
      let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
      #expect(try Program().run(["--version", "--verbose"], standardOutput: full).exitCode == 74)
    }
  #endif

  private struct Facts: Decodable {
    let version: String
    let commit: String?
    let hasChanges: Bool
    let hdf5: String
    let libraries: [String: Bool]
    let processorsAllowed: Int
  }

  @Test func theSameInJSON() throws {
    let json = try Program().run("--version", "--verbose", "--json").output
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let facts = try decoder.decode(Facts.self, from: Data(json.utf8))
    #expect(facts.hdf5 == HDF5Library.version)
    #expect(facts.libraries["deflate"] == true)
    #expect(facts.processorsAllowed >= 1)
    let git = FileManager.default.fileExists(atPath: Repository.url.appending(path: ".git").path)
    guard git, let commit = facts.commit else { return }
    // A commit of this repository; which one depends on when the program was built.
    let found = try shell("git -C \(quoted(Repository.url.path)) cat-file -t \(commit)")
    #expect(found.output == "commit\n")
  }

  /// Both say the same, each in its place.
  @Test func theTextSaysWhatTheJSONSays() throws {
    let program = try Program()
    let facts = try program.object(program.run("--version", "--verbose", "--json"))
    let lines = try program.run("--version", "--verbose").output.split(separator: "\n").map(String.init)
    try #require(lines.count == 8)
    let commit =
      facts["commit"] as? String ?? "not known: built without a git repository, and without BN_STREAM_COMMIT"
    let changes = try #require(facts["has_changes"] as? Bool)
    #expect(lines[1] == "commit     " + commit + (changes ? ", with changes" : ""))
    // Tests and program are built together.
    #if DEBUG
      let build = "debug"
    #else
      let build = "release"
    #endif
    #expect(facts["build"] as? String == build && lines[2] == "build      " + build)
    let kernels = try #require(facts["kernels"] as? String)
    #expect(lines[4] == "kernels    " + kernels)
    let processor = try #require(facts["processor"] as? String)
    #expect(lines[6] == "processor  " + processor && processor != kernels)
    let memory = try #require(facts["memory"] as? Int)
    let allowed = try #require(facts["memory_allowed"] as? Int)
    #expect(allowed > 0 && memory >= allowed)
  }

  /// tools/note-commit, in a repository of its own.
  @Test func theCommitIsTheOneBuiltFrom() throws {
    let folder = try TemporaryFolder()
    let place = quoted(folder.url.path)
    let git = "git -C \(place) -c user.name=a -c user.email=a@b"
    func note(_ environment: String = "") throws -> String {
      let script = quoted(Repository.url.appending(path: "tools/note-commit").path)
      let result = try shell("\(environment) /bin/sh \(script) \(place)/built.swift \(place)")
      #expect(result.exitCode == 0)
      return try String(contentsOfFile: folder.path("built.swift"), encoding: .utf8)
    }
    #expect(try note().contains(#"commit = """#))
    #expect(try note("BN_STREAM_COMMIT='v1.2-\"; }'").contains(#"commit = "v1.2-""#))
    guard try shell("git --version").exitCode == 0 else { return }
    for step in ["first", "second"] {
      let made = try shell(
        "\(git) init -q; mkdir -p \(place)/Sources; echo \(step) >\(place)/Sources/a; \(git) add Sources; "
          + "\(git) commit -qm \(step); \(git) rev-parse HEAD")
      let commit = String(made.output.dropLast())
      #expect(commit.count == 40)
      // What the environment says does not count where git knows.
      let text = try note("BN_STREAM_COMMIT=other")
      #expect(text.contains(#"commit = "\#(commit)""#))
      #expect(text.contains("hasChanges = false"))
      // Nothing changed, so the file keeps its time, and nothing is compiled anew.
      try shell("touch -d 2001-01-01 \(place)/built.swift")
      _ = try note()
      #expect(try shell("find \(place)/built.swift -newermt 2002-01-01").output == "")
      try shell("echo more >>\(place)/Sources/a")
      #expect(try note().contains("hasChanges = true"))
    }
  }

  private func quoted(_ path: String) -> String { "'\(path)'" }

  @discardableResult
  private func shell(_ line: String) throws -> Program.Result { try Program().run(shell: line) }
}
