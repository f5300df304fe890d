import ArgumentParser
import Configuration
import Jobs
import LayerFiles
import Report

/// `bn-stream report`: what a run has found, to be looked at.
struct ReportCommand: FramedCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract:
      "Say of each layer of a result file whether something is wrong with it, and make a page to look at.",
    discussion: """
      Reads what a run has written beside the large tensors. Without --out the findings are printed; with it they are a page in HTML \
      as well, at most 1 MiB, which needs neither network nor scripts. A run with --diagnose gives more to judge by.

      The exit code is 0 whatever was found; "verdict" of the layers in the JSON says it. The other codes are those of run.
      """)

  @Argument(help: ArgumentHelp("HDF5 file that a run has written.", valueName: "file"), completion: .file())
  var file: String

  @Option(
    name: .customLong("out"), help: ArgumentHelp("Page in HTML to write.", valueName: "page"),
    completion: .file(extensions: ["html"]))
  var output: String?

  @OptionGroup var selection: LayerOption
  @OptionGroup var force: ForceFlag
  @OptionGroup var silence: QuietFlag
  @OptionGroup var json: JSONFlag

  var input: String? { file }
  var inputName: String { "<file>" }
  var replacesOutput: Bool { force.replacesOutput }
  var printsJSON: Bool { json.isSet }

  func validate() throws {
    try checkName(file)
    if let output { try checkName(output) }
  }

  func configuration() -> JobConfiguration { selection.configuration }

  func work(with configuration: JobConfiguration) throws -> CommandWork {
    if let output { try OutputFile.check(path: output, inputs: [file], replaces: replacesOutput) }
    let results = try ResultFile(path: file, layers: configuration.layers)
    return CommandWork(warnings: results.warnings) { context in
      let report = try ResultReport(results) { _ in try context.cancellation.check() }
      if let output {
        try OutputFile.write(
          Array(ReportPage(report, words: FindingWords()).html.utf8), to: output, inputs: [file],
          replaces: replacesOutput)
      }
      return CommandResult(text: ReportText(report, page: output).text, json: report.json)
    }
  }
}
