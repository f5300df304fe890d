import Foundation

/// A small chart of series over batches, features or layers, with levels to compare with.
struct Chart {
  /// A number that holds everywhere, with a band around it.
  struct Level {
    let value: Double
    /// A class of the page's style, as `population`.
    let style: String
    var error = 0.0
  }

  /// What it shows, for those who do not see it.
  let label: String
  /// Each with a class of the page's style.
  var series: [(BinnedSeries, style: String)]
  var levels: [Level] = []
  /// True for numbers that are compared by their ratios; only those above 0 are drawn.
  var isLogarithmic = false
  /// What the axis below begins and ends with.
  var ends: (String, String)

  private static let (width, height) = (320.0, 110.0)
  private static let (left, right, top, bottom) = (68.0, 314.0, 8.0, 90.0)

  /// The picture. Numbers that are not finite are marked below the others.
  var svg: String {
    var picture = SVG(width: Self.width, height: Self.height)
    picture.line(Self.left, Self.bottom, Self.right, Self.bottom, "axis")
    picture.line(Self.left, Self.top, Self.left, Self.bottom, "axis")
    picture.words(ends.0, Self.left, Self.height - 7)
    picture.words(ends.1, Self.right, Self.height - 7, anchor: "end")
    guard let range else {
      picture.words("no finite number", (Self.left + Self.right) / 2, 50, anchor: "middle")
      for (series, _) in series { markNonfinite(series, in: &picture) }
      return picture.text(label: label)
    }
    picture.words(shortly(value(range.upperBound)), Self.left - 4, Self.top + 8, anchor: "end")
    picture.words(shortly(value(range.lowerBound)), Self.left - 4, Self.bottom, anchor: "end")
    for level in levels {
      if level.error > 0, level.error.isFinite,
        let low = y(level.value - level.error, range) ?? Optional(Self.bottom),
        let high = y(level.value + level.error, range)
      {
        picture.rectangle(
          Self.left, high, Self.right - Self.left, max(0.5, low - high), "band \(level.style)")
      }
      if let y = y(level.value, range) { picture.line(Self.left, y, Self.right, y, "level \(level.style)") }
    }
    for (series, style) in series {
      picture.path(area(series, range), "area \(style)")
      picture.path(line(series, range), "line \(style)")
      markNonfinite(series, in: &picture)
    }
    return picture.text(label: label)
  }

  /// What is drawn of a number: itself, or its logarithm.
  private func scaled(_ value: Double) -> Double? {
    let scaled = isLogarithmic ? (value > 0 ? log10(value) : .nan) : value
    return scaled.isFinite ? scaled : nil
  }

  private func value(_ scaled: Double) -> Double { isLogarithmic ? pow(10, scaled) : scaled }

  /// From the least to the largest of all that is drawn, never empty.
  private var range: ClosedRange<Double>? {
    let numbers =
      series.flatMap { $0.0.bins.flatMap { $0.finite > 0 ? [$0.least, $0.largest] : [] } }.compactMap(scaled)
      + levels.map(\.value).compactMap(scaled)
    guard let least = numbers.min(), let largest = numbers.max() else { return nil }
    let margin =
      least < largest
      ? (largest / 2 - least / 2) * 0.1 : max(largest.magnitude * 0.05, isLogarithmic ? 0.05 : 1e-9)
    let (low, high) = (max(least - margin, -1e308), min(largest + margin, 1e308))
    return low...max(low, high)
  }

  private func x(_ bin: Int, of count: Int) -> Double {
    Self.left + (Self.right - Self.left) * (Double(bin) + 0.5) / Double(count)
  }

  private func y(_ value: Double, _ range: ClosedRange<Double>) -> Double? {
    guard let scaled = scaled(value) else { return nil }
    let length = range.upperBound / 2 - range.lowerBound / 2
    guard length > 0 else { return (Self.top + Self.bottom) / 2 }
    let share = (scaled / 2 - range.lowerBound / 2) / length
    return Self.bottom - (Self.bottom - Self.top) * min(1, max(0, share))
  }

