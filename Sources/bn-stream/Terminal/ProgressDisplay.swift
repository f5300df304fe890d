import ArgumentParser
import Foundation
import Jobs
import Logging
import Parallel

/// When to show progress.
enum ProgressMode: String, ExpressibleByArgument, CaseIterable {
  /// A moving line on a terminal; a line every half minute elsewhere.
  case auto
  case always
  case never
}

/// Shows how far a job is on standard error, from a thread of its own: on a terminal in one line that is drawn anew, elsewhere
/// in a line now and then.
final class ProgressDisplay: Sendable {
  private let progress: JobProgress
  /// Takes progress as lines, where the log has times.
  private let log: Logger?
  private let isMoving: Bool
  private let interval: TimeInterval
  private let state: Guarded<State>

  private struct State {
    var isStopped = false
    var course: ProgressCourse
  }

  init(_ progress: JobProgress, mode: ProgressMode, log: Logger) {
    self.progress = progress
    self.log = LogFormat.asked == nil ? nil : log
    isMoving = LogFormat.asked == nil && Terminal.errorIsMovable
    interval = isMoving ? 0.2 : mode == .always ? 1 : 30
    state = Guarded(State(course: ProgressCourse(Self.moment(of: progress))))
    if mode != .never { Thread.detachNewThread { self.draw() } }
  }

  /// Names the layer that comes next, of all of them.
  func begin(_ path: String, of layers: [String]) {
    let moment = moment
    state.withLock { $0.course.begin(path, of: layers, at: moment) }
  }

  /// How many bytes passed since the layer began, and in how many seconds.
  func end() -> (bytes: Int, seconds: TimeInterval) {
    let now = moment
    return state.withLock { $0.course.sinceBegin(now) }
  }

  /// Says what an earlier run has finished: what was read so far was only compared.
  func goOn(from share: Double) {
    let now = moment
    state.withLock { $0.course.goOn(from: share, at: now) }
  }

  private func draw() {
    var next = Self.now + interval
    while true {
      Thread.sleep(forTimeInterval: 0.1)
      let isStopped = state.withLock { state in
        if !state.isStopped, Self.now >= next {
          write(&state)
          next = Self.now + interval
        }
        return state.isStopped
      }
      if isStopped { return }
    }
  }

  /// Ends the display and clears its line.
  func stop() {
    state.withLock { state in
      if !state.isStopped, isMoving { Terminal.moveLine("") }
      state.isStopped = true
    }
  }

  private func write(_ state: inout State) {
    guard let reading = state.course.reading(moment, of: progress) else { return }
    let line = ProgressLine(reading: reading)
    if let log {
      var unnamed = reading
      unnamed.layer = nil
      let words = ProgressLine(reading: unnamed).text(columns: nil).drop { $0 == " " }
      log.info("\(words)", metadata: reading.facts)
    } else if isMoving {
      // In the last column a terminal may begin a new line; and its width may change at any time.
      Terminal.moveLine(line.text(columns: Terminal.errorColumns - 1))
    } else {
      Terminal.writeError(line.text(columns: nil))
    }
  }

  private var moment: ProgressCourse.Moment { Self.moment(of: progress) }
  private static func moment(of progress: JobProgress) -> ProgressCourse.Moment {
    ProgressCourse.Moment(time: now, done: progress.counts.done, times: progress.times)
  }
  private static var now: TimeInterval { ProcessInfo.processInfo.systemUptime }
}

extension ProgressReading {
  /// The numbers, for programs.
  var facts: Logger.Metadata {
    var facts: Logger.Metadata = ["share": .stringConvertible(share)]
    if let layer { facts["layer"] = .string(layer.path) }
    if let bytesPerSecond { facts["gigabytes_per_second"] = .stringConvertible(bytesPerSecond / 1e9) }
    if let secondsLeft { facts["seconds_left"] = .stringConvertible(secondsLeft) }
    if let bound { facts["bound"] = .string(bound.words) }
    return facts
  }
}
