import Inspection
import Jobs
import Parallel

extension JobPlan {
  /// What `verify` finds in another program's results.
  func verified(against path: String, relative: Double? = nil, absolute: Double? = nil) throws -> VerifyReport
  {
    try Verification(self, against: path, relative: relative, absolute: absolute)
      .report(progress: JobProgress(), cancellation: Cancellation())
  }
}
