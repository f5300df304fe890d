import FileNames
import Foundation

/// A comparison as a page: how far layers differ along the depth, then all layers, then the layers that differ most, feature by feature.
public struct ComparisonPage {
  private let report: ComparisonReport

  public init(_ report: ComparisonReport) { self.report = report }

  /// So many layers have a part of their own, so many rows are in the table at most, and so many bytes of them.
  private static let mostParts = 40
  private static let mostRows = 1500
  private static let mostTableBytes = 300 << 10

  /// Layers by number, the most different first.
  private var byDifference: [Int] {
    report.layers.indices.sorted { one, other in
      let (first, second) = (report.layers[one].difference, report.layers[other].difference)
      return first == second ? one < other : first > second
    }
  }

  /// The page in HTML, at most 1 MiB.
  public var html: String {
    let order = byDifference
    let parts = order.prefix(Self.mostParts).filter { report.layers[$0].difference > 0 }
    var rows = min(report.layers.count, Self.mostRows)
    var table = table(Array(order.prefix(rows)).sorted(), detailed: Set(parts))
    while table.utf8.count > Self.mostTableBytes {
      rows /= 2
      table = self.table(Array(order.prefix(rows)).sorted(), detailed: Set(parts))
    }
    let worst = order.first.map { report.layers[$0] }
    let values: [String: Any] = [
      "first": report.first.shown, "second": report.second.shown, "verdict": verdict.rawValue,
      "result": result,
      "strip": VerdictStrip(report).svg.map { [$0] } ?? [],
      "summary": worst.map(summary) ?? "", "others": others, "figures": overview, "table": table,
      "order": report.order == .depth ? "depth" : "name",
      "missing": rows < report.layers.count ? ["\(report.layers.count - rows)"] : [],
      "parts": parts.map(part), "hasParts": parts.isEmpty ? [] : [true],
      "leftOut": report.layers.count { $0.difference > 0 } > parts.count
        ? ["\(report.layers.count { $0.difference > 0 } - parts.count)"] : [],
    ]
    return Page(
      title: "\(report.first.shown) and \(report.second.shown) – bn-stream compare", style: PageStyle.text,
      body: Self.template.render(values)
    ).html
  }

  private var verdict: Verdict {
    report.isWithin
      ? report.layers.map(report.verdict).max { Self.rank($0) < Self.rank($1) } ?? .unknown : .fail
  }

  private static func rank(_ verdict: Verdict) -> Int {
    [.pass, .unknown, .warn, .fail].firstIndex(of: verdict) ?? 0
  }

  private var result: String {
    guard let limit = report.failAbove else { return "No limit was given" }
    return report.isWithin
      ? "All layers are within \(shown(limit)) standard deviations"
      : "Beyond \(shown(limit)) standard deviations"
  }

  private func summary(_ worst: LayerComparison) -> String {
    let count = report.layers.count
    let which = count == 1 ? "Of" : "Most different of \(count) layers is"
    let compared = count - report.withoutStatistics.count
    if compared == 0 { return "Neither file has finite statistics of a layer that both have." }
    let equal =
      compared == count
      ? (count == 1 ? "the one layer" : "all \(count) layers") : "\(compared) of \(count) layers"
    return worst.difference == 0
      ? "The statistics of \(equal) are equal."
      : "\(which) \(ReportPage.cut(worst.path.shown, to: 200)): a mean or a standard deviation moved by \(shown(worst.difference)) of the first file's standard deviations."
  }

  private var others: [String] {
    func listed(_ what: String, _ paths: [String]) -> String? {
      guard !paths.isEmpty else { return nil }
      let names = paths.prefix(8).map { ReportPage.cut($0.shown, to: 80) }.joined(separator: ", ")
      return "\(what): \(names)" + (paths.count > 8 ? " and \(paths.count - 8) more" : "")
    }
    let changed = report.layers.filter { $0.diedFeatures + $0.revivedFeatures > 0 }
    let died = changed.reduce(0) { $0 + $1.diedFeatures }
    let revived = changed.reduce(0) { $0 + $1.revivedFeatures }
    return [
      changed.isEmpty
        ? nil
        : "\(counted(died, "feature", "features")) died, which vary in the first file only, and \(revived) revived, in "
          + counted(changed.count, "layer", "layers"),
      listed("Only in the first file", report.onlyInFirst),
      listed("Only in the second file", report.onlyInSecond),
      listed("Of another number of features", report.ofOtherShape),
      listed("Without finite statistics in either file", report.withoutStatistics),
    ].compactMap { $0 }
  }

