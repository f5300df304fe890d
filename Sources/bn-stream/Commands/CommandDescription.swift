import Foundation

/// A command's options, from their own declarations: what the argument parser dumps for `--experimental-dump-help`.
///
/// The parser finds options as it reads them, and has no list to ask. The dump takes some milliseconds, so it is made only
/// where something is wrong.
struct CommandDescription: Decodable, Sendable {
  let commandName: String
  let arguments: [Argument]?
  let subcommands: [CommandDescription]?

  struct Argument: Decodable, Sendable {
    struct Name: Decodable, Sendable {
      let kind: String
      let name: String
    }
    let names: [Name]?
    let valueName: String?
    let defaultValue: String?
    let abstract: String?
    let kind: String
    let isRepeating: Bool
    let parsingStrategy: String

    /// `--batch-size`
    var option: String? { names?.first { $0.kind == "long" }.map { "--\($0.name)" } }
    /// `-h`
    var shortOption: String? { names?.first { $0.kind == "short" }.map { "-\($0.name)" } }
    /// `--batch-size <N|all>`
    var usage: String? {
      guard let option else { return nil }
      return takesValue ? "\(option) <\(valueName ?? "")>" : option
    }
    var takesValue: Bool { kind == "option" }
    /// True if the value may look like an option, as -1 does.
    var takesAnything: Bool { parsingStrategy == "unconditional" }
    /// The sentence of the help, without the default that it names.
    var meaning: String {
      (abstract ?? "").replacing(#/ \(default:? [^)]*\)/#, with: "")
    }
    /// The default that the help names.
    var namedDefault: String? {
      (abstract ?? "").firstMatch(of: #/\(default:? ([^)]*)\)/#).map { String($0.1) }
    }
  }

  /// The program, as the parser describes it.
  static let program: CommandDescription = {
    struct Document: Decodable { let command: CommandDescription }
    let json: String
    do {
      _ = try BNStream.parseAsRoot(["--experimental-dump-help"])
      json = ""
    } catch {
      json = BNStream.fullMessage(for: error)
    }
    do {
      return try JSONDecoder().decode(Document.self, from: Data(json.utf8)).command
    } catch {
      preconditionFailure("the parser's description cannot be read: \(error)")
    }
  }()

  func subcommand(_ name: String) -> CommandDescription? { subcommands?.first { $0.commandName == name } }

  /// The argument with this name, long or short.
  func argument(_ name: String) -> Argument? {
    arguments?.first { $0.option == name || $0.shortOption == name }
  }

  /// The options of this command and of its subcommands.
  var options: Set<String> {
    Set((arguments ?? []).compactMap(\.option)).union((subcommands ?? []).flatMap(\.options))
  }
}
