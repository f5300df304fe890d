import Parallel
import Pipeline
import RunModel

/// Runs the pipeline as the program does.
@discardableResult
func run(
  _ input: String, to output: String, _ configuration: RunConfiguration,
  cancellation: Cancellation = Cancellation()
) throws -> RunSummary {
  let job = Job(input: input, output: output, configuration: configuration, replacesOutput: false)
  return try Run(RunPlan(job), progress: RunProgress(), cancellation: cancellation).write(to: output)
}
