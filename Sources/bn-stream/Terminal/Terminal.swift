import FileNames
import Foundation
import Logging

/// Standard output, which carries results, and standard error, which carries everything else.
enum Terminal {
  /// Prints a result.
  /// - Throws: `OutputLost` if it could not be written, for example to a full disk.
  static func writeResult(_ text: String) throws {
    try write(text + "\n", to: STDOUT_FILENO)
  }

  /// Says a line. Where nobody can hear it, the exit code still tells.
  static func writeError(_ line: String) { writeErrorWithoutNewline(line + "\n") }

  static func writeErrorWithoutNewline(_ text: String) { try? write(text, to: STDERR_FILENO) }

  /// How many characters a line of standard output has room for; 80 where it is no terminal.
  ///
  /// The corresponding C function is `ioctl`.
  static var width: Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return max(40, Int(size.ws_col))
  }

  static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// The corresponding C function is `write`; `FileHandle`'s ends the program where nothing can be written.
  private static func write(_ text: String, to descriptor: Int32) throws {
    try Data(text.utf8).withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Foundation.write(
          descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count >= 0 {
          rest = rest.dropFirst(count)
        } else if errno != EINTR {
          throw OutputLost(errorNumber: errno)
        }
      }
    }
  }
}

/// What a command prints could not be written.
struct OutputLost: Error {
  let errorNumber: Int32
}

/// Writes log messages to standard error, one line each, as the other messages of a command-line program look.
struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    Terminal.writeError("\(event.level): \("\(event.message)".shown)")
  }

  /// The log of this run: warnings and notices, and with `verbose` what is done and why.
  static func logger(quiet: Bool, verbose: Bool) -> Logger {
    Logger(label: "bn-stream") { _ in
      StandardErrorLog(logLevel: quiet ? .error : verbose ? .debug : .notice)
    }
  }
}
