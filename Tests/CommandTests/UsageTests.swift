import Foundation
import TestSupport
import Testing

/// What the command line may say, and what it may not.
@Suite(.timeLimit(.minutes(30))) struct UsageTests {
  @Test func help() throws {
    let general = try Program().run("--help")
    #expect(general.exitCode == 0)
    #expect(general.output.hasPrefix("OVERVIEW: Batch normalization over HDF5 files larger than memory"))
    #expect(general.output.contains("Exit codes: 0 done, 64 usage, 65 bad input data, 66 no such input"))
    #expect(general.error == "")

    let run = try Program().run("help", "run")
    #expect(run.exitCode == 0)
    for option in [
      "--in", "--out", "--config", "--batch-size", "--statistics", "--epsilon", "--momentum",
      "--feature-axis",
      "--layer", "--threads", "--memory", "--force", "--progress", "--quiet", "--json", "--dry-run",
    ] { #expect(run.output.contains("  \(option) ") || run.output.contains("  \(option)\n"), "\(option)") }
  }

  @Test func version() throws {
    let result = try Program().run("--version")
    #expect(result.exitCode == 0)
    #expect(result.output.range(of: #"^\d+\.\d+\.\d+\n$"#, options: .regularExpression) != nil)
  }

  @Test(arguments: [
    (["--in", "in.h5"], "Missing expected argument '--out <file>'; see bn-stream run --help"),
    (["--out", "out.h5"], "Missing expected argument '--in <file> ...'; see bn-stream run --help"),
    (["--in", "in.h5", "--out", "out.h5", "more"], "Unexpected argument 'more'; see bn-stream run --help"),
    (
      ["--in", "in.h5", "--out", "out.h5", "--batch-sizes", "3"],
      "Unknown option '--batch-sizes'. Did you mean '--batch-size'? See bn-stream run --help"
    ),
    (
      ["--in", "in.h5", "--out", "out.h5", "--batch-size", "0"],
      #"The value '0' is invalid for '--batch-size <N|all>': "0" is not accepted; it must be an integer of at least 1, "#
        + "or all; see bn-stream run --help"
    ),
    (
      ["--in", "in.h5", "--out", "out.h5", "--epsilon", "-1"],
      #"The value '-1' is invalid for '--epsilon <number>': "-1" is not accepted; it must be a finite number of at "#
        + "least 0; see bn-stream run --help"
    ),
    (
      ["--in", "in.h5", "--out", "out.h5", "--momentum", "2"],
      #"The value '2' is invalid for '--momentum <number|none>': "2" is not accepted; it must be a number from 0 to 1, "#
        + "or none for the cumulative average; see bn-stream run --help"
    ),
    (
      ["--in", "in.h5", "--out", "out.h5", "--progress", "often"],
      "The value 'often' is invalid for '--progress <auto|always|never>'. Please provide one of 'auto', 'always' or "
        + "'never'. See bn-stream run --help"
    ),
  ])
  func isRefused(arguments: [String], message: String) throws {
    let program = try Program("rank2.h5")
    expectFailure(try program.run(arguments), 64, message)
    #expect(try program.files == ["rank2.h5"])
  }

  @Test(
    arguments: [
      (
        ["--feature-axis", "2"], 65,
        "rank2.h5: /layer/activations of shape [19, 5] has no feature axis 2; --feature-axis takes 1...1, or -1...-1 "
          + "from the end"
      ),
      (["--layer", "conv*"], 65, "rank2.h5: no layer matches conv*; there is /layer"),
      (["--memory", "1MiB"], 78, nil),
    ] as [([String], Int32, String?)])
  func doesNotSuitTheInput(options: [String], exitCode: Int32, message: String?) throws {
    let program = try Program("rank2.h5")
    let result = try program.run(["--in", "rank2.h5", "--out", "out.h5"] + options)
    if let message {
      expectFailure(result, exitCode, message)
    } else {
      #expect(result.exitCode == exitCode)
      #expect(result.error.contains("of memory, but the limit is 1 MiB; give --memory "))
    }
    #expect(try program.files == ["rank2.h5"])
  }

  /// The memory that the message asks for is enough.
  @Test func theMemoryAskedForSuffices() throws {
    let program = try Program("rank2.h5")
    let refused = try program.run("--in", "rank2.h5", "--out", "out.h5", "--memory", "1MiB")
    let size = try #require(refused.error.split(separator: " ").last?.dropLast())
    #expect(try program.run("--in", "rank2.h5", "--out", "out.h5", "--memory", String(size)).exitCode == 0)
  }
}
