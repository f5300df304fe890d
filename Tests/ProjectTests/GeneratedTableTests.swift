import Configuration
import Foundation
import TestSupport
import Testing

@testable import bn_stream

@Suite("Tables that are made from the program", .timeLimit(.minutes(30)))
struct GeneratedTableTests {
  /// `tools/generate-docs` sets it: the tables are then written instead of compared.
  static let writes = ProcessInfo.processInfo.environment["BN_STREAM_GENERATE_DOCS"] == "1"

  @Test("are as the program is", .serialized, arguments: GeneratedTable.all)
  func table(_ table: GeneratedTable) throws {
    let url = Repository.url.appending(path: table.file)
    let text = try String(contentsOf: url, encoding: .utf8)
    guard let place = table.place(in: text) else {
      Issue.record("\(table.file) has no lines \(table.opening) and \(GeneratedTable.closing)")
      return
    }
    if Self.writes {
      try text.replacingCharacters(in: place, with: table.markdown)
        .write(to: url, atomically: true, encoding: .utf8)
    } else {
      #expect(
        text[place] == table.markdown,
        "the table \(table.name) in \(table.file) is stale; run tools/generate-docs")
    }
  }

  @Test("no document holds a generated table that nobody makes")
  func orphans() throws {
    for file in Project.documents {
      for match in try file.text.matches(of: #/<!-- generated: (.*) -->/#) {
        #expect(
          GeneratedTable.all.contains { $0.file == file.path && $0.name == match.1 },
          "\(file.path): \(match.1)")
      }
    }
  }

  @Test("every option of what to compute overrides a key, and every key with an option has it")
  func optionsAndKeys() throws {
    let keys = Set(JobConfiguration.Key.allCases.compactMap(\.option))
    let run = try #require(CommandDescription.program.subcommand("run"))
    #expect(keys.isSubset(of: run.options))
    for name in ["trace", "check", "verify", "explain"] {
      let shared = try #require(CommandDescription.program.subcommand(name)).options
      #expect(keys.isSubset(of: shared), "\(name)")
    }
    let own: Set = [
      "--in", "--out", "--config", "--force", "--progress", "--quiet", "--verbose", "--json", "--dry-run",
      "--resume", "--wait", "--shard", "--log-format",
      "--help", "--version", "--diagnose", "--quantiles", "--report", "--histograms",
      "--ignore-batch-offsets",
    ]
    #expect(run.options.subtracting(own) == keys)
  }

  @Test("a default that the help names is that of the key")
  func defaults() throws {
    for argument in try #require(CommandDescription.program.subcommand("run")).arguments ?? [] {
      guard let key = JobConfiguration.Key.allCases.first(where: { $0.option == argument.option }),
        let named = argument.namedDefault
      else { continue }
      #expect(named == key.defaultWords)
    }
    #expect(
      try Epsilon(parsing: JobConfiguration.Key.epsilon.defaultWords) == JobConfiguration.defaultEpsilon)
    #expect(
      try Momentum(parsing: JobConfiguration.Key.momentum.defaultWords) == JobConfiguration.defaultMomentum)
    #expect(
      try BatchSize(parsing: JobConfiguration.Key.batchSize.defaultWords) == JobConfiguration.defaultBatchSize
    )
  }

  @Test("every exit code has words, and the program's help names it")
  func exitCodes() {
    for status in ExitStatus.allCases {
      #expect(!status.words.short.isEmpty && !status.words.sentence.isEmpty)
      #expect(
        BNStream.helpMessage().replacing(#/\s+/#, with: " ").contains(
          "\(status.rawValue) \(status.words.short)"))
    }
  }
}
