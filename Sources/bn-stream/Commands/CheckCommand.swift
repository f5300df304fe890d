import ArgumentParser
import Inspection
import Jobs

/// `bn-stream check`: the program proves itself on a user's own data.
struct CheckCommand: JobCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract:
      "Compare the program's kernels with the computational graph, and the graph with finite differences.",
    discussion: """
      Of each layer at most four batches are checked, of a very large batch or layer only the first samples or some of the \
      features; what was checked is said. Finite differences are compared at sampled coordinates of x, gamma and beta.

      Exit codes: 0 if all layers passed; 1 if a layer failed, or if its data cannot prove anything, as with a uniform \
      upstream gradient. The others are those of run.
      """)

  @OptionGroup var source: InputOption

  @Option(
    help: ArgumentHelp(
      "Coordinates of x, and of gamma and beta, to compare with finite differences in each layer (default 64).",
      valueName: "count"))
  var samples: Int?

  @Option(
    help: ArgumentHelp(
      "The largest relative error allowed; what is rounded to float32 is allowed 2^-23 more.",
      valueName: "number"))
  var tolerance: Double = Check.defaultTolerance

  @OptionGroup(title: "What to compute") var compute: ComputeOptions
  @OptionGroup var silence: QuietFlag
  @OptionGroup var json: JSONFlag

  var printsJSON: Bool { json.isSet }

  func validate() throws {
    if let samples, samples < 1 { throw ValidationError("'--samples' is \(samples); it must be at least 1") }
    try checkTolerance(tolerance, "tolerance")
  }

  func work(on plan: JobPlan) -> CommandWork {
    CommandWork(warnings: plan.warnings) { context in
      let report = try Check(
        plan, coordinates: samples, tolerance: tolerance, cancellation: context.cancellation
      ).report()
      return CommandResult(
        text: CheckText(report).text, json: report.json,
        status: report.verdict == .passed ? .done : .disagreement)
    }
  }
}

/// Refuses what is no allowed error.
func checkTolerance(_ value: Double, _ name: String) throws {
  guard value >= 0, value.isFinite else {
    throw ValidationError("'--\(name)' is \(value); it must be a finite number of at least 0")
  }
}
