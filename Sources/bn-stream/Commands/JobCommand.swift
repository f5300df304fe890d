import ArgumentParser
import Configuration
import FileNames
import Jobs
import LayerFiles
import Logging
import Parallel

/// A command that works by a configuration.
///
/// What all such commands do is here, once: ``run()`` reads the configuration, says the warnings, shows progress, prints the
/// result, and makes one line and an exit code of every error. A command is its options and ``work(with:)``. Signals are set
/// up before any of it, in ``ProcessSetup``.
protocol FramedCommand: ParsableCommand {
  /// The file that is read; nil if there is none.
  var input: String? { get }
  var silence: QuietFlag { get }

  /// The file to write; nil, as by default, if there is none.
  var output: String? { get }
  /// True if an existing output is to be replaced; false by default.
  var replacesOutput: Bool { get }
  /// What is to be written beside what the configuration says; nothing by default.
  var moreOutputs: Set<OutputTensor> { get }
  /// Which quantiles are wanted, in place of what the configuration says; nil by default.
  var quantilesWanted: Percents? { get }
  /// True if the result, and a failure too, is to be printed as JSON; false by default.
  var printsJSON: Bool { get }
  /// True if what is done and why is to be said on standard error; false by default.
  var isVerbose: Bool { get }
  /// When to show progress; never by default.
  var progressMode: ProgressMode { get }

  /// What names the input on the command line; `--in` by default.
  var inputName: String { get }
  /// The files that the input is; one by default.
  var inputFiles: [String] { get }
  /// The files that it reads beside the input, with the options that name them, in the order in which they are opened; none by default.
  var otherInputs: [(option: String, path: String)] { get }
  /// The files of JSON that say what to read and to compute; none by default.
  var instructions: [String] { get }
  /// Pages and archives that it writes beside the output; none by default.
  var otherOutputs: [String] { get }

  /// What is asked for, options and files combined.
  func configuration() throws -> JobConfiguration

  /// Makes the command's own part ready. Nothing was said yet, so that an error comes before all warnings.
  func work(with configuration: JobConfiguration) throws -> CommandWork
}

/// A command that computes batch normalization, with the options for that.
protocol ComputingCommand: FramedCommand {
  var compute: ComputeOptions { get }
}

/// A command that opens an input's layers and does something with them.
protocol JobCommand: ComputingCommand {
  var source: InputOption { get }

  /// Makes the command's own part ready for what the input holds.
  func work(on plan: JobPlan) throws -> CommandWork
}

extension ComputingCommand {
  var instructions: [String] { [compute.configurationFile].compactMap(\.self) }
}

extension JobCommand {
  var input: String? { source.input }
  var instructions: [String] {
    InputNames.lists(in: source.names) + [compute.configurationFile].compactMap(\.self)
  }

  func work(with configuration: JobConfiguration) throws -> CommandWork {
    try work(on: plan(of: source.files(), configuration))
  }
}

extension FramedCommand {
  var output: String? { nil }
  var replacesOutput: Bool { false }
  var moreOutputs: Set<OutputTensor> { [] }
  var quantilesWanted: Percents? { nil }
  var printsJSON: Bool { false }
  var isVerbose: Bool { false }
  var progressMode: ProgressMode { .never }
  var inputName: String { "--in" }
  var inputFiles: [String] { [input].compactMap(\.self) }
  var otherInputs: [(option: String, path: String)] { [] }
  var instructions: [String] { [] }
  var otherOutputs: [String] { [] }
}

/// A command's own part, ready to begin.
struct CommandWork {
  /// What a user should know before it begins.
  let warnings: [StreamWarning]
  /// Does it.
  let perform: (CommandContext) throws -> CommandResult
}

/// What the frame offers a command while it works.
struct CommandContext {
  let log: Logger
  /// Counts what is done, for the display.
  let progress: JobProgress
  /// Shows it.
  let display: ProgressDisplay
  /// Asked for by a signal.
  let cancellation: Cancellation
}

/// What a command found: text for people, JSON for programs, each made only if it is printed, and how it ends.
struct CommandResult {
  let text: () -> String
  let json: () -> String
  let status: ExitStatus

  init(
    text: @autoclosure @escaping () -> String, json: @autoclosure @escaping () -> String = "",
    status: ExitStatus = .done
  ) {
    self.text = text
    self.json = json
    self.status = status
  }
}

extension FramedCommand {
  /// Opens an input, whose files can then all be open, after a look whether the output can be.
  func plan(of inputs: [String], _ configuration: JobConfiguration) throws -> JobPlan {
    try Descriptors.reserve(inputs: inputs.count)
    let job = Job(
      inputs: inputs, output: output, configuration: configuration, replacesOutput: replacesOutput)
    if let output { try JobPlan.checkOutput(output, of: job) }
    return try JobPlan(job)
  }

  func run() throws {
    var settings: JobConfiguration?
    do {
      try Descriptors.reserve()
      for file in [output].compactMap(\.self) + otherOutputs {
        try OutputFile.check(path: file, isNoneOf: instructions)
      }
      let configuration = try configuration()
      settings = configuration
      let result = try perform(work(with: configuration))
      if printsJSON {
        try Terminal.writeResult(result.json())
      } else if !silence.isQuiet {
        try Terminal.writeResult(result.text().shownLines)
      }
      if result.status != .done { Failure.leave(result.status) }
    } catch {
      Failure(error) { path in
        // A file that two options name is opened for the first of them.
        inputFiles.contains(path) ? inputName : otherInputs.first { $0.path == path }?.option ?? inputName
      }.report(
        asJSON: printsJSON, input: input ?? "", output: output, configuration: settings)
    }
  }

  private func perform(_ work: CommandWork) throws -> CommandResult {
    let log = StandardErrorLog.logger(quiet: silence.isQuiet, verbose: isVerbose)
    for warning in work.warnings {
      log.warning(
        "\(warning)", metadata: warning.layers.map { ["layers": .array($0.map { .string($0) })] })
    }
    let progress = JobProgress()
    let display = ProgressDisplay(progress, mode: silence.isQuiet ? .never : progressMode, log: log)
    defer { display.stop() }
    let context = CommandContext(
      log: log, progress: progress, display: display, cancellation: ProcessSetup.cancellation)
    return try work.perform(context)
  }
}

extension ComputingCommand {
  /// A signal that comes while the file is waited for, as a pipe may be, can make reading fail.
  func configuration() throws -> JobConfiguration {
    do {
      return try compute.configuration().writing(moreOutputs, quantiles: quantilesWanted)
    } catch .file(_, .readingFailed) where ProcessSetup.cancellation.isRequested {
      throw StreamError.interrupted
    }
  }
}
