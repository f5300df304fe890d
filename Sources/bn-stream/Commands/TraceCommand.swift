import ArgumentParser
import Inspection
import Jobs
import LayerFiles
import Report

/// `bn-stream trace`: the computational graph on a user's own data.
struct TraceCommand: JobCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Write every node of the computational graph of one batch, forward and backward.",
    discussion: """
      The graph has nine steps forward and the same nine backward. Each node becomes a float64 dataset, as forward/1_mu or \
      backward/0_dx, with the attributes step, formula, latex and inputs.
      """)

  @OptionGroup var source: InputOption
  @OptionGroup var target: OutputOption

  @Option(
    help: ArgumentHelp("Number of the batch in each layer, from 0.", valueName: "number"))
  var batch = 0

  @OptionGroup(title: "What to compute") var compute: ComputeOptions
  @OptionGroup var force: ForceFlag

  @Flag(help: "Print the graph for Graphviz instead of a table; needs no --out.")
  var dot = false

  @Flag(help: "Print all numbers of a small batch, step by step; needs no --out.")
  var print = false

  @Option(
    name: .customLong("html"),
    help: ArgumentHelp("Page with the graph to write; needs no --out.", valueName: "page"),
    completion: .file(extensions: ["html"]))
  var page: String?

  @OptionGroup var silence: QuietFlag

  var output: String? { target.output }
  var otherOutputs: [String] { [page].compactMap(\.self) }
  var replacesOutput: Bool { force.replacesOutput }

  func validate() throws {
    try target.require(unless: dot || print || page != nil)
    try checkPage(page, "--html", beside: output)
    if dot && print { throw ValidationError("'--dot' and '--print' are two ways to print; choose one") }
    if batch < 0 { throw ValidationError("'--batch' is \(batch); batches count from 0") }
  }

  /// - Throws: `InspectionError.tooLargeToPrint`.
  private func checkCanBePrinted(_ plan: JobPlan) throws {
    for layer in plan.layers where batch < layer.batches.count {
      let samples = layer.batches[batch].count
      if samples * layer.layout.valuesPerSample > TraceNumbers.mostNumbers {
        throw InspectionError.tooLargeToPrint(
          file: plan.job.input, layer: layer.path, batch: batch,
          shape: [samples] + layer.activations.shape.dropFirst(), most: TraceNumbers.mostNumbers)
      }
    }
  }

  func work(on plan: JobPlan) throws -> CommandWork {
    if let page { try OutputFile.check(path: page, inputs: plan.job.inputs, replaces: replacesOutput) }
    return work(by: plan)
  }

  private func work(by plan: JobPlan) -> CommandWork {
    CommandWork(warnings: plan.warnings) { context in
      var shown: [String] = []
      var drawing = page.map { _ in TracePage(of: plan.job.input, layers: plan.layers.count) }
      func show(_ trace: LayerTrace) {
        drawing?.add(trace)
        shown.append(
          dot ? GraphDrawing(trace).text : print ? TraceNumbers(trace).text : TraceText(trace).text)
      }
      if print { try checkCanBePrinted(plan) }
      if let output {
        try TraceFile(plan, cancellation: context.cancellation).write(to: output, batch: batch, show: show)
      } else {
        for layer in plan.layers {
          show(try plan.trace(layer, batch: batch, cancellation: context.cancellation))
        }
        try plan.input.checkIsUnchanged()
      }
      if let page, let drawing {
        try OutputFile.write(
          Array(drawing.html.utf8), to: page, inputs: plan.job.inputs, replaces: replacesOutput)
      }
      return CommandResult(text: shown.joined(separator: "\n\n"))
    }
  }
}
