import ArgumentParser
import Configuration
import FileNames
import Foundation
import Jobs
import LayerFiles
import Report

/// `bn-stream run`: the main job.
struct RunCommand: JobCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Normalize every layer of a file, and compute the gradients.")

  @OptionGroup var source: InputOption
  @OptionGroup var target: OutputOption
  @OptionGroup(title: "What to compute") var compute: ComputeOptions

  @Flag(help: "Also write what the gradient and the batches are like, under diagnostics/.")
  var diagnose = false

  @Flag(
    help:
      "Also write how the values are distributed before and after, under histograms/; reads the activations twice more."
  )
  var histograms = false

  @Option(
    help: ArgumentHelp(
      "Also write exact quantiles of each feature, in percent; reads the activations 3 or 6 times more.",
      valueName: "percents"),
    transform: { try Percents(parsing: $0) })
  var quantiles: Percents?

  @Option(
    name: .customLong("report"),
    help: ArgumentHelp(
      "Also write a page in HTML that says what is wrong with which layer.", valueName: "page"),
    completion: .file(extensions: ["html"]))
  var page: String?

  @OptionGroup var force: ForceFlag
  @OptionGroup var progress: ProgressOption
  @OptionGroup var silence: QuietFlag
  @OptionGroup var log: LogFormatOption

  @Flag(help: "Say on standard error how each layer is read and divided.")
  var verbose = false

  @OptionGroup var json: JSONFlag

  @Flag(
    help:
      "Be content with an output that the same job has finished, so that one command line can be repeated.")
  var resume = false

  @Option(
    help: ArgumentHelp(
      "Do one part of a job that N processes do: shard I of N, from 0; auto takes it from Slurm or MPI.",
      valueName: "I/N"),
    transform: { try ShardChoice(parsing: $0) })
  var shard: ShardChoice?

  @Flag(help: "Of a shard: wait for other processes where it cannot go on without them.")
  var wait = false

  @Flag(help: "Say what would be done, and write nothing.")
  var dryRun = false

  var output: String? { target.output }
  var otherOutputs: [String] { [page].compactMap(\.self) }
  var replacesOutput: Bool { force.replacesOutput }
  var moreOutputs: Set<OutputTensor> {
    Set((diagnose ? [.diagnostics] : []) + (histograms ? [.histograms] : []))
  }
  var quantilesWanted: Percents? { quantiles }
  var printsJSON: Bool { json.isSet }
  var isVerbose: Bool { verbose }
  var progressMode: ProgressMode { dryRun ? .never : progress.mode }

  func validate() throws {
    try target.require(unless: dryRun)
    try checkPage(page, "--report", beside: output)
    if page != nil && dryRun {
      throw ValidationError("'--report' is of results, and '--dry-run' writes none; leave one of them out")
    }
    if resume && replacesOutput {
      throw ValidationError(
        "'--resume' goes on with what is there, '--force' starts over; give one of them")
    }
    if shard != nil && replacesOutput {
      throw ValidationError(
        "'--force' starts over, and another shard may have begun; remove the output, or the folder of the unfinished one"
      )
    }
    if wait && shard == nil {
      throw ValidationError("'--wait' is for a job in shards; give --shard, or leave it out")
    }
    if shard == .automatic, Self.shardOfLauncher == nil {
      throw ValidationError(
        "'--shard auto' finds nothing of Slurm or MPI in the environment that says which; give --shard I/N")
    }
  }

  func work(with configuration: JobConfiguration) throws -> CommandWork {
    let inputs = try source.files()
    if let page { try OutputFile.check(path: page, inputs: inputs, replaces: replacesOutput || resume) }
    var job = Job(
      inputs: inputs, output: output, configuration: configuration, replacesOutput: replacesOutput)
    job.shard =
      switch shard {
      case .given(let shard): shard
      case .automatic: Self.shardOfLauncher
      case nil: nil
      }
    job.waits = wait
    guard resume, let output else {
      if let output { try JobPlan.checkOutput(output, of: job) }
      return try work(on: JobPlan(job))
    }
    let plan = try JobPlan(job)
    guard try plan.isFinished(output) else {
      try JobPlan.checkOutput(output, of: job)
      return work(on: plan)
    }
    return CommandWork(warnings: []) { try finished(plan, output, $0) }
  }

  /// Is content with an output that the same job has finished.
  private func finished(
    _ plan: JobPlan, _ output: String, _ context: CommandContext
  ) throws -> CommandResult {
    if !dryRun { plan.removeLeftover(of: output) }
    try writeReport(of: output, [], context)
    var summary = JobSummary(
      status: .done, version: programVersion, input: plan.job.input, output: output,
      configuration: plan.job.configuration)
    summary.inputs = plan.job.severalInputs
    return CommandResult(
      text: "\(output) is finished already, by the same job; nothing was done.", json: summary.json)
  }

  func work(on plan: JobPlan) -> CommandWork {
    CommandWork(warnings: plan.warnings) { context in
      guard let output, !dryRun else {
        let summary = try plan.summary()
        return CommandResult(text: PlanText(summary).text, json: summary.json)
      }
      var execution = Execution(
        plan, progress: context.progress, cancellation: context.cancellation,
        layerBegins: {
          context.display.begin($0.path, of: plan.layers.map(\.path))
          context.log.debug(
            "\($1.words), \($0.activations.sourceWords)", metadata: ["layer": .string($0.path)])
        })
      execution.layerEnds = { layer, _ in
        let (bytes, seconds) = context.display.end()
        context.log.info(
          "done in \(String(format: "%.2f", seconds)) s",
          metadata: [
            "layer": .string(layer.path), "seconds": .stringConvertible(seconds),
            "bytes": .stringConvertible(bytes),
          ])
      }
      if let interval = Self.recordInterval { execution.recordInterval = interval }
      execution.continues = { continuation in
        context.display.goOn(from: continuation.share)
        for layer in continuation.damaged {
          context.log.warning(
            "\(continuation.folder): something of \(layer) is not as it was written, and is computed again",
            metadata: ["layers": [.string(layer)]])
        }
        context.log.notice("\(continuation.words)")
      }
      execution.keeps = {
        context.log.notice("what is finished is in \($0); run the same command to go on")
      }
      var summary: JobSummary
      do {
        summary = try execution.write(to: output)
      } catch StreamError.outputExists where resume && (try? plan.isFinished(output)) == true {
        // Another process has finished it meanwhile, as of a job in shards.
        return try finished(plan, output, context)
      }
      summary.warnings = plan.warnings.map(\.description)
      // Of a job in shards by whoever finishes it.
      if summary.shard == nil || !summary.layers.isEmpty {
        try writeReport(of: output, summary.layers, context)
      }
      return CommandResult(text: SummaryText(summary).text, json: summary.json)
    }
  }

  /// The page of the results, if it is asked for.
  ///
  /// - Parameter layers: what this run did; empty if an earlier one did all.
  private func writeReport(
    of output: String, _ layers: [LayerSummary], _ context: CommandContext
  ) throws {
    guard let page else { return }
    let report = try ResultReport(ResultFile(path: output)) { _ in try context.cancellation.check() }
    var seconds: [[UInt8]: Double] = [:]
    for layer in layers { seconds[Array(layer.path.utf8)] = layer.seconds }
    try OutputFile.write(
      Array(ReportPage(report, words: FindingWords(), seconds: seconds).html.utf8), to: page,
      inputs: [output],
      replaces: replacesOutput || resume)
  }

  private static var shardOfLauncher: Shard? { Shard(environment: ProcessInfo.processInfo.environment) }

  /// `BN_STREAM_RECORD_SECONDS`: how often what is finished is written down, for who tests what an interruption leaves.
  private static var recordInterval: Duration? {
    guard let text = getenv("BN_STREAM_RECORD_SECONDS"), let seconds = Double(String(cString: text)),
      (0...3600).contains(seconds)
    else { return nil }
    return .seconds(seconds)
  }
}
