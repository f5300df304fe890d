import Foundation
import Inspection

/// What is wrong in a result that differs as people read it: how much and where, then how far off.
struct WrongValuesText {
  private let wrong: WrongValues
  private let comparison: ResultComparison

  init(_ wrong: WrongValues, of comparison: ResultComparison) {
    self.wrong = wrong
    self.comparison = comparison
  }

  var lines: [String] {
    let share = wrong.count == comparison.count ? "all" : "\(wrong.count) (\(percent(wrong.share))) of"
    let number = comparison.count == 1 ? "number" : "numbers"
    var special: [String] = []
    if wrong.nan > 0 { special.append("\(wrong.nan) NaN") }
    if wrong.infinite > 0 { special.append("\(wrong.infinite) infinite") }
    let places = [
      axis("feature", wrong.features), axis("batch", wrong.batches), axis("sample", wrong.samples),
      axis("position", wrong.positions),
    ].compactMap { $0 }
    var lines = [
      "\(comparison.dataset): \(share) \(comparison.count) \(number) wrong"
        + (special.isEmpty ? "" : ", \(special.joined(separator: ", ")) of them")
        + (places.isEmpty ? "" : ": \(places.joined(separator: "; "))")
    ]
    var values = "  first \(words(wrong.first))"
    if wrong.worst.index != wrong.first.index { values += ", worst \(words(wrong.worst))" }
    lines.append(values + direction)
    return lines
  }

  private func percent(_ share: Double) -> String { String(format: "%.3g %%", 100 * share) }

  private func words(_ value: WrongValues.Value) -> String {
    "\(value.index) \(distinct(value.theirs, from: value.ours)) for \(distinct(value.ours, from: value.theirs))"
  }

  /// As `feature 3 (of 6)`, `samples 60-63 (of 64)` or `all 25 positions`; nil where there is only one.
  private func axis(_ name: String, _ touched: WrongValues.Touched?) -> String? {
    guard let touched, touched.of > 1 else { return nil }
    let names = name == "batch" ? "batches" : name + "s"
    if touched.count == touched.of { return "all \(touched.of) \(names)" }
    let isWhole = touched.ranges.reduce(0) { $0 + $1[1] - $1[0] + 1 } == touched.count
    if isWhole && touched.ranges.count <= 4 {
      let ranges = touched.ranges.map { $0[0] == $0[1] ? "\($0[0])" : "\($0[0])-\($0[1])" }
      return
        "\(touched.count == 1 ? name : names) \(ranges.joined(separator: ", ")) (of \(touched.of))"
    }
    let worst = touched.worst.prefix(3).map { "\($0.index)" }.joined(separator: ", ")
    return "\(touched.count) of \(touched.of) \(names), most in \(worst)"
  }

  /// To which side, and how far, in units in the last place.
  private var direction: String {
    guard let least = wrong.ulps.first, let greatest = wrong.ulps.last, least < greatest else { return "" }
    let different = wrong.histogram.filter { $0.from != $0.to }
    let negative = different.filter { $0.to <= 0 }.reduce(0) { $0 + $1.count }
    let positive = different.filter { $0.from >= 0 }.reduce(0) { $0 + $1.count }
    let both = negative + positive
    let range = String(format: "%.2g to %.2g ulp", least, greatest)
    if both == 0 { return "" }
    if negative == 0 || positive == 0 {
      return "; errors \(range), all \(positive == 0 ? "down" : "up")wards"
    }
    return "; errors \(range), \(percent(Double(positive) / Double(both))) of them upwards"
  }
}