  /// How layers differ along the depth.
  private var overview: [[String: String]] {
    guard report.layers.count > 1 else { return [] }
    let measures: [(String, isRatio: Bool, level: Double?, (LayerComparison) -> Double?)] = [
      ("Largest shift of a mean, in standard deviations", false, nil, \.meanShift),
      ("Variance of the second over the first", true, 1, \.varianceRatio),
      ("Cosine of dγ", false, nil, { $0.gradGamma?.cosine }),
      ("Distance of dγ", false, nil, { $0.gradGamma?.distance }),
      ("Cosine of dβ", false, nil, { $0.gradBeta?.cosine }),
      ("Distance of dβ", false, nil, { $0.gradBeta?.distance }),
    ]
    return measures.compactMap { title, isRatio, level, measure in
      var series = BinnedSeries(of: report.layers.count, bins: DepthOverview.mostPoints)
      for (index, layer) in report.layers.enumerated() {
        if let value = measure(layer) { series.add(value, at: index) }
      }
      guard let range = series.range else { return nil }
      let numbers = "from \(shown(range.least)) to \(shown(range.largest))"
      let chart = Chart(
        label: "\(title) of \(report.layers.count) layers, \(numbers)", series: [(series, style: "a")],
        levels: level.map { [Chart.Level(value: $0, style: "z")] } ?? [], isLogarithmic: isRatio,
        ends: ("first layer", "last"))
      return ["picture": chart.svg, "title": title, "numbers": numbers]
    }
  }

  private func table(_ rows: [Int], detailed: Set<Int>) -> String {
    let values = rows.map { index -> [String: Any] in
      let layer = report.layers[index]
      let verdict = report.verdict(of: layer)
      let name = ReportPage.cut(layer.path.shown, to: 120)
      let isLink = detailed.contains(index)
      return [
        "verdict": verdict.rawValue, "sign": verdict.sign,
        "link": isLink ? [["anchor": LayerDetails.anchor(index), "name": name]] : [],
        "name": isLink ? [] : [name],
        "cells": [
          shown(layer.difference), shown(layer.meanShift), shown(layer.meanShiftRMS),
          shown(layer.varianceRatio),
          shown(layer.leastVarianceRatio), shown(layer.largestVarianceRatio), shown(layer.gradGamma?.cosine),
          shown(layer.gradGamma?.distance), shown(layer.gradBeta?.cosine), shown(layer.gradBeta?.distance),
          "\(layer.diedFeatures)", "\(layer.revivedFeatures)",
        ],
      ]
    }
    return Self.tableTemplate.render(["rows": values])
  }

  private func part(_ index: Int) -> [String: Any] {
    let layer = report.layers[index]
    let verdict = report.verdict(of: layer)
    func figure(_ title: String, _ series: BinnedSeries, level: Double, isRatio: Bool) -> [String: String] {
      let numbers =
        series.range.map { "\(shown($0.least)) to \(shown($0.largest))" } ?? "no number is finite"
      let chart = Chart(
        label: "\(title), \(numbers)", series: [(series, style: "a")],
        levels: [Chart.Level(value: level, style: "z")],
        isLogarithmic: isRatio, ends: ("feature 0", series.count > 1 ? "\(series.count - 1)" : ""))
      return ["picture": chart.svg, "title": title, "numbers": numbers]
    }
    return [
      "anchor": LayerDetails.anchor(index), "name": ReportPage.cut(layer.path.shown, to: 200),
      "verdict": verdict.rawValue, "sign": verdict.sign,
      "told": layer.telling.count < layer.features
        ? "The \(layer.telling.count) of \(layer.features) features that differ most" : "All features",
      "figures": [
        figure("Shift of the mean, in standard deviations", layer.shifts, level: 0, isRatio: false),
        figure("Variance of the second over the first", layer.ratios, level: 1, isRatio: true),
      ],
      "rows": layer.telling.map { feature in
        [
          "feature": "\(feature.feature)",
          "cells": [
            shown(feature.firstMean), shown(feature.secondMean), shown(feature.meanShift),
            shown(feature.firstVariance),
            shown(feature.secondVariance), shown(feature.deviationShift),
          ],
          "why": feature.died
            ? "died" : feature.revived ? "revived" : feature.isFiniteInOne ? "not finite in one" : "",
        ] as [String: Any]
      },
    ]
  }

