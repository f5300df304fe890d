import ArgumentParser
import Foundation
import Jobs
import Parallel

/// When to show progress.
enum ProgressMode: String, ExpressibleByArgument, CaseIterable {
  /// A moving line on a terminal; a line every half minute elsewhere.
  case auto
  case always
  case never
}

/// Shows percent, throughput and the time left on standard error, from a thread of its own.
final class ProgressDisplay: Sendable {
  private let progress: JobProgress
  private let isMoving: Bool
  private let interval: TimeInterval
  private let state = Guarded((isStopped: false, hasDrawn: false))
  private let start = Date()

  init(_ progress: JobProgress, mode: ProgressMode) {
    self.progress = progress
    isMoving = Terminal.errorIsTerminal
    interval = isMoving ? 0.2 : mode == .always ? 1 : 30
    if mode != .never { Thread.detachNewThread { self.draw() } }
  }

  private func draw() {
    var next = start.addingTimeInterval(interval)
    while true {
      Thread.sleep(forTimeInterval: 0.1)
      let isStopped = state.withLock { state in
        if !state.isStopped, Date() >= next {
          write()
          state.hasDrawn = true
          next = Date().addingTimeInterval(interval)
        }
        return state.isStopped
      }
      if isStopped { return }
    }
  }

  /// Ends the display and clears its line.
  func stop() {
    state.withLock { state in
      if !state.isStopped, state.hasDrawn, isMoving { Terminal.writeErrorWithoutNewline("\r\u{1B}[K") }
      state.isStopped = true
    }
  }

  private func write() {
    let (bytes, steps) = (progress.bytes, progress.steps)
    let (done, total) = steps.total > 0 ? steps : bytes
    guard total > 0 else { return }
    let seconds = Date().timeIntervalSince(start)
    let share = min(1, Double(done) / Double(total))
    var line = String(format: "%3.0f %%", share * 100)
    if steps.total == 0 { line += String(format: "  %.2f GB/s", Double(done) / seconds / 1e9) }
    if share >= 1 {
      if steps.total == 0 { line += "  waiting for the disk" }
    } else if share > 0 {
      line += "  \(Self.duration(seconds / share * (1 - share))) left"
    }
    if isMoving {
      Terminal.writeErrorWithoutNewline("\r\u{1B}[K\(line)")
    } else {
      Terminal.writeError(line)
    }
  }

  static func duration(_ seconds: TimeInterval) -> String {
    let whole = Int(seconds.rounded(.up))
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }
}
