import Foundation

extension WorkerDeath: ReportableError {
  var exitStatus: ExitStatus {
    switch self {
    case .libraryCrashed, .libraryLoops: .badInput
    case .crashed: .internal
    case .killed: .interrupted
    }
  }
}

extension WorkerDeath: CustomStringConvertible {
  /// One line: what happened, where, and what to do.
  var description: String {
    switch self {
    case .libraryCrashed(let inputs, let function, let signal):
      "\(inputs.joined(separator: " or ")): the HDF5 library crashed in \(function) (\(name(signal))), so the file is damaged, or made to do that; "
        + "copy or write it anew"
    case .libraryLoops(let inputs, let function):
      "\(inputs.joined(separator: " or ")): the HDF5 library does not come back from \(function), so the file is damaged, or made to do that; "
        + "copy or write it anew"
    case .crashed(let signal):
      "crashed (\(name(signal))); this is a bug in bn-stream, please report it with the command line"
    case .killed(SIGKILL, nil):
      "killed, perhaps for lack of memory; no output was written, give a smaller --memory or run it again"
    case .killed(SIGKILL, let workspace?):
      "killed, perhaps for lack of memory; what is finished is in \(workspace), run the same command to go on, perhaps with a "
        + "smaller --memory"
    case .killed(let signal, nil):
      "ended by \(name(signal)); no output was written, run the same command to start again"
    case .killed(let signal, let workspace?):
      "ended by \(name(signal)); what is finished is in \(workspace), run the same command to go on"
    }
  }

  private func name(_ signal: Int32) -> String {
    let names: [Int32: String] = [
      SIGSEGV: "SIGSEGV", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGABRT: "SIGABRT", SIGILL: "SIGILL",
      SIGTRAP: "SIGTRAP", SIGSYS: "SIGSYS", SIGALRM: "SIGALRM", SIGPROF: "SIGPROF",
      SIGVTALRM: "SIGVTALRM",
    ]
    return names[signal] ?? "signal \(signal)"
  }
}
