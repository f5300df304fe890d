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
  private let state = Guarded(State())

  private struct State {
    var isStopped = false
    var layer: (path: String, number: Int, count: Int)?
    /// What an earlier run had finished: the share, and what was counted until it was known.
    var earlier = (share: 0.0, done: 0)
    var recent: [Moment] = []
    /// When the layer began.
    var begin: Moment?
  }

  /// What was counted at a time.
  private struct Moment {
    let time: TimeInterval
    let done: Int
    let times: StageTimes
  }

  /// Rates are those of the last seconds, so that they follow what happens.
  private static let window: TimeInterval = 10

  init(_ progress: JobProgress, mode: ProgressMode, log: Logger) {
    self.progress = progress
    self.log = LogFormat.asked == nil ? nil : log
    isMoving = LogFormat.asked == nil && Terminal.errorIsMovable
    interval = isMoving ? 0.2 : mode == .always ? 1 : 30
    state.withLock { $0.recent = [moment] }
    if mode != .never { Thread.detachNewThread { self.draw() } }
  }

  /// Names the layer that comes next, of all of them.
  func begin(_ path: String, of layers: [String]) {
    // Names are bytes: two that are equal as text can be two layers.
    let index = layers.firstIndex { $0.utf8.elementsEqual(path.utf8) } ?? 0
    let moment = moment
    state.withLock {
      $0.layer = (path, index + 1, layers.count)
      $0.begin = moment
    }
  }

  /// How many bytes passed since the layer began, and in how many seconds.
  func end() -> (bytes: Int, seconds: TimeInterval) {
    let now = moment
    return state.withLock { state in
      state.begin.map { (now.done - $0.done, now.time - $0.time) } ?? (0, 0)
    }
  }

  /// Says what an earlier run has finished: what was read so far was only compared.
  func goOn(from share: Double) {
    let done = counts.done
    state.withLock { $0.earlier = (share, done) }
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
    guard let reading = reading(&state) else { return }
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

  private func reading(_ state: inout State) -> ProgressReading? {
    let (total, now) = (counts.total, moment)
    guard total > 0 else { return nil }
    state.recent.append(now)
    while state.recent.count > 2, now.time - state.recent[0].time > Self.window { state.recent.removeFirst() }
    let then = state.recent[0]
    let rate = Double(now.done - then.done) / max(now.time - then.time, 1e-3)
    let share = min(1, state.earlier.share + Double(now.done - state.earlier.done) / Double(total))
    return ProgressReading(
      layer: state.layer, share: share, bytesPerSecond: countsSteps ? nil : rate,
      secondsLeft: rate > 0 && share > 0 && share < 1 ? (1 - share) * Double(total) / rate : nil,
      bound: countsSteps ? nil : now.times.bound(since: then.times))
  }

  private var countsSteps: Bool { progress.steps.total > 0 }
  private var counts: (done: Int, total: Int) { countsSteps ? progress.steps : progress.bytes }
  private var moment: Moment { Moment(time: Self.now, done: counts.done, times: progress.times) }
  private static var now: TimeInterval { ProcessInfo.processInfo.systemUptime }
}

extension ProgressReading {
  /// The numbers, for programs.
  fileprivate var facts: Logger.Metadata {
    var facts: Logger.Metadata = ["share": .stringConvertible(share)]
    if let layer { facts["layer"] = .string(layer.path) }
    if let bytesPerSecond { facts["gigabytes_per_second"] = .stringConvertible(bytesPerSecond / 1e9) }
    if let secondsLeft { facts["seconds_left"] = .stringConvertible(secondsLeft) }
    if let bound { facts["bound"] = .string(bound.words) }
    return facts
  }
}
