import ArgumentParser
import Configuration
import Foundation
import Inspection
import Jobs
import LayerFiles

/// `bn-stream trace`: the computational graph on a user's own data.
struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Write every node of the computational graph of one batch, forward and backward.",
    discussion: """
      The graph has nine steps forward and the same nine backward. Each node becomes a float64 dataset, as forward/1_mu or \
      backward/0_dx, with the attributes step, formula, latex and inputs.
      """)

  @Option(
    name: .customLong("in"), help: ArgumentHelp("HDF5 file with the activations.", valueName: "file"),
    completion: .file())
  var input: String

  @Option(
    name: .customLong("out"), help: ArgumentHelp("HDF5 file to write.", valueName: "file"),
    completion: .file())
  var output: String?

  @Option(
    help: ArgumentHelp("Number of the batch in each layer, from 0.", valueName: "number"))
  var batch = 0

  @OptionGroup(title: "What to compute") var options: RunOptions

  @Flag(help: "Replace an existing output.")
  var force = false

  @Flag(help: "Print the graph for Graphviz instead of a table; needs no --out.")
  var dot = false

  @Flag(help: "Print nothing but errors.")
  var quiet = false

  func validate() throws {
    if input.isEmpty || output?.isEmpty == true { throw ValidationError("A file's name is empty") }
    if output == nil && !dot { throw ValidationError("Missing expected argument '--out <file>'") }
    if batch < 0 { throw ValidationError("'--batch' is \(batch); batches count from 0") }
  }

  func run() throws {
    do {
      let job = Job(
        input: input, output: output, configuration: try options.configuration(), replacesOutput: force)
      if let output { try JobPlan.checkOutput(output, of: job) }
      let plan = try JobPlan(job)
      let log = StandardErrorLog.logger(quiet: quiet, verbose: false)
      log.warn(plan.warnings)
      var shown: [String] = []
      func show(_ trace: LayerTrace) {
        shown.append(dot ? GraphDrawing(trace).text : TraceText(trace).text)
      }
      if let output {
        try TraceFile(plan, cancellation: Signals.cancellation()).write(to: output, batch: batch, show: show)
      } else {
        for layer in plan.layers { show(try plan.trace(layer, batch: batch)) }
      }
      if !quiet { try Terminal.writeResult(shown.joined(separator: "\n\n")) }
    } catch {
      Failure(error).report(asJSON: false)
    }
  }
}
