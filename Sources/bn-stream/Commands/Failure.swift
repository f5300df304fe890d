import Configuration
import FileNames
import Foundation
import Jobs
import LayerFiles
import Parallel

/// An error that the program has words and an exit code for; both are in `Words`.
protocol ReportableError: Error, CustomStringConvertible {
  var exitStatus: ExitStatus { get }
}

/// An error on its way to the user: one line, and an exit code.
struct Failure {
  let message: String
  let status: ExitStatus

  init(message: String, status: ExitStatus) {
    // A file's name may hold what must not pass for another message, or for a command to the terminal.
    self.message = message.shown
    self.status = status
  }

  /// - Parameter option: with which option the user gave a path.
  init(_ error: any Error, naming option: (_ path: String) -> String = { _ in "--in" }) {
    switch error {
    case let error as StreamError: self.init(message: error.words(naming: option), status: error.exitStatus)
    case let error as any ReportableError: self.init(message: "\(error)", status: error.exitStatus)
    case is Cancelled: self.init(StreamError.interrupted)
    case let error as OutOfMemory: self.init(StreamError.outOfMemory(byteCount: error.byteCount))
    default:
      self.init(
        message: "\(error); this is a bug in bn-stream, please report it with the command line",
        status: .internal)
    }
  }

  /// As a summary has it.
  var summary: JobSummary.Failure { JobSummary.Failure(code: Int(status.rawValue), message: message) }

  /// Tells the user and ends the program.
  func report(
    asJSON: Bool, input: String = "", output: String? = nil, configuration: JobConfiguration? = nil
  ) -> Never {
    if let format = LogFormat.asked {
      Terminal.writeError(
        LogLine(
          level: "error", message: message, facts: ["code": .stringConvertible(Int(status.rawValue))]
        ).text(format))
    } else {
      Terminal.writeError("\(Terminal.coloured("bn-stream:", .boldRed)) \(message)")
    }
    if asJSON {
      let summary = JobSummary(
        status: status == .interrupted ? .interrupted : .failed,
        error: self.summary, version: programVersion,
        input: input, output: output, configuration: configuration)
      // Where this cannot be written the exit code and standard error still tell.
      try? Terminal.writeResult(summary.json)
    }
    Self.leave(status)
  }

  /// Ends the program without the HDF5 library's own clean-up, which can crash after a failed close.
  static func leave(_ status: ExitStatus) -> Never {
    // All open streams.
    fflush(nil)
    _exit(status.rawValue)
  }
}