  /// Through the bins' means; it breaks where there is none, and a lonely one is a dot.
  private func line(_ series: BinnedSeries, _ range: ClosedRange<Double>) -> String {
    var data = ""
    let points = series.bins.map { y($0.mean, range) }
    for (bin, point) in points.enumerated() {
      guard let point else { continue }
      let begins = bin == 0 || points[bin - 1] == nil
      data += "\(begins ? "M" : "L")\(SVG.short(x(bin, of: points.count))) \(SVG.short(point))"
      if begins, bin + 1 == points.count || points[bin + 1] == nil { data += "h.1" }
    }
    return data
  }

  /// From the least to the largest of each bin, where a bin has several numbers.
  private func area(_ series: BinnedSeries, _ range: ClosedRange<Double>) -> String {
    guard series.bins.contains(where: { $0.least < $0.largest }) else { return "" }
    let half = (Self.right - Self.left) / Double(series.bins.count) / 2
    return series.bins.enumerated().map { bin, numbers in
      guard let low = y(numbers.least, range) ?? (numbers.finite > 0 ? Self.bottom : nil),
        let high = y(numbers.largest, range), low - high > 0.05
      else { return "" }
      let (x, width) = (x(bin, of: series.bins.count) - half, 2 * half)
      return "M\(SVG.short(x)) \(SVG.short(low))h\(SVG.short(width))V\(SVG.short(high))h\(SVG.short(-width))z"
    }.joined()
  }

  private func markNonfinite(_ series: BinnedSeries, in picture: inout SVG) {
    let data = series.bins.enumerated().map { bin, numbers in
      numbers.nonfinite == 0
        ? "" : "M\(SVG.short(x(bin, of: series.bins.count))) \(SVG.short(Self.bottom))v6"
    }.joined()
    picture.path(data, "nonfinite")
  }
}

/// Rows of features over columns of batches, each cell one of nine colours.
struct HeatMap {
  let label: String
  let rows: [[Double]]
  /// Which rows and columns there are: the first and the last feature, and batch.
  let features: Int
  let batches: Int

  private static let width = 320.0
  private static let (left, right) = (68.0, 314.0)
  /// Up to so many standard deviations each: −3, −1, −0.3, −0.1, and the same above 0.
  static let bounds = [0.1, 0.3, 1, 3]

  /// A class of the page's style.
  static func style(_ value: Double) -> String? {
    if value.isNaN { return nil }
    if value.isInfinite { return "hx" }
    let step = bounds.count { value.magnitude > $0 }
    return step == 0 ? "h0" : "h\(value < 0 ? "m" : "p")\(step)"
  }

  var svg: String {
    let rowHeight = min(14, max(5, 96 / Double(max(1, rows.count))))
    let height = rowHeight * Double(rows.count)
    var picture = SVG(width: Self.width, height: height + 26)
    let columns = rows.first?.count ?? 1
    let width = (Self.right - Self.left) / Double(columns)
    // One path for each colour: the cells' places, neighbours of one colour together.
    var paths: [String: String] = [:]
    for (row, values) in rows.enumerated() {
      var column = 0
      while column < values.count {
        let style = Self.style(values[column])
        var end = column + 1
        while end < values.count, Self.style(values[end]) == style { end += 1 }
        if let style {
          let (x, y) = (Self.left + Double(column) * width, 4 + Double(row) * rowHeight)
          paths[style, default: ""] +=
            "M\(SVG.short(x)) \(SVG.short(y))h\(SVG.short(Double(end - column) * width))v\(SVG.short(rowHeight))"
            + "h\(SVG.short(-Double(end - column) * width))z"
        }
        column = end
      }
    }
    for style in paths.keys.sorted() { picture.path(paths[style] ?? "", style) }
    picture.words("0", Self.left - 4, 12, anchor: "end")
    if features > 1, rows.count > 1 {
      picture.words("\(features - 1)", Self.left - 4, 4 + height - 1, anchor: "end")
    }
    picture.words("batch 0", Self.left, height + 18)
    if batches > 1 { picture.words("\(batches - 1)", Self.right, height + 18, anchor: "end") }
    return picture.text(label: label)
  }
}
