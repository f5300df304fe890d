import Foundation
import HDF5
import TestSupport
import Testing

/// A file that cannot be used is told by the option that named it, in every command.
@Suite(.timeLimit(.minutes(30))) struct FileOptionTests {
  /// What is wrong with a file: what makes it, and what a file of the option's kind then ends with.
  enum Trouble: String, CaseIterable {
    case missing
    case folder
    case anotherFormat
    case noPermission

    func make(_ path: String) throws {
      switch self {
      case .missing: break
      case .folder: try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      case .anotherFormat, .noPermission:
        try Data("a text, and not a short one".utf8).write(to: URL(fileURLWithPath: path))
      }
      if self == .noPermission { chmod(path, 0) }
    }
  }

  /// How to call each command so that nothing else is wrong.
  static let rest = [
    "run": ["--in", "rank2.h5", "--dry-run"], "trace": ["--in", "rank2.h5", "--dot"],
    "check": ["--in", "rank2.h5"], "verify": ["--in", "rank2.h5", "--against", "rank2.h5"],
    "explain": ["identity", "--in", "rank2.h5"],
    "inspect": ["rank2.h5"],
  ]

  /// Every option that takes a file, but `--out`, whose files need not exist; what `inspect` takes is no option.
  static let options: [(command: String, option: String)] = {
    let commands = (try? ProgramHelp().commands) ?? []
    return commands.flatMap { command in
      command.options.filter { $0.valueName == "file" && !["out", ""].contains($0.name) }.map {
        (command.name, "--\($0.name)")
      }
    }
  }()

  @Test func allAreKnown() {
    #expect(Set(Self.options.map(\.option)) == ["--in", "--against", "--config"])
    #expect(Self.options.count >= 11)
    #expect(Set(Self.options.map(\.command)) == Set(Self.rest.keys))
  }

  @Test(arguments: options, Trouble.allCases)
  func isNamed(_ place: (command: String, option: String), trouble: Trouble) throws {
    if trouble == .noPermission, Refusal.guest == nil { return }
    let program = try Program("rank2.h5")
    chmod(program.path(""), 0o755)
    chmod(program.path("rank2.h5"), 0o644)
    try trouble.make(program.path("wrong"))
    var arguments = try #require(Self.rest[place.command])
    if let index = arguments.firstIndex(of: place.option) {
      arguments[index + 1] = "wrong"
    } else {
      arguments += [place.option, "wrong"]
    }
    let line = ([place.command] + arguments).joined(separator: " ")
    let shell = trouble == .noPermission ? Refusal.guest : nil
    let result = try program.run(shell: #"\#(shell ?? #"exec "$0""#) \#(line)"#)
    let code: Int32 = place.option == "--config" ? 78 : trouble == .anotherFormat ? 65 : 66
    #expect(result.exitCode == code)
    #expect(result.error.hasPrefix("bn-stream: "))
    #expect(result.error.contains("wrong"))
    if place.option == "--config", trouble == .anotherFormat {
      // The place in the text says more than the option.
      #expect(result.error.hasPrefix("bn-stream: wrong:1:1: "))
    } else {
      #expect(result.error.contains(place.option))
    }
    for (_, option) in Self.options where option != place.option { #expect(!result.error.contains(option)) }
  }

  /// Of a file that two options name, the one that is opened first is told.
  @Test func theFirstOfTwoIsNamed() throws {
    let result = try Program().run("verify", "--in", "absent.h5", "--against", "absent.h5")
    expectFailure(result, 66, "absent.h5: there is no such file; check --in")
  }

  @Test(arguments: [["run"], ["trace"]])
  func theOutputIsNamed(command: [String]) throws {
    let program = try Program("rank2.h5")
    try program.write("precious", to: "there.h5")
    try FileManager.default.createDirectory(
      atPath: program.path("folder"), withIntermediateDirectories: false)
    for path in ["there.h5", "folder", "no/such/out.h5", "/dev/null"] {
      let result = try program.run(command + ["--in", "rank2.h5", "--out", path])
      #expect(result.exitCode == 73, "\(path)")
      #expect(result.error.contains("--out"), "\(path): \(result.error)")
    }
  }
}
