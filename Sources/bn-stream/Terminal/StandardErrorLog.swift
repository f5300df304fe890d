import Jobs
import LayerFiles
import Logging

/// Writes log messages to standard error, one line each, as the other messages of a command-line program look.
struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    Terminal.writeError("\(event.level): \(event.message)")
  }

  /// The log of this run: warnings, and with `verbose` what is done and why.
  static func logger(quiet: Bool, verbose: Bool) -> Logger {
    Logger(label: "bn-stream") { _ in
      StandardErrorLog(logLevel: quiet ? .error : verbose ? .debug : .warning)
    }
  }
}

extension Logger {
  /// Says what a user should know though nothing is wrong.
  func warn(_ warnings: [StreamWarning]) {
    for warning in warnings { self.warning("\(warning)") }
  }
}
