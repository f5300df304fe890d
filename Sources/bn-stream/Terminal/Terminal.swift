import Foundation

/// Standard output, which carries results, and standard error, which carries everything else.
enum Terminal {
  /// Prints a result.
  /// - Throws: `OutputLost` if it could not be written, for example to a full disk.
  static func writeResult(_ text: String) throws {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
    } catch {
      throw OutputLost(errorNumber: errno)
    }
  }

  static func writeError(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
  }

  static func writeErrorWithoutNewline(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }

  static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

/// What a command prints could not be written.
struct OutputLost: Error {
  let errorNumber: Int32
}
