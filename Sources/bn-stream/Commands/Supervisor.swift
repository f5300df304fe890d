import CSupervision
import FileNames
import Foundation
import LayerFiles

/// The process that the user started: it watches another one that does the work, and says what became of it.
///
/// The HDF5 library crashes on some crafted files, or never comes back. Where nobody watches, that is a signal without a word, and an
/// unfinished file. Here it is one line, an exit code, and nothing left.
enum Supervisor {
  /// The environment variable that keeps everything in one process, for debuggers: `BN_STREAM_SUPERVISOR=off`.
  static let variable = "BN_STREAM_SUPERVISOR"

  /// Divides the process in two, and does the work in one of them. Call it while there is one thread.
  static func watch(_ work: @convention(c) () -> Void) {
    if let value = getenv(variable), String(cString: value) == "off" { return work() }
    var outcome = supervision_outcome()
    switch supervision_begin(&outcome) {
    case 0: break
    case 1: supervision_run(work)
    // Where no second process is allowed, the first one works alone.
    default: return work()
    }
    if outcome.end == supervision_exited { _exit(outcome.number) }
    supervision_remove_unfinished()
    Terminal.clearForeignLine()
    let command =
      (try? BNStream.parseAsRoot(Array(CommandLine.fileNameArguments.dropFirst()))) as? any FramedCommand
    Failure(error(outcome, inputs: command?.allInputs ?? [])).report(
      asJSON: command?.printsJSON ?? false, input: command?.input ?? "", output: command?.output)
  }

  private static func error(_ outcome: supervision_outcome, inputs: [String]) -> any Error {
    let function = withUnsafeBytes(of: outcome.call) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let folder = String(fileName: supervision_resumable())
    let workspace = folder.isEmpty ? nil : folder
    switch outcome.end {
    case supervision_fault_in_call:
      return WorkerDeath.libraryCrashed(inputs: inputs, function: function, signal: outcome.number)
    case supervision_loop_in_call: return WorkerDeath.libraryLoops(inputs: inputs, function: function)
    case supervision_fault: return WorkerDeath.crashed(signal: outcome.number)
    case supervision_stopped:
      return workspace.map { StreamError.suspended(workspace: $0) } ?? .interrupted
    default: return WorkerDeath.killed(signal: outcome.number, workspace: workspace)
    }
  }
}

extension FramedCommand {
  /// All files that the command reads: what the library may have been reading, and no output replaces.
  var allInputs: [String] {
    var all = [input].compactMap { $0 }
    for other in otherInputs.map({ $0.path }).sorted() where !all.contains(other) { all.append(other) }
    return all
  }
}

/// How the process that works can end without a word of its own.
enum WorkerDeath: Error, Equatable {
  /// A fault inside a function of the HDF5 library, which has read one of these files.
  case libraryCrashed(inputs: [String], function: String, signal: Int32)
  /// A function of the HDF5 library did not come back.
  case libraryLoops(inputs: [String], function: String)
  /// A fault elsewhere.
  case crashed(signal: Int32)
  /// Somebody ended it, or the system did; a later run goes on with what lies in the workspace.
  case killed(signal: Int32, workspace: String?)
}
