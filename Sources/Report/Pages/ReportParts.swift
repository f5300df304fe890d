import FileNames
import Foundation

/// What stands out, finding by finding: the worst first, with the layers that it is about.
struct Told {
  let items: [[String: Any]]

  private static let mostLayers = 8

  /// - Parameter detailed: layers that have a part of the page, to lead to.
  init(_ report: ResultReport, _ words: any ReportWords, detailed: Set<Int>) {
    struct Place {
      let layer: Int
      let finding: Finding
    }
    var places: [FindingKind: [Place]] = [:]
    for (index, layer) in report.layers.enumerated() {
      for finding in layer.findings {
        places[finding.kind, default: []].append(Place(layer: index, finding: finding))
      }
    }
    let order = FindingKind.allCases
    let all = places.values.map { $0.sorted { Self.isWorse($0.finding, $1.finding) } }
      .sorted { first, second in
        let (one, other) = (first[0].finding, second[0].finding)
        if one.verdict != other.verdict { return one.verdict == .fail }
        return order.firstIndex(of: one.kind) ?? 0 < order.firstIndex(of: other.kind) ?? 0
      }
    items = all.map { places in
      let worst = places[0].finding
      let told = places.prefix(Self.mostLayers)
      let count = report.layers.count
      func name(_ place: Place) -> String { ReportPage.cut(report.layers[place.layer].path.shown, to: 80) }
      return [
        "verdict": worst.verdict.rawValue, "sign": worst.verdict.sign + " " + worst.verdict.rawValue,
        "title": words.title(worst.kind),
        "reason": (places.count > 1 ? "in the worst of them " : "")
          + ReportPage.cut(words.reason(worst).shown, to: 600),
        "where": places.count == 1 ? "in" : "in \(places.count) of \(count) layers,",
        "links": told.filter { detailed.contains($0.layer) }.map {
          ["anchor": LayerDetails.anchor($0.layer), "name": name($0)]
        },
        "names": told.filter { !detailed.contains($0.layer) }.map(name),
        "more": places.count > told.count ? " and \(places.count - told.count) more" : "",
        "advice": words.advice(worst.kind),
      ]
    }
  }

  private static func isWorse(_ one: Finding, _ other: Finding) -> Bool {
    one.verdict == other.verdict ? one.value > other.value : one.verdict == .fail
  }
}

/// All layers in one table.
struct LayerTable {
  let html: String

  /// - Parameters:
  ///   - rows: which layers, by their numbers.
  ///   - detailed: those that have a part of the page.
  init(_ report: ResultReport, _ rows: [Int], _ words: any ReportWords, detailed: Set<Int> = []) {
    let values = rows.map { index -> [String: Any] in
      let layer = report.layers[index]
      let numbers = layer.numbers
      let name = ReportPage.cut(layer.path.shown, to: 120)
      return [
        "verdict": layer.verdict.rawValue, "sign": "\(layer.verdict.sign) \(layer.verdict.rawValue)",
        "link": detailed.contains(index) ? [["anchor": LayerDetails.anchor(index), "name": name]] : [],
        "name": detailed.contains(index) ? [] : [name],
        "reasons": layer.findings.map { words.title($0.kind).lowercased() }.joined(separator: "; "),
        "cells": [
          "\(layer.features)", "\(layer.batches)", shown(numbers.rootMeanSquare),
          shown(numbers.runningMeanDistance),
          shown(numbers.runningVarianceRatio), shown(numbers.batchNoise), shown(numbers.shufflingF),
          shown(numbers.gradientShare), shown(numbers.gradInputSquareSum),
        ],
      ]
    }
    html = Self.template.render(["rows": values])
  }

