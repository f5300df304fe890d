import Configuration
import Foundation
import Parallel

/// How far a job is at one moment, for people.
struct ProgressReading: Equatable {
  /// The layer that is worked on: its path, its number from 1, and how many there are. Nil where none is named.
  var layer: (path: String, number: Int, count: Int)?
  /// The share that is done, from 0 to 1.
  var share: Double
  /// Nil where steps are counted and not bytes.
  var bytesPerSecond: Double?
  /// Nil as long as nobody can say.
  var secondsLeft: Double?
  /// What the threads do most, and the share of the time that they work.
  var bound: (words: String, share: Double)?

  static func == (one: Self, other: Self) -> Bool {
    one.share == other.share && one.bytesPerSecond == other.bytesPerSecond
      && one.secondsLeft == other.secondsLeft
      && one.layer?.path == other.layer?.path && one.layer?.number == other.layer?.number
      && one.bound?.words == other.bound?.words && one.bound?.share == other.bound?.share
  }
}

/// A reading in one line: the share first, so that it stands still, and the layer's name last, which takes what room is left.
struct ProgressLine {
  let reading: ProgressReading

  /// The line in at most `columns` columns: words are shortened, then what tells least is left out. All of it for nil.
  func text(columns: Int?) -> String {
    let variants = [
      line(isShort: false, hasBound: true, hasRate: true), line(isShort: true, hasBound: true, hasRate: true),
      line(isShort: true, hasBound: false, hasRate: true),
      line(isShort: true, hasBound: false, hasRate: false),
    ]
    guard let columns else { return [variants[0], layer].filter { !$0.isEmpty }.joined(separator: "  ") }
    for variant in variants {
      let room = columns - variant.displayWidth - 2
      if layer.isEmpty, room >= -2 { return variant }
      if let layer = shortened(columns: room) { return "\(variant)  \(layer)" }
    }
    return String(variants[3].prefix(max(0, columns)))
  }

  /// `3/12 /features/bn`
  private var layer: String { [number, name].filter { !$0.isEmpty }.joined(separator: " ") }
  private var name: String { reading.layer?.path.shown ?? "" }
  private var number: String {
    reading.layer.map { $0.count > 1 ? "\($0.number)/\($0.count)" : "" } ?? ""
  }

  /// The layer's number with at least five columns of its name; nil where there is no room for that.
  private func shortened(columns: Int) -> String? {
    guard !layer.isEmpty else { return nil }
    let room = number.isEmpty ? columns : columns - number.displayWidth - 1
    guard room >= min(name.displayWidth, 5) else { return nil }
    return [number, name.end(columns: room)].filter { !$0.isEmpty }.joined(separator: " ")
  }

  private func line(isShort: Bool, hasBound: Bool, hasRate: Bool) -> String {
    var parts = [String(format: "%3.0f %%", (reading.share * 100).rounded(.down))]
    if hasRate, let rate = reading.bytesPerSecond { parts.append(String(format: "%.2f GB/s", rate / 1e9)) }
    if reading.share >= 1, reading.bytesPerSecond != nil {
      parts.append("waiting for the disk")
    } else if let seconds = reading.secondsLeft {
      parts.append("\(isShort ? Self.clock(seconds) : Self.duration(seconds)) left")
    }
    if hasBound, reading.share < 1, let bound = reading.bound {
      parts.append(String(format: "%@ %.0f %%", bound.words, bound.share * 100))
    }
    return parts.joined(separator: "  ")
  }

  static func duration(_ seconds: TimeInterval) -> String {
    let whole = whole(seconds)
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }

  /// `1:03` for a minute and three seconds, `2:00:15` for two hours and more.
  static func clock(_ seconds: TimeInterval) -> String {
    let whole = whole(seconds)
    return whole < 3600
      ? String(format: "%d:%02d", whole / 60, whole % 60)
      : String(format: "%d:%02d:%02d", whole / 3600, whole % 3600 / 60, whole % 60)
  }

  /// Nobody waits longer than 999 hours.
  private static func whole(_ seconds: TimeInterval) -> Int { Int(min(seconds.rounded(.up), 999 * 3600)) }
}

extension StageTimes {
  /// The stages by their names for people; those that were not measured are 0.
  var named: [(words: String, seconds: Double)] {
    [
      ("reading", read ?? 0), ("decoding", decode ?? 0), ("computing", compute ?? 0),
      ("encoding", encode ?? 0), ("writing", write ?? 0), ("waiting", wait ?? 0),
    ]
  }

  /// What the threads did most since an earlier moment, and its share of the time that they worked. Threads that wait do so for
  /// others, so waiting bounds nothing.
  func bound(since earlier: StageTimes) -> (words: String, share: Double)? {
    let spent = zip(named.dropLast(), earlier.named).map {
      (words: $0.words, seconds: $0.seconds - $1.seconds)
    }
    let total = spent.reduce(0) { $0 + max(0, $1.seconds) }
    guard total > 0, let most = spent.max(by: { $0.seconds < $1.seconds }) else { return nil }
    return (most.words, most.seconds / total)
  }
}
