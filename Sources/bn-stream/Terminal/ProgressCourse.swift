import Foundation
import Jobs
import Parallel

/// What was counted of a job so far, and what follows from it: the share that is done, the rate of the last seconds, and the time that is
/// left at that rate.
struct ProgressCourse {
  /// What was counted at a time.
  struct Moment {
    /// In seconds, from any time on.
    let time: TimeInterval
    /// Bytes, or steps.
    let done: Int
    let times: StageTimes
  }

  private var layer: (path: String, number: Int, count: Int)?
  /// What an earlier run had finished: the share, and what was counted until it was known.
  private var earlier = (share: 0.0, done: 0)
  private var recent: [Moment]
  /// When the layer began.
  private var begin: Moment?

  /// Rates are those of the last seconds, so that they follow what happens.
  private static let window: TimeInterval = 10

  init(_ begin: Moment) { recent = [begin] }

  /// The layer that comes next, of all of them.
  mutating func begin(_ path: String, of layers: [String], at moment: Moment) {
    // Names are bytes: two that are equal as text can be two layers.
    let index = layers.firstIndex { $0.utf8.elementsEqual(path.utf8) } ?? 0
    layer = (path, index + 1, layers.count)
    begin = moment
  }

  /// What was counted since the layer began, and in how many seconds.
  func sinceBegin(_ now: Moment) -> (bytes: Int, seconds: TimeInterval) {
    begin.map { (now.done - $0.done, now.time - $0.time) } ?? (0, 0)
  }

  /// Says what an earlier run has finished: what was counted so far was only compared.
  mutating func goOn(from share: Double, at now: Moment) { earlier = (share, now.done) }

  /// What there is to show; nil as long as nobody knows how much there is to do.
  mutating func reading(_ now: Moment, of progress: JobProgress) -> ProgressReading? {
    reading(now, total: progress.counts.total, countsSteps: progress.countsSteps)
  }

  /// - Parameters:
  ///   - total: what there is to count in all.
  ///   - countsSteps: true if that is no bytes.
  mutating func reading(_ now: Moment, total: Int, countsSteps: Bool) -> ProgressReading? {
    guard total > 0 else { return nil }
    recent.append(now)
    while recent.count > 2, now.time - recent[0].time > Self.window { recent.removeFirst() }
    let then = recent[0]
    let rate = Double(now.done - then.done) / max(now.time - then.time, 1e-3)
    let share = min(1, earlier.share + Double(now.done - earlier.done) / Double(total))
    return ProgressReading(
      layer: layer, share: share, bytesPerSecond: countsSteps ? nil : rate,
      secondsLeft: rate > 0 && share > 0 && share < 1 ? (1 - share) * Double(total) / rate : nil,
      bound: countsSteps ? nil : now.times.bound(since: then.times))
  }
}

extension JobProgress {
  /// True if there are steps, and not bytes.
  var countsSteps: Bool { steps.total > 0 }
  /// What is done, and what there is to do.
  var counts: (done: Int, total: Int) { countsSteps ? steps : bytes }
}
