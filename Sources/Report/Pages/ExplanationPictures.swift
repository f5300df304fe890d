import Explain
import Foundation

/// The series of an experiment as pictures: those of all set-ups in one, where they are the same quantity.
struct ExplanationPictures {
  private(set) var figures: [[String: Any]] = []
  private let series: [String: Series]
  private let variantName: (Variant) -> String

  /// Set-ups with the classes of the page's style that they have.
  private static let styles: [(Variant, String)] = [(.without, "a"), (.with, "b"), (.noisy, "r")]
  private static let points = 120

  init(_ explanation: Explanation, naming variant: @escaping (Variant) -> String) {
    series = Dictionary(explanation.series.map { ($0.path, $0) }) { first, _ in first }
    variantName = variant
    switch explanation.topic {
    case .landscape:
      compare("Loss, step by step", ["loss"], isRatio: true)
      compare("Range of the loss along the gradient", ["loss_low", "loss_high"], isRatio: true)
      compare("Change of the gradient along it", ["predictiveness"], isRatio: true)
      compare("Effective beta-smoothness", ["smoothness"], isRatio: true)
    case .covariateShift:
      compare("Loss, step by step", ["loss"], isRatio: true)
      compare("Movement of the units' means", ["movement_of_means"], isRatio: true)
      compare("Shift of the gradient", ["gradient_distance"], isRatio: true)
      compare("Cosine of the gradients before and after", ["gradient_cosine"])
    case .percentiles: percentiles()
    case .whitening: spectrum()
    case .saturation: sigmoids()
    case .biasDrift: drift()
    case .adjoints, .identity: break
    }
  }

  /// - Parameter numbers: each with the class of what is drawn in that colour, if it is one.
  private mutating func add(_ title: String, _ numbers: [(key: String?, text: String)], _ picture: String) {
    figures.append([
      "title": title, "picture": picture,
      "numbers": numbers.map { ["key": $0.key.map { [$0] } ?? [], "text": $0.text] as [String: Any] },
    ])
  }

  private func range(_ series: BinnedSeries) -> String {
    series.range.map { "\(shown($0.least)) to \(shown($0.largest))" } ?? "no finite number of \(series.count)"
  }

  private func binned(_ values: [Double]) -> BinnedSeries {
    var series = BinnedSeries(of: values.count, bins: Self.points)
    for (index, value) in values.enumerated() { series.add(value, at: index) }
    return series
  }

  /// One quantity of all set-ups; of several names, the range that they span.
  private mutating func compare(_ title: String, _ names: [String], isRatio: Bool = false) {
    var drawn: [(BinnedSeries, style: String)] = []
    var words: [(key: String?, text: String)] = []
    for (variant, style) in Self.styles {
      let found = names.compactMap { series["\(variant.rawValue)/\($0)"]?.values }
      guard let count = found.first?.count, found.count == names.count else { continue }
      var all = BinnedSeries(of: count, bins: Self.points)
      for values in found { for (index, value) in values.enumerated() { all.add(value, at: index) } }
      drawn.append((all, style: style))
      words.append((style, "\(variantName(variant)) \(range(all))"))
    }
    guard let count = drawn.first?.0.count else { return }
    add(
      title, words,
      Chart(
        label: "\(title): \(words.map(\.text).joined(separator: "; "))", series: drawn,
        isLogarithmic: isRatio, ends: ("step 0", "\(max(0, count - 1))")
      ).svg)
  }

  /// The 15th, 50th and 85th of a few units.
  private mutating func percentiles() {
    compare("Loss, step by step", ["loss"], isRatio: true)
    for (variant, style) in Self.styles {
      guard let found = series["\(variant.rawValue)/percentiles"], found.shape.count == 3 else { continue }
      let (steps, units, shares) = (found.shape[0], found.shape[1], found.shape[2])
      for unit in 0..<min(3, units) {
        let lines = (0..<shares).map { share in
          binned((0..<steps).map { found.values[($0 * units + unit) * shares + share] })
        }
        let title = "What enters unit \(unit), \(variantName(variant))"
        let numbers = "15 %, 50 % and 85 % of the samples: " + lines.map(range).joined(separator: "; ")
        add(
          title, [(style, numbers)],
          Chart(
            label: "\(title), \(numbers)", series: lines.map { ($0, style: style) },
            // They are taken at some of the steps only.
            ends: ("first step", "last")
          ).svg)
      }
    }
  }

