import Foundation
import TestSupport

/// What the program says of its own commands and options: what `--help` prints, as the argument parser dumps it.
struct ProgramHelp: Sendable {
  /// A subcommand.
  struct Command: Decodable, Sendable {
    let name: String
    let options: [Option]
    let subcommands: [Command]

    private enum CodingKeys: String, CodingKey {
      case name = "commandName"
      case options = "arguments"
      case subcommands
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      name = try container.decode(String.self, forKey: .name)
      // Arguments without a name are no options.
      options = (try container.decodeIfPresent([Option].self, forKey: .options) ?? []).filter {
        !$0.name.isEmpty
      }
      subcommands = try container.decodeIfPresent([Command].self, forKey: .subcommands) ?? []
    }
  }

  /// An option or a flag.
  struct Option: Decodable, Sendable {
    private struct Name: Decodable {
      let kind: String
      let name: String
    }

    /// Without its hyphens.
    let name: String
    let takesValue: Bool
    /// What its value is called in the help.
    let valueName: String?

    private enum CodingKeys: String, CodingKey {
      case kind, names, valueName
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      let names = try container.decodeIfPresent([Name].self, forKey: .names) ?? []
      name = names.first { $0.kind == "long" }?.name ?? ""
      takesValue = try container.decode(String.self, forKey: .kind) == "option"
      valueName = try container.decodeIfPresent(String.self, forKey: .valueName)
    }
  }

  /// The subcommands, without `help`.
  let commands: [Command]

  /// Asks the program.
  init() throws {
    struct Dump: Decodable { let command: Command }
    let text = try Program().run("--experimental-dump-help").output
    commands = try JSONDecoder().decode(Dump.self, from: Data(text.utf8)).command.subcommands
      .filter { $0.name != "help" }
  }
}
