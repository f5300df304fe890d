import ArgumentParser
import Configuration

/// Finds options that do not exist, and those that stand twice though they take one value.
///
/// The parser takes the last of several values without a word. Of an option that it does not know it speaks only where
/// nothing else is wrong, so that it complains of a missing `--in` where somebody wrote `--input`.
struct OptionCheck {
  let command: CommandDescription
  let program: CommandDescription

  /// - Parameter command: a subcommand's name.
  init?(of command: String, in program: CommandDescription = .program) {
    guard let description = program.subcommand(command) else { return nil }
    self.command = description
    self.program = program
  }

  /// False if there is surely nothing to find for ``check(_:)`` in a line that the parser took.
  static func isWorthwhile(_ arguments: [String]) -> Bool {
    let names = arguments.filter { $0.hasPrefix("--") }.map { $0.prefix { $0 != "=" } }
    return Set(names).count < names.count
  }

  /// Looks at what follows the subcommand.
  /// - Throws: `ValidationError` for the first unknown option, or else for the first that stands twice.
  func check(_ arguments: some Sequence<String>) throws {
    var seen: Set<String> = []
    var repeated: String?
    var rest = Array(arguments)[...]
    while let word = rest.popFirst(), word != "--" {
      guard word.count > 1, word.hasPrefix("-"), Double(word) == nil else { continue }
      let name = String(word.prefix { $0 != "=" })
      guard let argument = command.argument(name) else {
        throw ValidationError("Unknown option '\(name)'\(advice(for: name))")
      }
      guard argument.takesValue else { continue }
      if !argument.isRepeating, !seen.insert(name).inserted { repeated = repeated ?? name }
      if name == word, let next = rest.first, argument.takesAnything || !next.hasPrefix("-") {
        rest.removeFirst()
      }
    }
    if let repeated {
      throw ValidationError(
        "'\(repeated)' is given more than once, but takes one value; leave out all but one")
    }
  }

  private func advice(for name: String) -> String {
    if let nearest = nearest(to: name) { return ". Did you mean '\(nearest)'?" }
    let owners = (program.subcommands ?? []).filter { $0.argument(name) != nil }
    guard let owner = owners.first(where: { $0.commandName != "help" }) else { return "" }
    return "; it is one of bn-stream \(owner.commandName)"
  }

  /// The option that was probably meant: one that other programs call so, one spelt much alike, or one that has the name, or
  /// is it, among its words.
  func nearest(to name: String) -> String? {
    let options = (command.arguments ?? []).compactMap(\.option).map { String($0.dropFirst(2)) }
    let bare = String(name.drop { $0 == "-" }).lowercased().replacing("_", with: "-")
    func words(_ name: String) -> [Substring] { name.split(separator: "-") }
    let found =
      Self.otherNames[bare].flatMap { options.contains($0) ? $0 : nil }
      ?? Spelling.nearest(to: bare, in: options)
      ?? options.first { words($0).contains(bare[...]) || words(bare).contains($0[...]) }
    return found.map { "--\($0)" }
  }

  /// What other programs call these options. Not here is what is spelt nearly so.
  static let otherNames: [String: String] = [
    "i": "in", "input": "in", "infile": "in", "input-file": "in", "file": "in",
    "o": "out", "output": "out", "outfile": "out", "output-file": "out",
    "c": "config", "cfg": "config", "settings": "config",
    "b": "batch-size", "bs": "batch-size", "n": "dry-run", "plan": "dry-run",
    "dim": "feature-axis", "channel-axis": "feature-axis", "channels": "feature-axis",
    "j": "threads", "t": "threads", "jobs": "threads", "cpus": "threads", "cores": "threads",
    "workers": "threads", "nproc": "threads", "m": "memory", "ram": "memory",
    "f": "force", "overwrite": "force", "q": "quiet", "silent": "quiet", "v": "verbose",
    "group": "layer", "select": "layer", "expected": "against", "reference": "against",
  ]
}
