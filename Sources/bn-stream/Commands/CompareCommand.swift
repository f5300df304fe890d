import ArgumentParser
import Configuration
import Jobs
import LayerFiles
import Report

/// `bn-stream compare`: how the results of two runs differ.
struct CompareCommand: FramedCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Say how far the statistics and gradients of two result files differ, layer by layer.",
    discussion: """
      Layers are matched by their paths: a model before and after quantization, two checkpoints, two domains. Shifts are in standard \
      deviations of the first file. Reads what runs have written beside the large tensors.

      Exit codes: 0; 1 if --fail-above is given and a layer differs by more, is in one file only, or has another number of \
      features. The others are those of run.
      """)

  @Argument(help: ArgumentHelp("HDF5 file that a run has written.", valueName: "first"), completion: .file())
  var first: String

  @Argument(
    help: ArgumentHelp("Another one, which is compared with it.", valueName: "second"), completion: .file())
  var second: String

  @Option(
    name: .customLong("report"), help: ArgumentHelp("Page in HTML to write.", valueName: "page"),
    completion: .file(extensions: ["html"]))
  var page: String?

  @Option(
    help: ArgumentHelp(
      "Exit with 1 if a mean or a standard deviation moves by more standard deviations.", valueName: "number")
  )
  var failAbove: Double?

  @OptionGroup var selection: LayerOption
  @OptionGroup var force: ForceFlag
  @OptionGroup var silence: QuietFlag
  @OptionGroup var json: JSONFlag

  var input: String? { first }
  var inputName: String { "<first>" }
  var otherInputs: [(option: String, path: String)] { [(option: "<second>", path: second)] }
  var output: String? { page }
  var replacesOutput: Bool { force.replacesOutput }
  var printsJSON: Bool { json.isSet }

  func validate() throws {
    for name in [first, second, page].compactMap({ $0 }) { try checkName(name) }
    if let failAbove { try checkTolerance(failAbove, "fail-above") }
  }

  func configuration() -> JobConfiguration { selection.configuration }

  func work(with configuration: JobConfiguration) throws -> CommandWork {
    if let page {
      try OutputFile.check(path: page, inputs: [first, second], replaces: replacesOutput)
    }
    let one = try ResultFile(path: first, layers: configuration.layers)
    let other = try ResultFile(path: second, layers: configuration.layers)
    return CommandWork(warnings: one.warnings + other.warnings) { context in
      let report = try ComparisonReport(one, other, failAbove: failAbove) { _ in
        try context.cancellation.check()
      }
      if let page {
        try OutputFile.write(
          Array(ComparisonPage(report).html.utf8), to: page, inputs: [first, second], replaces: replacesOutput
        )
      }
      return CommandResult(
        text: ComparisonText(report, page: page).text, json: report.json,
        status: report.isWithin ? .done : .disagreement)
    }
  }
}
