import Foundation
import TestSupport
import Testing

/// What shells offer behind an option: words of which it takes one, or files of its kind.
@Suite(.timeLimit(.minutes(30))) struct CompletionTests {
  /// The program as the argument parser dumps it.
  private struct Dump: Decodable {
    let command: Command
  }
  private struct Command: Decodable {
    let commandName: String
    let arguments: [Argument]?
    let subcommands: [Command]?
  }
  private struct Argument: Decodable {
    let names: [Name]?
    let valueName: String?
    let completionKind: Kind?

    /// What stands for it in the help, without hyphens.
    var name: String { names?.first { $0.kind == "long" }?.name ?? valueName ?? "" }
  }
  private struct Name: Decodable {
    let kind: String
    let name: String
  }
  private struct Kind: Decodable {
    struct Words: Decodable { let values: [String] }
    struct Files: Decodable { let extensions: [String] }
    let list: Words?
    let file: Files?
  }

  private static let words: [String: [String]] = [
    "statistics": ["batch", "running"], "parameters": ["file", "identity"],
    "running-variance": ["unbiased", "biased"], "progress": ["auto", "always", "never"],
    "log-format": ["text", "json"],
    "topic": [
      "adjoints", "identity", "saturation", "bias-drift", "whitening", "landscape", "covariate-shift",
      "percentiles",
    ],
  ]
  /// The ends of the files' names; none where any file may be meant.
  private static let files: [String: [String]] = [
    "config": ["json"], "html": ["html"], "report": ["html"], "golden-arrays": ["npz"], "in": [], "out": [],
    "against": [], "write-golden": [], "prior": [], "file": [], "files": [], "first": [], "second": [],
  ]

  @Test func everyOptionOffersWhatItTakes() throws {
    let text = try Program().run("--experimental-dump-help").output
    let commands = try JSONDecoder().decode(Dump.self, from: Data(text.utf8)).command.subcommands ?? []
    var found: Set<String> = []
    for command in commands where command.commandName != "help" {
      for argument in command.arguments ?? [] {
        let place = "\(command.commandName) \(argument.name)"
        if let words = Self.words[argument.name] {
          #expect(argument.completionKind?.list?.values == words, "\(place)")
        } else if let ends = Self.files[argument.name] {
          let isPage = place == "report out"
          #expect(argument.completionKind?.file?.extensions == (isPage ? ["html"] : ends), "\(place)")
        }
        found.insert(argument.name)
      }
    }
    #expect(found.isSuperset(of: Self.words.keys) && found.isSuperset(of: Self.files.keys))
  }
}