  private static let tableTemplate = PageTemplate(
    """
    <div class="scroll" tabindex="0" role="region" aria-label="Table of layers"><table><thead><tr><th class="t" scope="col">layer</th><th scope="col">difference</th><th scope="col">mean shift</th><th scope="col">its rms</th><th scope="col">var ratio</th><th scope="col">least</th><th scope="col">largest</th><th scope="col">cos dγ</th><th scope="col">distance</th><th scope="col">cos dβ</th><th scope="col">distance</th><th scope="col">died</th><th scope="col">revived</th></tr></thead><tbody>
    {{#rows}}<tr><th class="t" scope="row"><span class="chip {{verdict}}">{{sign}}</span> {{#link}}<a href="#{{anchor}}">{{name}}</a>{{/link}}{{#name}}{{.}}{{/name}}</th>{{#cells}}<td>{{.}}</td>{{/cells}}</tr>
    {{/rows}}</tbody></table></div>
    """)

  private static let template = PageTemplate(
    """
    <header>
    <h1>{{second}} beside {{first}}</h1>
    <p><span class="chip {{verdict}}">{{result}}</span></p>
    {{#strip}}<figure class="strip">{{{.}}}<figcaption>The layers, from the input to the output</figcaption></figure>{{/strip}}
    <p>{{summary}}</p>
    {{#others}}<p>{{.}}.</p>
    {{/others}}
    </header>
    <main>
    <section aria-labelledby="layers"><h2 id="layers">All layers, in the order of {{order}}</h2>
    <div class="grid">{{#figures}}<figure>{{{picture}}}<figcaption><b>{{title}}</b> {{numbers}}</figcaption></figure>
    {{/figures}}</div>
    {{{table}}}
    <p class="small soft">Difference: the largest shift of a mean or of a standard deviation of a feature, in standard deviations of the first file.
    Distances of gradients are relative to the first file's norm.</p>
    {{#missing}}<p class="soft">{{.}} further layers are not in the table; those that differ most are. --json and --layer tell of all.</p>{{/missing}}
    </section>
    {{#hasParts}}<section aria-labelledby="details"><h2 id="details">Layers that differ most</h2>
    {{#parts}}<article class="layer" id="{{anchor}}">
    <h3><span class="chip {{verdict}}">{{sign}}</span> {{name}}</h3>
    <div class="grid">{{#figures}}<figure>{{{picture}}}<figcaption><b>{{title}}</b>: {{numbers}}</figcaption></figure>
    {{/figures}}</div>
    <h4>{{told}}</h4>
    <div class="scroll" tabindex="0" role="region" aria-label="{{told}} of {{name}}"><table><thead><tr><th scope="col">feature</th><th scope="col">mean, first</th><th scope="col">second</th><th scope="col">shift</th><th scope="col">variance, first</th><th scope="col">second</th><th scope="col">shift of √</th><th class="t" scope="col">what became of it</th></tr></thead><tbody>
    {{#rows}}<tr><td>{{feature}}</td>{{#cells}}<td>{{.}}</td>{{/cells}}<td class="t">{{why}}</td></tr>
    {{/rows}}</tbody></table></div>
    </article>
    {{/parts}}
    {{#leftOut}}<p class="soft">{{.}} further layers differ; they have no part here, for a page is at most 1 MiB.</p>{{/leftOut}}
    </section>{{/hasParts}}
    </main>
    """)
}
