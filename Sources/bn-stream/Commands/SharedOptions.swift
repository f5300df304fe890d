import ArgumentParser
import Configuration
import LayerFiles

// Options that several commands have, each declared once. Those of what to compute are `ComputeOptions`.

/// `--in`
struct InputOption: ParsableArguments {
  @Option(
    name: .customLong("in"), parsing: .upToNextOption,
    help: ArgumentHelp(
      "HDF5 file with the activations; several, patterns as 'acts-*.h5', or JSON files that list them, whose samples follow one another.",
      valueName: "file"),
    completion: .file())
  var names: [String]

  /// What the input is called.
  var input: String { InputFiles.name(of: names) }

  /// The files, which can then all be open.
  func files() throws -> [String] {
    let files = try InputNames.files(of: names)
    try Descriptors.reserve(inputs: files.count)
    return files
  }

  func validate() throws { for name in names { try checkName(name) } }
}

/// `--out`
struct OutputOption: ParsableArguments {
  @Option(
    name: .customLong("out"), help: ArgumentHelp("HDF5 file to write.", valueName: "file"),
    completion: .file())
  var output: String?

  func validate() throws { if let output { try checkName(output) } }

  /// For commands that need an output unless `isNeedless`.
  func require(unless isNeedless: Bool) throws {
    if output == nil && !isNeedless { throw ValidationError("Missing expected argument '--out <file>'") }
  }
}

/// `--layer`, of commands that compute nothing.
struct LayerOption: ParsableArguments {
  @Option(
    name: .customLong("layer"),
    help: ArgumentHelp("Only layers whose path matches, as in 'conv*'; repeatable.", valueName: "glob"),
    transform: { try LayerPattern(parsing: $0) })
  var layers: [LayerPattern] = []

  /// Nothing but which layers are wanted.
  var configuration: JobConfiguration {
    var configuration = JobConfiguration()
    configuration.layers = layers
    return configuration
  }
}

/// `--force`
struct ForceFlag: ParsableArguments {
  @Flag(name: .customLong("force"), help: "Replace an existing output.")
  var replacesOutput = false
}

/// `--progress`
struct ProgressOption: ParsableArguments {
  @Option(
    name: .customLong("progress"),
    help: ArgumentHelp("Show progress on standard error.", valueName: "auto|always|never"))
  var mode: ProgressMode = .auto
}

/// `--quiet`
struct QuietFlag: ParsableArguments {
  @Flag(name: .customLong("quiet"), help: "Print nothing but errors; the exit code tells.")
  var isQuiet = false
}

/// `--log-format`, whose value is ``LogFormat/asked``.
struct LogFormatOption: ParsableArguments {
  @Option(
    name: .customLong("log-format"),
    help: ArgumentHelp(
      "Say on standard error how the job goes on, layer by layer, and all else there with times: as text or as JSON, an object a line.",
      valueName: "text|json"))
  var format: LogFormat?
}

/// `--json`
struct JSONFlag: ParsableArguments {
  @Flag(name: .customLong("json"), help: "Print the result as one JSON object, also of a command that fails.")
  var isSet = false
}

/// Refuses a page that has the name of the other output, or none.
func checkPage(_ page: String?, _ option: String, beside output: String?) throws {
  guard let page else { return }
  try checkName(page)
  if let output, OutputFile.areOne(page, output) {
    throw ValidationError("'\(option)' and '--out' name one file; give each its own")
  }
}

/// Refuses the name of a file that is no name.
func checkName(_ path: String) throws {
  if path.isEmpty { throw ValidationError("A file's name is empty") }
}

extension CompletionKind {
  /// What a shell offers for an option that takes one of a few words.
  static func values<Value: CaseIterable & RawRepresentable>(of type: Value.Type) -> CompletionKind
  where Value.RawValue == String {
    .list(type.allCases.map(\.rawValue))
  }
}
