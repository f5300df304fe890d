import ArgumentParser
import Configuration
import FileNames
import Jobs

/// `bn-stream run`: the main job.
struct RunCommand: JobCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Normalize every layer of a file, and compute the gradients.")

  @OptionGroup var source: InputOption
  @OptionGroup var target: OutputOption
  @OptionGroup(title: "What to compute") var compute: ComputeOptions

  @Flag(help: "Also write what the gradient and the batches are like, under diagnostics/.")
  var diagnose = false

  @OptionGroup var force: ForceFlag
  @OptionGroup var progress: ProgressOption
  @OptionGroup var silence: QuietFlag

  @Flag(help: "Say on standard error how each layer is read and divided.")
  var verbose = false

  @OptionGroup var json: JSONFlag

  @Flag(help: "Say what would be done, and write nothing.")
  var dryRun = false

  var output: String? { target.output }
  var replacesOutput: Bool { force.replacesOutput }
  var moreOutputs: Set<OutputTensor> { diagnose ? [.diagnostics] : [] }
  var printsJSON: Bool { json.isSet }
  var isVerbose: Bool { verbose }
  var progressMode: ProgressMode { dryRun ? .never : progress.mode }

  func validate() throws { try target.require(unless: dryRun) }

  func work(on plan: JobPlan) -> CommandWork {
    CommandWork(warnings: plan.warnings) { context in
      guard let output, !dryRun else {
        let summary = try plan.summary()
        return CommandResult(text: PlanText(summary).text, json: summary.json)
      }
      var summary = try Execution(
        plan, progress: context.progress, cancellation: context.cancellation,
        layerBegins: {
          context.log.debug("\($0.path): \($1.words), \($0.activations.sourceWords)")
        }
      ).write(to: output)
      summary.warnings = plan.warnings.map(\.description)
      return CommandResult(text: SummaryText(summary).text, json: summary.json)
    }
  }
}
