import Configuration
import Jobs
import LayerFiles
import Parallel
import StrictJSON

/// Carries out a job as the program does.
@discardableResult
func run(
  _ input: String, to output: String, _ configuration: JobConfiguration,
  cancellation: Cancellation = Cancellation()
) throws -> JobSummary {
  let job = Job(input: input, output: output, configuration: configuration, replacesOutput: false)
  return try Execution(JobPlan(job), progress: JobProgress(), cancellation: cancellation)
    .write(to: output)
}
