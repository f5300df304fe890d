import ArgumentParser
import Configuration
import Foundation
import Inspection
import Jobs
import LayerFiles

/// `bn-stream check`: the program proves itself on a user's own data.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract:
      "Compare the program's kernels with the computational graph, and the graph with finite differences.",
    discussion: """
      Of each layer at most four batches are checked, of a very large batch or layer only the first samples or some of the \
      features; what was checked is said. Finite differences are compared at sampled coordinates of x, gamma and beta.

      Exit codes: 0 if all layers passed; 1 if a layer failed, or if its data cannot prove anything, as with a uniform \
      upstream gradient. The others are those of run.
      """)

  @Option(
    name: .customLong("in"), help: ArgumentHelp("HDF5 file with the activations.", valueName: "file"),
    completion: .file())
  var input: String

  @Option(
    help: ArgumentHelp(
      "Coordinates of x, and of gamma and beta, to compare with finite differences in each layer (default 64).",
      valueName: "count"))
  var samples: Int?

  @Option(
    help: ArgumentHelp(
      "The largest relative error allowed; what is rounded to float32 is allowed 2^-23 more.",
      valueName: "number"))
  var tolerance: Double = Check.defaultTolerance

  @OptionGroup(title: "What to compute") var options: RunOptions

  @Flag(help: "Print nothing but errors; the exit code tells.")
  var quiet = false

  @Flag(help: "Print the report as one JSON object.")
  var json = false

  func validate() throws {
    if input.isEmpty { throw ValidationError("A file's name is empty") }
    if let samples, samples < 1 { throw ValidationError("'--samples' is \(samples); it must be at least 1") }
    guard tolerance >= 0, tolerance.isFinite else {
      throw ValidationError("'--tolerance' is \(tolerance); it must be a finite number of at least 0")
    }
  }

  func run() throws {
    var settings: JobConfiguration?
    let report: CheckReport
    do {
      let configuration = try options.configuration()
      settings = configuration
      let plan = try JobPlan(
        Job(input: input, output: nil, configuration: configuration, replacesOutput: false))
      let log = StandardErrorLog.logger(quiet: quiet, verbose: false)
      log.warn(plan.warnings)
      report = try Check(
        plan, coordinates: samples, tolerance: tolerance, cancellation: Signals.cancellation()
      ).report()
    } catch {
      Failure(error).report(asJSON: json, input: input, configuration: settings)
    }
    if json {
      try Terminal.writeResult(report.json)
    } else if !quiet {
      try Terminal.writeResult(CheckText(report).text)
    }
    if report.verdict != .passed { throw ExitCode(1) }
  }
}
