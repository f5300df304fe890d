import ArgumentParser
import Configuration
import LayerFiles
import Report

/// `bn-stream merge`: pools the results of several jobs.
struct MergeCommand: FramedCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Pool the statistics of several result files, as if all their data had been seen at once.",
    discussion: """
      Of other machines, clients that may not share their data, or data that has grown. Each file needs the group moments of every layer: \
      run with "outputs" that name "moments". The output holds population statistics and moments, so that it can be merged again. Layers are matched by their \
      paths, and all files have the same.

      The mean of several variances is no variance: it lacks how far the means are from each other. That share of each layer's variance is shown as "between files".
      """)

  @Argument(help: ArgumentHelp("HDF5 files that runs have written.", valueName: "files"), completion: .file())
  var files: [String]

  @OptionGroup var target: OutputOption

  @Option(
    help: ArgumentHelp(
      "Also blend with statistics of before, which weigh as N samples: written as running_mean and running_var.",
      valueName: "file:N"),
    completion: .file(),
    transform: { try Prior(parsing: $0) })
  var prior: Prior?

  @OptionGroup var selection: LayerOption
  @OptionGroup var force: ForceFlag
  @OptionGroup var silence: QuietFlag
  @OptionGroup var json: JSONFlag

  var input: String? { files.first }
  var inputName: String { "<files>" }
  var otherInputs: [(option: String, path: String)] {
    var others: [(option: String, path: String)] = []
    for (index, file) in files.enumerated().dropFirst() { others.append(("<files> \(index + 1)", file)) }
    if let prior { others.append(("--prior", prior.file)) }
    return others
  }
  var output: String? { target.output }
  var replacesOutput: Bool { force.replacesOutput }
  var printsJSON: Bool { json.isSet }

  func validate() throws {
    for file in files { try checkName(file) }
    try target.require(unless: false)
  }

  func configuration() -> JobConfiguration { selection.configuration }

  func work(with configuration: JobConfiguration) throws -> CommandWork {
    let output = target.output ?? ""
    try OutputFile.check(path: output, inputs: allInputs, replaces: replacesOutput)
    try Descriptors.reserve(inputs: allInputs.count)
    let merging = try Merging(files, layers: configuration.layers, prior: prior)
    return CommandWork(warnings: merging.files.flatMap(\.warnings)) { context in
      let layers = try merging.write(to: output, replaces: replacesOutput) { _ in
        try context.cancellation.check()
      }
      let summary = MergeSummary(merging, layers, output: output)
      return CommandResult(text: MergeText(summary).text, json: summary.json)
    }
  }
}

extension Prior {
  /// `FILE:N`
  fileprivate init(parsing text: String) throws {
    guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")), colon > text.startIndex,
      let samples = Double(text[text.utf8.index(after: colon)...]), samples > 0, samples.isFinite
    else {
      throw ValidationError(
        "'\(text)' is no file with a number of samples after a colon, as in '--prior model.h5:16'")
    }
    self.init(file: String(text[..<colon]), samples: samples)
  }
}
