import ArgumentParser
import Inspection
import Jobs

/// `bn-stream verify`: another program's results against this one's.
struct VerifyCommand: JobCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compare another program's results with what this one computes in float64.",
    discussion: """
      Results lie in groups of the layers' names, or under /expected, by the names of run's output or PyTorch's, as \
      weight.grad. A number may be off by rtol · scale + atol, where scale is what numbers are like in its feature. Default \
      rtol: 1e-9 for float64, 1e-5 for float32, 2^-10 for float16, 2^-7 for bfloat16; integers must be equal.

      Exit codes: 0 if all that was compared agrees and no layer lacks output or grad_input, 1 if not, 65 if it cannot be \
      compared. The others are those of run.
      """)

  @OptionGroup var source: InputOption

  @Option(
    help: ArgumentHelp("HDF5 file with the other program's results.", valueName: "file"), completion: .file())
  var against: String

  @Option(help: ArgumentHelp("Error allowed, relative to a feature's scale.", valueName: "number"))
  var rtol: Double?

  @Option(help: ArgumentHelp("Error allowed besides (default 0).", valueName: "number"))
  var atol: Double?

  @Flag(help: "Accept a file that lacks output or grad_input of a layer.")
  var allowMissing = false

  @Flag(help: "Compare scale and bias of layers folded for inference, in place of results.")
  var folded = false

  @OptionGroup(title: "What to compute") var compute: ComputeOptions
  @OptionGroup var progress: ProgressOption
  @OptionGroup var silence: QuietFlag
  @OptionGroup var json: JSONFlag

  var printsJSON: Bool { json.isSet }
  var progressMode: ProgressMode { progress.mode }
  var otherInputs: [String: String] { ["--against": against] }

  func validate() throws {
    try checkName(against)
    if let rtol { try checkTolerance(rtol, "rtol") }
    if let atol { try checkTolerance(atol, "atol") }
  }

  func work(on plan: JobPlan) throws -> CommandWork {
    let verification = try Verification(plan, against: against, relative: rtol, absolute: atol)
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
}
