import ArgumentParser
import Configuration
import Explain
import Jobs
import LayerFiles

/// `bn-stream explain`: why batch normalization works, shown on a user's own data.
struct ExplainCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Show why batch normalization works, by an experiment on your own data.",
    discussion: """
      Without a topic the topics are listed. Without --in the experiment runs on a sample that is in the program: 1,797 handwritten \
      digits. Topics that train small networks take the classes of the samples from the layer's dataset `labels`.

      The exit code is 0 whether the statement held or not; the last line, and "verdict" in the JSON, say it. The other codes are \
      those of run.
      """)

  @Argument(
    help: ArgumentHelp(
      "What to explain: \(Topic.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "topic"),
    completion: .values(of: Topic.self),
    transform: { text in
      guard let topic = Topic(rawValue: text) else {
        let names = Topic.allCases.map(\.rawValue)
        throw ValidationError(
          "There is no topic '\(text)'; "
            + (Spelling.nearest(to: text, in: names).map { "did you mean '\($0)'?" }
              ?? "there are \(names.joined(separator: ", "))"))
      }
      return topic
    })
  var topic: Topic?

  @Option(
    name: .customLong("in"),
    help: ArgumentHelp("HDF5 file with the activations (default: the sample).", valueName: "file"),
    completion: .file())
  var input: String?

  @OptionGroup var target: OutputOption

  @Option(
    help: ArgumentHelp("Number of the batch, from 0, for topics that are about one.", valueName: "number"))
  var batch = 0

  @Option(
    help: ArgumentHelp("Steps of topics that train networks (default: the topic's own).", valueName: "count"))
  var steps: Int?

  @Option(
    help: ArgumentHelp(
      "Learning rate of topics that train networks (default: the topic's own).", valueName: "number"))
  var learningRate: Double?

  @Option(
    name: .customLong("html"), help: ArgumentHelp("Page with pictures to write.", valueName: "page"),
    completion: .file(extensions: ["html"]))
  var page: String?

  @OptionGroup(title: "What to compute") var compute: ComputeOptions
  @OptionGroup var force: ForceFlag
  @OptionGroup var progress: ProgressOption
  @OptionGroup var silence: QuietFlag
  @OptionGroup var json: JSONFlag

  var output: String? { target.output }
  var otherOutputs: [String] { [page].compactMap(\.self) }
  var replacesOutput: Bool { force.replacesOutput }
  var printsJSON: Bool { json.isSet }
  var progressMode: ProgressMode { progress.mode }

  func validate() throws {
    if let input { try checkName(input) }
    try checkPage(page, "--html", beside: output)
    if batch < 0 { throw ValidationError("'--batch' is \(batch); batches count from 0") }
    if let steps, !(1...1_000_000).contains(steps) {
      throw ValidationError("'--steps' is \(steps); it must be from 1 to 1000000")
    }
    if let learningRate, !(learningRate > 0 && learningRate.isFinite) {
      throw ValidationError("'--learning-rate' is \(learningRate); it must be a finite number above 0")
    }
    if topic == nil, input != nil || output != nil || page != nil {
      throw ValidationError(
        "A topic is missing; there are \(Topic.allCases.map(\.rawValue).joined(separator: ", "))")
    }
  }

  func work(with configuration: JobConfiguration) throws -> CommandWork {
    guard let topic else {
      return CommandWork(warnings: []) { _ in
        CommandResult(text: ExplanationText.topics, json: ExplanationText.topicsAsJSON)
      }
    }
    var opened: JobPlan?
    if let input { opened = try plan(of: [input], configuration) }
    let plan = opened
    let job =
      plan?.job
      ?? Job(input: "", output: output, configuration: configuration, replacesOutput: replacesOutput)
    if let page {
      try OutputFile.check(path: page, inputs: [input].compactMap(\.self), replaces: replacesOutput)
    }
    if plan == nil, let output { try ExplanationFile.check(path: output, replaces: replacesOutput) }
    return CommandWork(warnings: plan?.warnings ?? []) { context in
      var sources: [any ExplainedSource] = [DigitsSample(configuration)]
      if let plan {
        sources = plan.layers.map { ExplainedLayer($0, of: plan, cancellation: context.cancellation) }
      }
      let explanations = try sources.map { source in
        try Experiment(
          topic, on: source, TrainingSettings(steps: steps, learningRate: learningRate),
          threads: job.threads, progress: context.progress, cancellation: context.cancellation
        ).explanation(batch: batch)
      }
      try plan?.input.checkIsUnchanged()
      if let output {
        try ExplanationFile(explanations, from: plan?.input, for: job).write(to: output)
      }
      if let page {
        try OutputFile.write(
          Array(ExplanationText(topic, explanations).page.html.utf8), to: page,
          inputs: [input].compactMap(\.self),
          replaces: replacesOutput)
      }
      return CommandResult(
        text: ExplanationText(topic, explanations).text,
        json: ExplanationReport(topic, explanations).json)
    }
  }
}
