import ArgumentParser
import Configuration
import Foundation
import Jobs
import LayerFiles
import Logging
import Parallel

/// `bn-stream run`: the main job.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Normalize every layer of a file, and compute the gradients.")

  @Option(
    name: .customLong("in"), help: ArgumentHelp("HDF5 file with the activations.", valueName: "file"),
    completion: .file())
  var input: String

  @Option(
    name: .customLong("out"), help: ArgumentHelp("HDF5 file to write.", valueName: "file"),
    completion: .file())
  var output: String?

  @OptionGroup(title: "What to compute") var options: RunOptions

  @Flag(help: "Replace an existing output.")
  var force = false

  @Option(help: ArgumentHelp("Show progress on standard error.", valueName: "auto|always|never"))
  var progress: ProgressMode = .auto

  @Flag(help: "Print nothing but errors.")
  var quiet = false

  @Flag(help: "Say on standard error how each layer is read and divided.")
  var verbose = false

  @Flag(help: "Print the summary as one JSON object, also of a run that fails.")
  var json = false

  @Flag(help: "Say what would be done, and write nothing.")
  var dryRun = false

  func validate() throws {
    if input.isEmpty || output?.isEmpty == true { throw ValidationError("A file's name is empty") }
    if output == nil && !dryRun { throw ValidationError("Missing expected argument '--out <file>'") }
  }

  func run() throws {
    var settings: JobConfiguration?
    let cancellation = Signals.cancellation()
    do {
      let configuration = try options.configuration()
      settings = configuration
      let job = Job(
        input: input, output: output, configuration: configuration, replacesOutput: force)
      if let output { try JobPlan.checkOutput(output, of: job) }
      let plan = try JobPlan(job)
      let log = StandardErrorLog.logger(quiet: quiet, verbose: verbose)
      log.warn(plan.warnings)
      if dryRun {
        if !quiet { try Terminal.writeResult(json ? plan.summary.json : PlanText(plan.summary).text) }
        return
      }
      guard let output else { return }
      let summary = try write(plan, to: output, log, cancellation)
      if json {
        try Terminal.writeResult(summary.json)
      } else if !quiet {
        try Terminal.writeResult(SummaryText(summary).text)
      }
    } catch {
      let failure = Failure(error)
      failure.report(asJSON: json, input: input, output: output, configuration: settings)
    }
  }

  private func write(_ plan: JobPlan, to output: String, _ log: Logger, _ cancellation: Cancellation) throws
    -> JobSummary
  {
    let runProgress = JobProgress()
    let display = ProgressDisplay(runProgress, mode: quiet ? .never : progress)
    defer { display.stop() }
    var summary = try Execution(
      plan, progress: runProgress, cancellation: cancellation,
      layerBegins: { log.debug("\($0.path): \($1.words), \($0.activations.sourceWords)") }
    ).write(to: output)
    summary.warnings = plan.warnings.map(\.description)
    return summary
  }
}
