import Foundation
import HDF5
import TestSupport
import Testing

/// A row of the table of errors: how to provoke one through the command, and all that a user sees of it.
struct Refusal: Sendable, CustomTestStringConvertible {
  /// Where the program's input comes from.
  enum Input: Sendable {
    /// A copy of a file of Tests/Fixtures.
    case fixture(String)
    /// A file in.h5 that the closure makes, and whatever else it puts into the folder.
    case made(@Sendable (Program) throws -> Void)

    /// What it is called in the program's folder.
    var name: String {
      switch self {
      case .fixture(let path): path.split(separator: "/").last.map(String.init) ?? path
      case .made: "in.h5"
      }
    }
  }

  /// The cases of the source's enumerations that this reaches, as `StreamError.noSuchInput`.
  let cases: [String]
  let input: Input
  /// The text of config.json, which is then given with --config.
  let configuration: [UInt8]?
  let arguments: [String]
  /// The beginning of a line of the shell that calls the program as `"$0"`; nil to call it directly.
  let shell: String?
  /// What happens in the middle of the run, which is one on many layers then.
  let meanwhile: (@Sendable (Program, Process) throws -> Void)?
  let exitCode: Int32
  let line: Line
  /// Whether --json makes the command print the failure as an object.
  let printsJSON: Bool
  /// The files that the run leaves behind all the same.
  let leaves: [String]

  /// - Parameters:
  ///   - arguments: the whole command line; nil for a run from the input to out.h5.
  ///   - options: what comes after the arguments.
  init(
    _ cases: String..., input: Input = .fixture("rank2.h5"), configuration: String? = nil,
    bytes: [UInt8]? = nil, arguments: [String]? = nil, options: [String] = [], shell: String? = nil,
    meanwhile: (@Sendable (Program, Process) throws -> Void)? = nil, printsJSON: Bool? = nil,
    leaves: [String] = [], exitCode: Int32, _ line: String
  ) {
    self.cases = cases
    self.input = input
    self.configuration = bytes ?? configuration.map { Array($0.utf8) }
    self.arguments =
      (arguments ?? ["--in", input.name, "--out", "out.h5"])
      + (self.configuration == nil ? [] : ["--config", "config.json"]) + options
    self.shell = shell
    self.meanwhile = meanwhile
    self.printsJSON = printsJSON ?? (self.arguments.first != "trace")
    self.leaves = leaves
    self.exitCode = exitCode
    self.line = Line("bn-stream: \(line)")
  }

  var testDescription: String { "\(cases.joined(separator: ", ")): \(line)" }

  /// A folder with the input and the configuration.
  func prepare() throws -> Program {
    let program: Program
    switch input {
    case .fixture(let path): program = try Program(path)
    case .made(let make):
      program = try Program()
      try make(program)
    }
    if let configuration { try Data(configuration).write(to: program.folder.appending(path: "config.json")) }
    return program
  }

  /// Runs the command to its end.
  func provoke(_ program: Program, json: Bool) throws -> Program.Result {
    let arguments = arguments + (json ? ["--json"] : [])
    if let shell {
      let quoted = arguments.map { "'\($0.replacingOccurrences(of: "'", with: #"'\''"#))'" }
      return try program.run(shell: "\(shell) \(quoted.joined(separator: " "))")
    }
    guard let meanwhile else { return try program.run(arguments) }
    return try program.run(arguments) { try meanwhile(program, $0) }
  }
}

extension Refusal {
  /// All of them.
  static let all =
    inputFiles + severalInputs + strict + datasets + foreignStorage + values + outputs + running
    + configurationFiles
    + configurationValues
    + syntax
    + usage + optionValues + inspection + explain + report + unprivileged

  /// Those that this build can provoke: a program with a sanitizer does not start where memory or files are limited.
  static let provocable = all.filter { !Sanitizer.isPresent || $0.shell?.contains("ulimit") != true }
}
