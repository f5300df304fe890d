import ArgumentParser
import Configuration
import Jobs

/// `bn-stream inspect`: what a file holds, and what a run would make of it.
struct InspectCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Say what a file holds, which settings apply and what run would do with it, or say.",
    discussion: """
      Of each layer: which dataset serves which role, shape, type, storage and size; every setting, and where it came from; \
      batches, memory and passes; names that nobody reads and that look like a role or a setting. Groups that nearly are \
      layers, and what they lack. No large data is read. Files that run refuses are shown all the same, with what run says.

      Of the folder of an unfinished output, as grads.h5.partial: how far it is, of which job, and whether a run goes on with it.

      Exit codes: 0 for a file that could be read, also if run would refuse it. The others are those of run.
      """)

  @Argument(
    help: ArgumentHelp("HDF5 file, or folder of an unfinished output, to look into.", valueName: "file"),
    completion: .file())
  var file: String

  @OptionGroup(title: "What to compute") var compute: ComputeOptions
  @OptionGroup var silence: QuietFlag
  @OptionGroup var json: JSONFlag

  var input: String? { file }
  var inputName: String { "<file>" }
  var printsJSON: Bool { json.isSet }

  func validate() throws { try checkName(file) }

  func work(with configuration: JobConfiguration) throws -> CommandWork {
    if let report = try WorkspaceReport(folder: file, failure: { Failure($0).summary }) {
      return CommandWork(warnings: []) { _ in
        CommandResult(text: WorkspaceText(report).text, json: report.json)
      }
    }
    let survey = try JobSurvey(
      Job(input: file, output: nil, configuration: configuration, replacesOutput: false))
    // What a run would warn of is part of the report.
    return CommandWork(warnings: []) { context in
      try context.cancellation.check()
      return CommandResult(text: InspectText(survey.report).text, json: survey.report.json)
    }
  }
}
