import ArgumentParser
import Configuration
import Inspection
import Jobs
import LayerFiles

/// `bn-stream verify`: another program's results against this one's, and vectors for whoever writes that program.
struct VerifyCommand: ComputingCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compare another program's results with what this one computes in float64.",
    discussion: """
      Results lie in groups of the layers' names, or under /expected, by the names of run's output or PyTorch's, as \
      weight.grad. A number may be off by rtol · scale + atol, where scale is what numbers are like in its feature. Default \
      rtol: 1e-9 for float64, 1e-5 for float32, 2^-10 for float16, 2^-7 for bfloat16; integers must be equal.

      With --write-golden nothing is compared: small inputs are written for a kernel to compute, with exact results under /expected. \
      They are the first samples of --in, or else made of what kernels are known to compute wrongly.

      Exit codes: 0 if all that was compared agrees and no layer lacks output or grad_input, 1 if not, 65 if it cannot be \
      compared. The others are those of run.
      """)

  @Option(
    name: .customLong("in"), parsing: .upToNextOption,
    help: ArgumentHelp(
      "HDF5 files with the activations, as of run; of --write-golden only if it is to be about them.",
      valueName: "file"),
    completion: .file())
  var inputs: [String] = []

  @Option(
    help: ArgumentHelp("HDF5 file with the other program's results.", valueName: "file"), completion: .file())
  var against: String?

  @Option(help: ArgumentHelp("Error allowed, relative to a feature's scale.", valueName: "number"))
  var rtol: Double?

  @Option(help: ArgumentHelp("Error allowed besides (default 0).", valueName: "number"))
  var atol: Double?

  @Flag(help: "Accept a file that lacks output or grad_input of a layer.")
  var allowMissing = false

  @Flag(help: "Compare scale and bias of layers folded for inference, in place of results.")
  var folded = false

  @OptionGroup var golden: GoldenOptions

  @OptionGroup(title: "What to compute") var compute: ComputeOptions
  @OptionGroup var force: ForceFlag
  @OptionGroup var progress: ProgressOption
  @OptionGroup var silence: QuietFlag
  @OptionGroup var json: JSONFlag

  var input: String? { inputs.isEmpty ? nil : InputFiles.name(of: inputs) }
  var printsJSON: Bool { json.isSet }
  var progressMode: ProgressMode { progress.mode }
  var output: String? { golden.file }
  var otherOutputs: [String] { [golden.arrays].compactMap(\.self) }
  var instructions: [String] { InputNames.lists(in: inputs) + [compute.configurationFile].compactMap(\.self) }
  var replacesOutput: Bool { force.replacesOutput }
  var inputFiles: [String] { (try? InputNames.files(of: inputs)) ?? inputs }
  var otherInputs: [(option: String, path: String)] {
    guard let against else { return [] }
    return [(option: "--against", path: against)]
  }

  func validate() throws {
    for name in inputs { try checkName(name) }
    if let against { try checkName(against) }
    if let rtol { try checkTolerance(rtol, "rtol") }
    if let atol { try checkTolerance(atol, "atol") }
    if golden.file == nil {
      if input == nil { throw ValidationError("Missing expected argument '--in <file>'") }
      if against == nil { throw ValidationError("Missing expected argument '--against <file>'") }
      if replacesOutput {
        throw ValidationError("'--force' is about what '--write-golden' writes, which is missing")
      }
      return
    }
    let comparing: [(String, Bool)] = [
      ("--against", against != nil), ("--rtol", rtol != nil), ("--atol", atol != nil),
      ("--allow-missing", allowMissing), ("--folded", folded),
    ]
    for (name, isGiven) in comparing where isGiven {
      throw ValidationError("'--write-golden' compares nothing; leave '\(name)' out")
    }
    try golden.check(hasInput: input != nil)
    guard input == nil else { return }
    let dividing: [(String, Bool)] = [
      ("--batch-size", compute.batchSize != nil), ("--ignore-batch-offsets", compute.ignoreBatchOffsets),
      ("--feature-axis", compute.featureAxis != nil),
    ]
    for (name, isGiven) in dividing where isGiven {
      throw ValidationError("'\(name)' is about the data of '--in', which is missing")
    }
  }

  func work(with configuration: JobConfiguration) throws -> CommandWork {
    if let output = golden.file { return try writing(output, configuration) }
    guard let against else { preconditionFailure("validate lets none be missing") }
    let verification = try Verification(
      plan(of: InputNames.files(of: inputs), configuration), against: against, relative: rtol, absolute: atol)
    return CommandWork(warnings: verification.warnings) { context in
      let report =
        folded
        ? try verification.foldedReport(progress: context.progress, cancellation: context.cancellation)
        : try verification.report(progress: context.progress, cancellation: context.cancellation)
      return CommandResult(
        text: VerifyText(report, allowsMissing: allowMissing).text, json: report.json,
        status: report.agrees && (report.isComplete || allowMissing) ? .done : .disagreement)
    }
  }

  private func writing(_ output: String, _ configuration: JobConfiguration) throws -> CommandWork {
    var opened: JobPlan?
    if !inputs.isEmpty { opened = try plan(of: InputNames.files(of: inputs), configuration) }
    let plan = opened
    if plan == nil { try OutputFile.check(path: output, inputs: [], replaces: replacesOutput) }
    return CommandWork(warnings: plan?.warnings ?? []) { context in
      let file =
        if let plan {
          try GoldenFile(plan, size: golden.size, cancellation: context.cancellation)
        } else {
          try GoldenFile(configuration, size: golden.size, hasNonfinite: golden.nonfinite)
        }
      let report = try file.write(
        to: output, arrays: golden.arrays, replaces: replacesOutput, cancellation: context.cancellation)
      return CommandResult(text: GoldenText(report).text, json: report.json)
    }
  }
}

