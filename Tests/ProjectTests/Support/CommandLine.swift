import Foundation

@testable import bn_stream

/// What the program's options are, from their own declarations.
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

    /// `--batch-size`
    var option: String? { names?.first { $0.kind == "long" }.map { "--\($0.name)" } }
    /// `--batch-size <N|all>`
    var usage: String? {
      guard let option else { return nil }
      return kind == "option" ? "\(option) <\(valueName ?? "")>" : option
    }
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

  /// The options of this command and of its subcommands.
  var options: Set<String> {
    Set((arguments ?? []).compactMap(\.option)).union((subcommands ?? []).flatMap(\.options))
  }
}
