import Foundation
import TestSupport

extension Program {
  /// The process that works for one that was started; nil if there is none.
  func worker(of process: Process) -> pid_t? {
    child(of: process.processIdentifier)
  }

  /// The first process that a process has started and that still is there.
  func child(of number: pid_t) -> pid_t? {
    let text = try? String(
      contentsOf: URL(fileURLWithPath: "/proc/\(number)/task/\(number)/children"), encoding: .utf8)
    return text?.split(separator: " ").first.flatMap { pid_t($0) }
  }

  /// The state of a process as `ps` shows it, such as T for one that was stopped; nil if it is gone.
  func state(of process: pid_t) -> Character? {
    let text = try? String(contentsOf: URL(fileURLWithPath: "/proc/\(process)/stat"), encoding: .utf8)
    return text?.split(separator: ")").last?.first { $0 != " " }
  }

  /// True if a process was sent a signal that it has not taken yet; false where the system does not say.
  func hasPendingSignals(_ process: pid_t) -> Bool {
    let text = try? String(contentsOf: URL(fileURLWithPath: "/proc/\(process)/status"), encoding: .utf8)
    return (text ?? "").split(separator: "\n").contains { line in
      let words = line.split(separator: "\t")
      return words.count == 2 && ["SigPnd:", "ShdPnd:"].contains(words[0])
        && UInt64(words[1], radix: 16) != 0
    }
  }

  /// Waits until something holds, at most a minute.
  func wait(until condition: () throws -> Bool) rethrows {
    for _ in 0..<60_000 {
      if try condition() { return }
      Thread.sleep(forTimeInterval: 0.001)
    }
  }

  /// Starts the program on a file in which the HDF5 library never comes back, and waits until it is there.
  func startLoop(_ options: String...) throws -> Process {
    let process = try start(["--in", "library_loop.h5", "--out", "out.h5"] + options)
    // A second's tenth of processor time is more than all before takes.
    wait { worker(of: process).map { processorTime(of: $0) > 0.2 } ?? !process.isRunning }
    return process
  }

  /// The thread of a process that has worked most.
  func busiestThread(of process: pid_t) throws -> pid_t? {
    let folder = "/proc/\(process)/task"
    return try FileManager.default.contentsOfDirectory(atPath: folder).compactMap { pid_t($0) }
      .map { ($0, processorTime(in: "\(folder)/\($0)")) }.max { $0.1 < $1.1 }?.0
  }

  private func processorTime(of process: pid_t) -> Double { processorTime(in: "/proc/\(process)") }

  private func processorTime(in folder: String) -> Double {
    // Of all threads, in hundredths of a second: the 14th and 15th word, of which the second may hold spaces.
    let text = try? String(contentsOf: URL(fileURLWithPath: folder + "/stat"), encoding: .utf8)
    let words = text?.split(separator: ")").last?.split(separator: " ") ?? []
    return words.count > 12 ? ((Double(words[11]) ?? 0) + (Double(words[12]) ?? 0)) / 100 : 0
  }
}
