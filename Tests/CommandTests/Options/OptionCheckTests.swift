import Foundation
import TestSupport
import Testing

@testable import bn_stream

/// Options that are misspelt, called as other programs call them, or given more than once.
@Suite(.timeLimit(.minutes(30))) struct OptionCheckTests {
  @Test(arguments: [
    ("--input", "--in"), ("--output", "--out"), ("-o", "--out"), ("-i", "--in"), ("--In", "--in"),
    ("-in", "--in"),
    ("--eps", "--epsilon"), ("--epsilom", "--epsilon"), ("--axis", "--feature-axis"),
    ("--feature_axis", "--feature-axis"), ("--channel-axis", "--feature-axis"),
    ("--batchsize", "--batch-size"),
    ("--size", "--batch-size"), ("--num-threads", "--threads"), ("--cpus", "--threads"),
    ("--thread", "--threads"),
    ("--mem", "--memory"), ("--memory-limit", "--memory"), ("--layers", "--layer"),
    ("--overwrite", "--force"),
    ("--dryrun", "--dry-run"), ("--statistic", "--statistics"), ("--config-file", "--config"),
  ])
  func suggestsWhatIsMeant(given: String, meant: String) throws {
    #expect(try #require(OptionCheck(of: "run")).nearest(to: given) == meant)
  }

  /// What other programs call them, in a letter or a word.
  static let calledElsewhere: [(String, String)] = [
    ("-b", "--batch-size"), ("-c", "--config"), ("-f", "--force"), ("-j", "--threads"), ("-m", "--memory"),
    ("-n", "--dry-run"), ("-q", "--quiet"), ("-t", "--threads"), ("-v", "--verbose"),
    ("--bs", "--batch-size"), ("--cfg", "--config"), ("--settings", "--config"), ("--plan", "--dry-run"),
    ("--dim", "--feature-axis"), ("--channels", "--feature-axis"), ("--jobs", "--threads"),
    ("--cores", "--threads"), ("--workers", "--threads"), ("--nproc", "--threads"), ("--ram", "--memory"),
    ("--silent", "--quiet"), ("--group", "--layer"), ("--select", "--layer"), ("--infile", "--in"),
    ("--outfile", "--out"),
  ]

  @Test(arguments: calledElsewhere) func suggestsWhatOtherProgramsMean(given: String, meant: String) throws {
    #expect(try #require(OptionCheck(of: "run")).nearest(to: given) == meant)
  }

  @Test(arguments: ["--wholly-else", "--x", "-z", "--", "--learning-rate", "--color"])
  func suggestsNothingWhereNothingIsNear(given: String) throws {
    #expect(try #require(OptionCheck(of: "run")).nearest(to: given) == nil)
  }

  @Test func otherProgramsNamesLeadSomewhere() {
    let options = CommandDescription.program.options
    for (name, option) in OptionCheck.otherNames {
      #expect(options.contains("--\(option)"), "\(name)")
      #expect(!options.contains("--\(name)"), "\(name)")
    }
  }

  /// Every option of every command that takes one value: the second is neither taken nor passed over.
  @Test func refusesASecondValue() throws {
    var count = 0
    for command in try ProgramHelp().commands {
      let check = try #require(OptionCheck(of: command.name))
      for option in command.options where option.takesValue {
        let name = "--\(option.name)"
        let lines = [
          [name, "1", name, "2"], ["\(name)=1", "\(name)=1"], [name, "1", "--quiet", "\(name)=2"],
        ]
        for line in lines {
          #expect(OptionCheck.isWorthwhile(line))
          if option.name == "layer" || option.name == "in" && command.name != "explain" {
            #expect(throws: Never.self) { try check.check(line) }
            continue
          }
          let error = #expect(throws: (any Error).self) { try check.check(line) }
          let message =
            "'\(name)' is given more than once, but takes one value; leave out all but one"
          #expect(error.map { BNStream.message(for: $0) } == message)
          count += 1
        }
      }
    }
    #expect(count > 100)
  }

  /// Of two options that stand twice the first to do so is named, and before both one that does not exist.
  @Test(
    arguments: [
      (["--in", "a", "--epsilon", "1", "--memory", "1", "--memory", "2", "--epsilon", "2"], "--memory"),
      (["--epsilon", "1", "--epsilon", "2", "--memory=1", "--memory=2"], "--epsilon"),
      (["--epsilon", "1", "--epsilon", "2", "--wholly-else"], nil),
    ] as [([String], String?)])
  func namesWhatIsWrongFirst(arguments: [String], repeated: String?) throws {
    let check = try #require(OptionCheck(of: "run"))
    let error = #expect(throws: (any Error).self) { try check.check(arguments) }
    let message =
      repeated.map { "'\($0)' is given more than once, but takes one value; leave out all but one" }
      ?? "Unknown option '--wholly-else'"
    #expect(error.map { BNStream.message(for: $0) } == message)
  }

  /// A value that looks like an option is none, and neither is what follows two hyphens.
  @Test(arguments: [
    ["--epsilon", "--in", "--in", "a"], ["--in", "a", "--feature-axis", "-1"], ["--quiet", "--quiet"],
    ["--in=a", "--", "--in", "--no-such"], ["--momentum", "-1e-3"], ["-h"], ["--layer", "a", "--layer", "a"],
  ])
  func takesTheRestAsItIs(arguments: [String]) throws {
    let check = try #require(OptionCheck(of: "run"))
    #expect(throws: Never.self) { try check.check(arguments) }
  }

  /// Help is wanted most where the rest of the line is wrong.
  @Test(arguments: [
    ["--help"], ["check", "--no-such", "--help"], ["--in", "a", "--in", "b", "--help"], ["--version"],
  ])
  func helpComesFirst(arguments: [String]) throws {
    let result = try Program().run(arguments)
    #expect(result.exitCode == 0)
    #expect(result.error == "")
  }
}
