import Configuration
import Foundation
import Inspection
import Jobs
import LayerFiles
import StrictJSON

/// An error on its way to the user: one line, and an exit code.
struct Failure {
  let message: String
  let status: ExitStatus

  init(message: String, status: ExitStatus) {
    self.message = message
    self.status = status
  }

  init(_ error: any Error) {
    switch error {
    case let error as StreamError: self.init(message: "\(error)", status: error.exitStatus)
    case let error as InspectionError: self.init(message: "\(error)", status: error.exitStatus)
    case let error as OutputLost:
      self.init(
        message:
          "standard output: writing failed: \(String(cString: strerror(error.errorNumber))); the result is lost, "
          + "but a file given with --out is complete",
        status: .inputOutput)
    case let error as ConfigurationError: self.init(message: "\(error)", status: .badConfiguration)
    default:
      self.init(
        message: "\(error); this is a bug in bn-stream, please report it with the command line",
        status: .internal)
    }
  }

  /// Tells the user and ends the program.
  func report(
    asJSON: Bool, input: String = "", output: String? = nil, configuration: JobConfiguration? = nil
  ) -> Never {
    Terminal.writeError("bn-stream: \(oneLine(message))")
    if asJSON {
      print(
        JobSummary(
          status: status == .interrupted ? .interrupted : .failed,
          error: JobSummary.Failure(code: Int(status.rawValue), message: message), version: programVersion,
          input: input, output: output, configuration: configuration
        ).json)
    }
    Self.leave(status.rawValue)
  }

  /// Ends the program without the HDF5 library's own clean-up, which can crash after a failed close.
  static func leave(_ code: Int32) -> Never {
    // All open streams.
    fflush(nil)
    _exit(code)
  }

  /// A file's name may hold a line break, and what follows it must not pass for another message.
  private func oneLine(_ text: String) -> String {
    String(text.map { $0.isNewline ? " " : $0 })
  }
}