/// What `verify` writes for kernels and hardware, and how much of it.
struct GoldenOptions: ParsableArguments {
  @Option(
    name: .customLong("write-golden"),
    help: ArgumentHelp(
      "Write inputs with exact results, for a kernel or hardware to be tested with, and compare nothing.",
      valueName: "golden"),
    completion: .file())
  var file: String?

  @Option(
    name: .customLong("golden-arrays"),
    help: ArgumentHelp(
      "Also write the same as arrays of NumPy in an archive (.npz), with an index.json.", valueName: "archive"
    ),
    completion: .file(extensions: ["npz"]))
  var arrays: String?

  @Option(
    name: .customLong("golden-samples"),
    help: ArgumentHelp("Samples of each layer to write (default 64).", valueName: "count"))
  var samples: Int?

  @Option(
    name: .customLong("golden-features"),
    help: ArgumentHelp("Features of each layer to write (default 8).", valueName: "count"))
  var features: Int?

  @Flag(name: .customLong("golden-nonfinite"), help: "Also write a layer with NaN and infinities.")
  var nonfinite = false

  func validate() throws {
    if let arrays { try checkName(arrays) }
    if let file {
      if let arrays, OutputFile.areOne(arrays, file) {
        throw ValidationError("'--golden-arrays' and '--write-golden' name one file; give each its own")
      }
      return try checkName(file)
    }
    for (name, isGiven) in [
      ("--golden-arrays", arrays != nil), ("--golden-samples", samples != nil),
      ("--golden-features", features != nil),
      ("--golden-nonfinite", nonfinite),
    ] where isGiven {
      throw ValidationError("'\(name)' is about what '--write-golden' writes, which is missing")
    }
  }

  func check(hasInput: Bool) throws {
    if let samples { try check(samples, "--golden-samples", GoldenSize.allowedSamples) }
    if let features { try check(features, "--golden-features", GoldenSize.allowedFeatures) }
    if hasInput && nonfinite {
      throw ValidationError("'--golden-nonfinite' is about data that is made, but '--in' gives some")
    }
  }

  private func check(_ count: Int, _ name: String, _ allowed: ClosedRange<Int>) throws {
    guard !allowed.contains(count) else { return }
    throw ValidationError(
      "'\(name)' is \(count); it must be from \(allowed.lowerBound) to \(allowed.upperBound)")
  }

  var size: GoldenSize {
    var size = GoldenSize()
    if let samples { size.samples = samples }
    if let features { size.features = features }
    return size
  }
}
