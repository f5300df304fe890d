import ArgumentParser
import Configuration
import Foundation
import Inspection
import Jobs
import LayerFiles

/// `bn-stream verify`: another program's results against this one's.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compare another program's results with what this one computes in float64.",
    discussion: """
      Results lie in groups of the layers' names, or under /expected, by the names of run's output or PyTorch's, as \
      weight.grad. A number may be off by rtol · scale + atol, where scale is what numbers are like in its feature. Default \
      rtol: 1e-9 for float64, 1e-5 for float32, 2^-10 for float16, 2^-7 for bfloat16; integers must be equal.

      Exit codes: 0 if all that was compared agrees, 1 if not, 65 if it cannot be compared. The others are those of run.
      """)

  @Option(
    name: .customLong("in"), help: ArgumentHelp("HDF5 file with the activations.", valueName: "file"),
    completion: .file())
  var input: String

  @Option(
    help: ArgumentHelp("HDF5 file with the other program's results.", valueName: "file"), completion: .file())
  var against: String

  @Option(help: ArgumentHelp("Error allowed, relative to a feature's scale.", valueName: "number"))
  var rtol: Double?

  @Option(help: ArgumentHelp("Error allowed besides (default 0).", valueName: "number"))
  var atol: Double?

  @OptionGroup(title: "What to compute") var options: RunOptions

  @Option(help: ArgumentHelp("Show progress on standard error.", valueName: "auto|always|never"))
  var progress: ProgressMode = .auto

  @Flag(help: "Print nothing but errors; the exit code tells.")
  var quiet = false

  @Flag(help: "Print the report as one JSON object.")
  var json = false

  func validate() throws {
    if input.isEmpty || against.isEmpty { throw ValidationError("A file's name is empty") }
    for (name, value) in [("rtol", rtol), ("atol", atol)] {
      if let value, !(value >= 0 && value.isFinite) {
        throw ValidationError("'--\(name)' is \(value); it must be a finite number of at least 0")
      }
    }
  }

  func run() throws {
    var settings: JobConfiguration?
    let report: VerifyReport
    do {
      let configuration = try options.configuration()
      settings = configuration
      let plan = try JobPlan(
        Job(input: input, output: nil, configuration: configuration, replacesOutput: false))
      let verification = try Verification(plan, against: against, relative: rtol, absolute: atol)
      let log = StandardErrorLog.logger(quiet: quiet, verbose: false)
      log.warn(verification.warnings)
      let runProgress = JobProgress()
      let cancellation = Signals.cancellation()
      let display = ProgressDisplay(runProgress, mode: quiet ? .never : progress)
      defer { display.stop() }
      report = try verification.report(progress: runProgress, cancellation: cancellation)
    } catch {
      Failure(error).report(asJSON: json, input: input, configuration: settings)
    }
    if json {
      try Terminal.writeResult(report.json)
    } else if !quiet {
      try Terminal.writeResult(VerifyText(report).text)
    }
    if !report.agrees { throw ExitCode(1) }
  }
}
