import FileNames
import Foundation
import Parallel

/// Standard output, which carries results, and standard error, which carries everything else.
enum Terminal {
  /// Prints a result.
  /// - Throws: `OutputLost` if it could not be written, for example to a full disk.
  static func writeResult(_ text: String) throws {
    try write(text + "\n", to: STDOUT_FILENO)
  }

  /// Says a line. Where nobody can hear it, the exit code still tells. A moving line makes room for it, and comes back below.
  static func writeError(_ line: String) {
    movingLine.withLock { moving in
      try? write(moving.isEmpty ? "\(line)\n" : "\(startOver)\(line)\n\(moving)", to: STDERR_FILENO)
    }
  }

  /// Draws the line that moves, in place of the one before; an empty one leaves nothing.
  static func moveLine(_ line: String) {
    movingLine.withLock { moving in
      if moving != line || !line.isEmpty { try? write(startOver + line, to: STDERR_FILENO) }
      moving = line
    }
  }

  /// Clears a moving line of a process that ended without doing so.
  static func clearForeignLine() {
    if errorIsMovable { try? write(startOver, to: STDERR_FILENO) }
  }

  private static let movingLine = Guarded("")
  /// To the begin of the line, and nothing behind it (ECMA-48, EL).
  private static let startOver = "\r\u{1B}[K"

  /// How many characters a line of standard output has room for; 80 where it is no terminal.
  static var width: Int { max(40, columns(of: STDOUT_FILENO) ?? 80) }

  /// How many characters a line of standard output has room for; nil where it is no terminal, and a line may be of any length.
  static var outputColumns: Int? { isatty(STDOUT_FILENO) == 1 ? width : nil }

  /// How many characters a line of standard error has room for now; 80 where it is no terminal, or does not know.
  static var errorColumns: Int { columns(of: STDERR_FILENO) ?? 80 }

  /// The corresponding C function is `ioctl`.
  private static func columns(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// True if a line of standard error can be drawn anew: on a terminal that is not dumb.
  static var errorIsMovable: Bool { isatty(STDERR_FILENO) == 1 && !isDumb }

  /// True if standard error shows colours, and nobody has asked for none (no-color.org).
  static var errorIsColoured: Bool { errorIsMovable && (environment("NO_COLOR") ?? "").isEmpty }

  /// Terminals that know no more than characters and new lines call themselves so.
  private static var isDumb: Bool { ["dumb", "", nil].contains(environment("TERM")) }

  private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  /// A word in a colour, where standard error shows colours (ECMA-48, SGR).
  static func coloured(_ word: String, _ colour: Colour) -> String {
    errorIsColoured ? "\u{1B}[\(colour.rawValue)m\(word)\u{1B}[0m" : word
  }

  enum Colour: String {
    case boldRed = "1;31"
    case yellow = "33"
  }

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
