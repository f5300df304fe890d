import ArgumentParser
import Configuration
import FileNames
import LayerFiles

/// The program: its subcommands, of which `run` is the default.
@main
struct BNStream: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bn-stream",
    abstract:
      "Batch normalization over HDF5 files larger than memory: exact, and the same bits on any number of threads.",
    discussion: """
      Reads each layer's `activations` and `grad_output` in mini-batches, computes per-feature statistics, normalized \
      activations and gradients, and writes them to a new file with the same groups.

      The options are those of `run`, the default: see bn-stream run --help. With --verbose, --version says which build this is \
      and what it found here: the commit, libraries, the processor.

      \(ExitStatus.helpText)
      """,
    version: programVersion,
    subcommands: [
      RunCommand.self, InspectCommand.self, TraceCommand.self, CheckCommand.self, VerifyCommand.self,
      ExplainCommand.self, ReportCommand.self, CompareCommand.self, MergeCommand.self,
    ],
    defaultSubcommand: RunCommand.self)

  private static var subcommandNames: [String] {
    configuration.subcommands.compactMap { $0.configuration.commandName }
  }

  /// The subcommand that was called.
  private static var subcommand: any ParsableCommand.Type {
    let first = CommandLine.fileNameArguments.dropFirst().first
    return configuration.subcommands.first { $0.configuration.commandName == first } ?? RunCommand.self
  }

  /// The name of the subcommand that was called.
  private static var subcommandName: String { subcommand._commandName }

  /// Refuses a first argument that is neither an option nor a subcommand: the parser would take it for one too many of
  /// `run`, and complain of something else.
  private static func checkSubcommand() throws {
    guard let first = CommandLine.fileNameArguments.dropFirst().first, !first.hasPrefix("-"), first != "help",
      !subcommandNames.contains(first)
    else { return }
    let nearest = Spelling.nearest(to: first, in: subcommandNames)
    throw ValidationError(
      "There is no subcommand '\(first)'; "
        + (nearest.map { "did you mean '\($0)'?" } ?? "a file is given with --in"))
  }

  /// The command that the arguments ask for.
  private static func parsed(_ arguments: [String]) throws -> any ParsableCommand {
    try checkSubcommand()
    let own = Array(arguments.first == subcommandName ? arguments.dropFirst() : arguments[...])
    let result = Result { try taken(own) ?? parseAsRoot(arguments) }
    switch result {
    case .failure(let error):
      if exitCode(for: error) == .success { throw error }
    case .success(let command):
      // Help is a command, too, and is wanted whatever else the line says.
      let isOurs = configuration.subcommands.contains { $0 == type(of: command) }
      if !isOurs || !OptionCheck.isWorthwhile(arguments) { return command }
    }
    try OptionCheck(of: subcommandName)?.check(own)
    return try result.get()
  }

  /// The subcommand with its own arguments, or nil for a line that it does not take, or that asks for help.
  ///
  /// From the root the parser looks through the options of the default subcommand, too, and several times: as long as all the
  /// rest of a start takes. What it has to say of a line is in the words of the whole program only from there.
  private static func taken(_ own: [String]) -> (any ParsableCommand)? {
    guard let command = try? subcommand.parseAsRoot(own), type(of: command) == subcommand else { return nil }
    return command
  }

  /// What the parser has to say, but for the version with everything that belongs to it, where `--verbose` asks for that.
  private static func answer(_ message: String) -> String {
    let arguments = CommandLine.arguments
    guard message == programVersion, arguments.contains("--verbose") else { return message }
    return arguments.contains("--json") ? ProgramFacts().json : ProgramFacts().text
  }

  static func main() { Supervisor.watch { BNStream.start() } }

  private static func start() {
    ProcessSetup.prepare()
    do {
      var command = try parsed(Array(CommandLine.fileNameArguments.dropFirst()))
      try command.run()
    } catch  where exitCode(for: error) == .success {
      // Help, the version, a script for a shell: asked for, and printed as any result is.
      do { try Terminal.writeResult(answer(fullMessage(for: error))) } catch {
        Failure(error).report(asJSON: false)
      }
    } catch {
      // The parser's own message is the error and a page of usage; a user needs one line.
      let message = message(for: error).split(separator: "\n").joined(separator: " ")
      let help = "bn-stream \(subcommandName) --help"
      let hint = ".?".contains(message.last ?? " ") ? " See \(help)" : "; see \(help)"
      Failure(message: message + hint, status: .usage)
        .report(asJSON: CommandLine.fileNameArguments.contains("--json"))
    }
  }
}
