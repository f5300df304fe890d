import CProcessor
import CSupervision
import Foundation
import Parallel

/// What the program does first of all, whatever the command: it opens the standard streams, settles what signals mean, and
/// looks at the processor.
enum ProcessSetup {
  /// Requested by a signal such as SIGINT or SIGTERM: what a command is to look at.
  static let cancellation = Cancellation()

  static func prepare() {
    Descriptors.openStandardStreams()
    handleStopSignals()
    // Writing to a closed pipe is an error to be reported, not a silent end.
    signal(SIGPIPE, SIG_IGN)
    // So is a file that grows beyond the process's limit: writing then fails with EFBIG.
    signal(SIGXFSZ, SIG_IGN)
    checkProcessor()
  }

  /// What asks for a stop, from SIGINT to SIGQUIT: the first asks for a clean one, a second one ends the program at once. What
  /// whoever started the program wants ignored, as `nohup` does, stays so.
  private static func handleStopSignals() {
    // The handler must not be the first to use it: its initialization takes a lock.
    _ = cancellation
    supervision_handle_stops { ProcessSetup.cancellation.request() }
  }

  /// Ends the program with a clear line on a processor that lacks the instructions it was built with, instead of leaving
  /// that to an illegal instruction in the middle of a run.
  private static func checkProcessor() {
    #if arch(x86_64)
      guard processor_supports_avx2_and_fma() == 0 else { return }
      Failure(
        message: "this build needs a processor with AVX2, FMA and F16C, and this one lacks some; "
          + "build without `processorFlags` in Package.swift",
        status: .internal
      ).report(asJSON: false)
    #endif
  }
}