  /// The covariance's eigenvalues, largest first, beside those after whitening, which are 1.
  private mutating func spectrum() {
    guard let found = series["eigenvalues"] else { return }
    let values = binned(found.values)
    add(
      "Eigenvalues of the covariance, before and after whitening",
      [("a", "before \(range(values))"), ("p", "after 1")],
      Chart(
        label: "Eigenvalues of the covariance, \(range(values)); after whitening 1",
        series: [(values, style: "a")],
        levels: [Chart.Level(value: 1, style: "p")], isLogarithmic: true,
        ends: ("eigenvalue 1", "\(found.values.count)")
      ).svg)
  }

  private mutating func drift() {
    guard let found = series["outside/bias"] else { return }
    let values = binned(found.values)
    add(
      "The bias that moves farthest, normalized outside of the step", [("a", range(values))],
      Chart(
        label: "The bias, \(range(values))", series: [(values, style: "a")],
        levels: [Chart.Level(value: 0, style: "z")], ends: ("step 0", "\(max(0, found.values.count - 1))")
      ).svg)
  }

  /// Where values lie on the sigmoid: the curve, and below it how many there are.
  private mutating func sigmoids() {
    for variant in [Variant.xHat, .layer, .gamma4] {
      guard let found = series["\(variant.rawValue)/histogram"], let largest = found.values.max(), largest > 0
      else {
        continue
      }
      let (width, bottom) = (320.0, 100.0)
      var picture = SVG(width: width, height: 118)
      func x(_ t: Double) -> Double { 10 + (width - 20) * (t - Self.least) / (Self.largest - Self.least) }
      let step = (Self.largest - Self.least) / Double(found.values.count)
      let bars = found.values.enumerated().map { bin, count in
        count == 0
          ? ""
          : "M\(SVG.short(x(Self.least + Double(bin) * step))) \(SVG.short(bottom))h\(SVG.short((width - 20) / Double(found.values.count)))"
            + "v\(SVG.short(-84 * count / largest))h\(SVG.short(-(width - 20) / Double(found.values.count)))z"
      }.joined()
      picture.rectangle(x(-1), 8, x(1) - x(-1), bottom - 8, "band p")
      picture.path(bars, "area a")
      let curve = stride(from: Self.least, through: Self.largest, by: 0.25).map { t in
        "\(SVG.short(x(t))) \(SVG.short(bottom - 90 / (1 + exp(-t))))"
      }
      picture.path("M" + curve.joined(separator: "L"), "line b")
      picture.line(10, bottom, width - 10, bottom, "axis")
      for t in [-8.0, -1, 1, 8] {
        picture.words(shown(t), x(t), 113, anchor: t == -8 ? "start" : t == 8 ? "end" : "middle")
      }
      let all = found.values.reduce(0, +)
      let inside = zip(found.values.indices, found.values).reduce(0.0) { sum, bin in
        let middle = Self.least + (Double(bin.0) + 0.5) * step
        return abs(middle) < 1 ? sum + bin.1 : sum
      }
      let numbers = "\(shown(inside)) of \(shown(all)) values inside ±1"
      add(
        "On the sigmoid: \(variantName(variant))",
        [("b", "the sigmoid"), ("a", "how many values lie where: \(numbers)")],
        picture.text(label: "A sigmoid and how many values lie where, \(variantName(variant)): \(numbers)"))
    }
  }

  /// What the histogram of ``Saturation`` reaches over.
  private static let (least, largest) = (-8.0, 8.0)
}
