import Foundation
import Parallel

/// SIGINT and SIGTERM: the first asks for a clean stop, the second ends the program at once.
enum Signals {
  private static let requested = Cancellation()

  /// What a run is to look at; installs the handlers.
  static func cancellation() -> Cancellation {
    // The handler must not be the first to use it: its initialization takes a lock.
    let cancellation = requested
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        if Signals.requested.isRequested {
          signal(number, SIG_DFL)
          raise(number)
        }
        Signals.requested.request()
      }
    }
    // Whoever started the program may have blocked them.
    var handled = sigset_t()
    sigemptyset(&handled)
    sigaddset(&handled, SIGINT)
    sigaddset(&handled, SIGTERM)
    sigprocmask(SIG_UNBLOCK, &handled, nil)
    // Writing to a closed pipe is an error to be reported, not a silent end.
    signal(SIGPIPE, SIG_IGN)
    // So is a file that grows beyond the process's limit: writing then fails with EFBIG.
    signal(SIGXFSZ, SIG_IGN)
    return cancellation
  }
}
