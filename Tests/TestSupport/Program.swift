import Foundation

/// The program, run as a user runs it: in a folder of its own, where everything that it leaves can be seen.
public final class Program: Sendable {
  /// What became of a run.
  public struct Result: Sendable {
    /// 128 and the number of a signal that ended it.
    public let exitCode: Int32
    /// Standard output.
    public let output: String
    /// Standard error.
    public let error: String

    /// What is known of a run.
    public init(exitCode: Int32, output: String, error: String) {
      self.exitCode = exitCode
      self.output = output
      self.error = error
    }
  }

  /// Where it runs.
  public let folder: URL

  /// A new folder with copies of fixtures.
  /// - Parameter files: names in Tests/Fixtures.
  public convenience init(_ files: String...) throws { try self.init(files: files) }

  /// A new folder with copies of fixtures.
  /// - Parameter files: names in Tests/Fixtures.
  public init(files: [String]) throws {
    // Nothing is written down of a run that a slow machine makes long, unless a test wants it.
    setenv("BN_STREAM_RECORD_SECONDS", "3600", 0)
    folder = FileManager.default.temporaryDirectory.appending(path: "command-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for file in files {
      try FileManager.default.copyItem(
        atPath: Repository.fixture(file),
        toPath: path(file.split(separator: "/").last.map(String.init) ?? file))
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// The path of a file in the folder.
  public func path(_ name: String) -> String { folder.appending(path: name).path }

  /// Writes a text file into the folder.
  public func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
  }

  /// The names of the files in the folder, without those of `start`.
  public var files: [String] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { $0 != "standard-output" && $0 != "standard-error" }.sorted()
    }
  }

  /// Runs the program to its end.
  public func run(_ arguments: String...) throws -> Result { try run(arguments) }

  /// Runs the program to its end.
  /// - Parameters:
  ///   - standardOutput: instead of a file, whose contents are in the result.
  ///   - standardError: likewise.
  public func run(_ arguments: [String], standardOutput: FileHandle? = nil, standardError: FileHandle? = nil)
    throws
    -> Result
  {
    try wait(
      for: start(
        Self.executable, arguments, standardOutput: standardOutput, standardError: standardError))
  }

  /// Runs a line of the shell to its end, in which `$0` is the program.
  public func run(shell line: String) throws -> Result {
    try wait(for: start(shell: line))
  }

  /// Starts the program.
  public func start(_ arguments: [String]) throws -> Process { try start(Self.executable, arguments) }

  /// Starts a line of the shell, in which `$0` is the program.
  public func start(shell line: String) throws -> Process {
    try start(URL(fileURLWithPath: "/bin/sh"), ["-c", line, Self.executable.path])
  }

  private func start(
    _ executable: URL, _ arguments: [String], standardOutput: FileHandle? = nil,
    standardError: FileHandle? = nil
  ) throws -> Process {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    // Files, unlike pipes, never make a process wait for its reader.
    let (outputFile, errorFile) = (try newFile("standard-output"), try newFile("standard-error"))
    process.standardOutput = standardOutput ?? outputFile
    process.standardError = standardError ?? errorFile
    // A child inherits the signals that its parent's thread blocks, and threads of Dispatch block most.
    var none = sigset_t()
    var before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try process.run()
    return process
  }

  /// Waits for a process that was started here. A signal that ended it counts as 128 and its number, as in a shell.
  public func wait(for process: Process) throws -> Result {
    process.waitUntilExit()
    return Result(
      exitCode: process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0),
      output: try String(contentsOf: folder.appending(path: "standard-output"), encoding: .utf8),
      error: try String(contentsOf: folder.appending(path: "standard-error"), encoding: .utf8))
  }

  private func newFile(_ name: String) throws -> FileHandle {
    _ = FileManager.default.createFile(atPath: path(name), contents: nil)
    return try FileHandle(forWritingTo: folder.appending(path: name))
  }

  /// Lies in the same folder as the tests.
  public static let executable: URL = {
    #if os(macOS)
      var folder = Bundle(for: Program.self).bundleURL.deletingLastPathComponent()
    #else
      var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()
    #endif
    return folder.appending(path: "bn-stream")
  }()
}