  private static let template = PageTemplate(
    """
    <div class="scroll" tabindex="0" role="region" aria-label="Table of layers"><table><thead><tr><th class="t" scope="col">verdict</th><th class="t" scope="col">layer</th><th class="t" scope="col">why</th><th scope="col">features</th><th scope="col">batches</th><th scope="col">rms of x</th><th scope="col">running mean off by</th><th scope="col">running var ratio</th><th scope="col">batch noise</th><th scope="col">largest F</th><th scope="col">share removed</th><th scope="col">Σdx²</th></tr></thead><tbody>
    {{#rows}}<tr><td class="t"><span class="chip {{verdict}}">{{sign}}</span></td><th class="t" scope="row">{{#link}}<a href="#{{anchor}}">{{name}}</a>{{/link}}{{#name}}{{.}}{{/name}}</th><td class="t w">{{reasons}}</td>{{#cells}}<td>{{.}}</td>{{/cells}}</tr>
    {{/rows}}</tbody></table></div>
    """)
}

/// A cell for each layer in their order, or for some neighbours, with the verdict of the worst.
struct VerdictStrip {
  /// Nil for a single layer.
  let svg: String?

  private static let mostCells = 200
  private static let width = 800.0

  init(_ report: ResultReport) { self.init(report.layers.map { ($0.path, $0.verdict) }, report.order) }

  init(_ report: ComparisonReport) {
    self.init(report.layers.map { ($0.path, report.verdict(of: $0)) }, report.order)
  }

  private init(_ layers: [(path: String, verdict: Verdict)], _ order: LayerOrder) {
    let count = layers.count
    guard count > 1 else {
      svg = nil
      return
    }
    let ranks: [Verdict] = [.pass, .unknown, .warn, .fail]
    func rank(_ verdict: Verdict) -> Int { ranks.firstIndex(of: verdict) ?? 0 }
    let cells = BinnedSeries(of: count, bins: Self.mostCells)
    var worst = [Verdict](repeating: .pass, count: cells.bins.count)
    for (index, layer) in layers.enumerated()
    where rank(layer.verdict) > rank(worst[cells.bin(of: index)]) {
      worst[cells.bin(of: index)] = layer.verdict
    }
    let width = Self.width / Double(max(worst.count, 20))
    var picture = SVG(width: width * Double(worst.count), height: 22)
    for (cell, verdict) in worst.enumerated() {
      // Higher where it is worse, for those who do not tell the colours.
      let height = [8.0, 12, 16, 22][rank(verdict)]
      let title = worst.count == count ? ReportPage.cut(layers[cell].path.shown, to: 80) : nil
      picture.rectangle(
        Double(cell) * width, 22 - height, max(width - 1.5, width * 0.7), height, "v-\(verdict.rawValue)",
        title: title)
    }
    let counts = Verdict.allCases.map { verdict in
      "\(layers.count { $0.verdict == verdict }) \(verdict.rawValue)"
    }
    .joined(separator: ", ")
    svg = picture.text(label: "\(count) layers in the order of \(order.rawValue): \(counts)", isFlat: true)
  }
}

/// How numbers go from layer to layer in depth.
struct DepthOverview {
  let figures: [[String: String]]

  static let mostPoints = 200

  init(_ report: ResultReport) {
    guard report.layers.count > 1 else {
      figures = []
      return
    }
    let measures: [(String, isRatio: Bool, KeyPath<LayerNumbers, Double?>)] = [
      ("Root mean square of x", true, \.rootMeanSquare), ("Σdx²", true, \.gradInputSquareSum),
      ("Running mean off by, in standard deviations", false, \.runningMeanDistance),
      ("Running variance over population's, or its inverse", true, \.runningVarianceRatio),
      ("Noise of batches", false, \.batchNoise),
      ("Share of the gradient's square removed", false, \.gradientShare),
    ]
    figures = measures.compactMap { title, isRatio, measure in
      let values = report.layers.map { $0.numbers[keyPath: measure] }
      guard values.contains(where: { $0 != nil }) else { return nil }
      var series = BinnedSeries(of: values.count, bins: Self.mostPoints)
      for (index, value) in values.enumerated() {
        if let value { series.add(value, at: index) }
      }
      let numbers = series.range.map { "from \(shown($0.least)) to \(shown($0.largest))" } ?? ""
      let chart = Chart(
        label: "\(title) of \(values.count) layers, \(numbers)", series: [(series, style: "a")],
        isLogarithmic: isRatio, ends: ("first layer", "last"))
      return ["picture": chart.svg, "title": title, "numbers": numbers]
    }
  }
}
