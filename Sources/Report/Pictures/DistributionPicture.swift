import Foundation

/// Bars over equal parts of an axis, as high as there are values.
struct DistributionPicture {
  /// What it shows, for those who do not see it.
  let label: String
  let distribution: Distribution

  private static let (width, height) = (320.0, 110.0)
  private static let (left, right, top, bottom) = (6.0, 314.0, 8.0, 90.0)

  var svg: String {
    var picture = SVG(width: Self.width, height: Self.height)
    let bars = distribution.bars
    let largest = max(bars.max() ?? 1, .leastNonzeroMagnitude)
    let step = (Self.right - Self.left) / Double(bars.count)
    var data = "M\(SVG.short(Self.left)) \(SVG.short(Self.bottom))"
    for bar in bars {
      data += "V\(SVG.short(Self.bottom - (Self.bottom - Self.top) * bar / largest))h\(SVG.short(step))"
    }
    picture.path(data + "V\(SVG.short(Self.bottom))z", "area a")
    picture.line(Self.left, Self.bottom, Self.right, Self.bottom, "axis")
    if distribution.from < 0, distribution.to > 0 {
      let range = distribution.to - distribution.from
      let zero = Self.left + (Self.right - Self.left) * (0 - distribution.from) / range
      picture.line(zero, Self.top, zero, Self.bottom, "level z")
    }
    picture.words(shortly(distribution.from), Self.left, Self.height - 7)
    picture.words(shortly(distribution.to), Self.right, Self.height - 7, anchor: "end")
    return picture.text(label: label)
  }

  /// What is told beside it.
  static func numbers(_ distribution: Distribution) -> String {
    var numbers = [
      "\(distribution.values) values, half below \(shown(rounded(distribution.median))), a thousandth below "
        + "\(shown(rounded(distribution.low))) and above \(shown(rounded(distribution.high)))"
    ]
    let outside = distribution.below + distribution.above
    if outside > 0 { numbers.append("\(outside) not drawn") }
    if distribution.nan + distribution.infinite > 0 {
      numbers.append("\(distribution.nan) NaN, \(distribution.infinite) infinite")
    }
    return numbers.joined(separator: "; ")
  }

  /// Bins are a quarter of a power of two: more digits would say too much.
  private static func rounded(_ value: Double) -> Double { Double(String(format: "%.2g", value)) ?? value }
}
