import FileNames
import Foundation

/// Layer by layer as much as fits: the worst layers first get their room, and all are told in the order of depth.
struct LayerDetails {
  /// The parts of the page, in the order of the layers.
  let html: String
  /// Which layers have a part.
  let layers: Set<Int>
  /// What was left out, in words; empty if nothing was.
  let leftOut: String

  /// How many features are drawn; of all that are told there are numbers.
  private static let levels = [LayerReport.mostFeatures, 4, 1, 0]
  /// What a layer that does not pass may take, if it is there.
  private static let urgentRoom = 60 << 10
  /// With less room nothing more is tried.
  private static let smallestPart = 8 << 10
  /// What a layer takes of which no feature is drawn.
  private static let leastRoom = 18 << 10

  static func anchor(_ layer: Int) -> String { "layer-\(layer)" }

  /// - Parameter room: how many bytes there are.
  init(_ report: ResultReport, _ words: any ReportWords, seconds: [[UInt8]: Double], room: Int) {
    var parts: [Int: String] = [:]
    var rest = room
    var shortened = 0
    var urgent = report.layers.count { $0.verdict != .pass }
    for (place, index) in report.layersByUrgency.enumerated() where rest > Self.smallestPart {
      let layer = report.layers[index]
      let remaining = report.layers.count - place
      let allowed: Int
      if layer.verdict != .pass {
        // The worst more fully, if the others have what they need.
        let others =
          remaining * Self.leastRoom <= rest ? rest - (remaining - 1) * Self.leastRoom : rest / urgent
        allowed = min(rest, max(Self.leastRoom, rest / remaining, min(Self.urgentRoom, others)))
        urgent -= 1
      } else {
        allowed = min(rest, max(Self.leastRoom, rest / remaining))
      }
      for (step, level) in Self.levels.enumerated() {
        let part = LayerPart(
          layer, index, words, seconds: seconds[Array(layer.path.utf8)], drawnFeatures: level
        ).html
        guard part.utf8.count <= allowed else { continue }
        if step > 0 { shortened += 1 }
        parts[index] = part
        rest -= part.utf8.count
        break
      }
    }
    layers = Set(parts.keys)
    html = parts.keys.sorted().compactMap { parts[$0] }.joined(separator: "\n")
    var notes: [String] = []
    let missing = report.layers.count - parts.count
    if missing > 0 {
      notes.append(
        "\(missing) of \(report.layers.count) layers have no part here, for a page is at most 1 MiB: one with --layer has them"
      )
    }
    if shortened > 0 {
      notes.append(
        "of \(shortened) layers fewer features are drawn than there is to tell; their numbers are in the tables"
      )
    }
    leftOut = notes.isEmpty ? "" : notes.joined(separator: ". ") + "."
  }
}

/// What the page has of one layer.
private struct LayerPart {
  let layer: LayerReport
  let index: Int
  let words: any ReportWords
  let seconds: Double?
  let drawnFeatures: Int

  init(
    _ layer: LayerReport, _ index: Int, _ words: any ReportWords, seconds: Double?, drawnFeatures: Int
  ) {
    (self.layer, self.index, self.words, self.drawnFeatures) = (layer, index, words, drawnFeatures)
    self.seconds = seconds
  }

  var html: String {
    let settings = words.settings(layer.settings)
    let names = layer.datasets.names.sorted { $0.key.rawValue < $1.key.rawValue }
      .map { $0.key.rawValue == $0.value ? $0.value.shown : "\($0.key.rawValue) from \($0.value.shown)" }
    let told = layer.telling.count
    return Self.template.render([
      "anchor": LayerDetails.anchor(index), "name": ReportPage.cut(layer.path.shown, to: 400),
      "verdict": layer.verdict.rawValue, "sign": "\(layer.verdict.sign) \(layer.verdict.rawValue)",
      "shape": shape, "reasons": layer.findings.map { ReportPage.cut(words.reason($0).shown, to: 600) },
      "has": layer.findings.isEmpty ? [] : [true],
      "numbers": numbers, "figures": figures, "features": featureFigures,
      "rows": layer.telling.map(row), "table": layer.telling.isEmpty ? [] : [true],
      "told": told < layer.features
        ? "The \(told) most telling of \(layer.features) features" : "All features",
      "settings": settings.isEmpty
        ? "not in the file, which an older version wrote"
        : ReportPage.cut(settings.joined(separator: ", ").shown, to: 3000),
      "datasets": ReportPage.cut(names.joined(separator: ", "), to: 1000),
      "hasDatasets": names.isEmpty ? [] : [true],
    ])
  }

  private var shape: String {
    let samples = layer.samples.map { ", " + counted($0, "sample", "samples") } ?? ""
    let depth = layer.depth.map { ", depth \($0)" } ?? ""
    return counted(layer.features, "feature", "features") + ", " + counted(layer.batches, "batch", "batches")
      + samples + depth
  }

  private var numbers: [[String: String]] {
    let numbers = layer.numbers
    let all: [(String, Double?)] = [
      ("rms of x", numbers.rootMeanSquare), ("means known to, in standard deviations", numbers.meanError),
      ("variances known to", numbers.varianceError), ("running mean off by", numbers.runningMeanDistance),
      ("running variance ratio", numbers.runningVarianceRatio), ("noise of batches", numbers.batchNoise),
      ("largest F of shuffling", numbers.shufflingF), ("‖dγ‖", numbers.gradGammaNorm),
      ("‖dβ‖", numbers.gradBetaNorm),
      ("Σdy²", numbers.gradOutputSquareSum), ("Σdx²", numbers.gradInputSquareSum),
      ("share of the gradient removed", numbers.gradientShare),
      ("error of theorem 4.1", numbers.identityError), ("seconds taken", seconds),
    ]
    return all.compactMap { name, value in value.map { ["name": name, "value": shown($0)] } }
  }

  private static func figure(_ title: String, _ numbers: String, _ svg: String) -> [String: String] {
    ["title": title, "numbers": numbers, "picture": svg]
  }

  private static func range(_ series: BinnedSeries) -> String {
    let finite = series.range.map { "\(shown($0.least)) to \(shown($0.largest)), mean \(shown(series.mean))" }
    let others = series.nonfinite > 0 ? "\(series.nonfinite) NaN or infinite" : nil
    return [finite, others].compactMap { $0 }.joined(separator: "; ")
  }

  /// Of the layer as a whole.
  private var figures: [[String: String]] {
    let pictures = layer.pictures
    var figures: [[String: String]] = []
    for (title, distribution) in [
      ("Values before", layer.distributions.input), ("Values after", layer.distributions.output),
    ] {
      guard let distribution else { continue }
      let numbers = DistributionPicture.numbers(distribution)
      figures.append(
        Self.figure(
          title, numbers,
          DistributionPicture(label: "\(title), \(numbers)", distribution: distribution).svg))
    }
    if !pictures.heat.isEmpty {
      let cells = pictures.heat.flatMap { $0 }
      let furthest = cells.filter(\.isFinite).map(\.magnitude).max().map {
        "furthest \(shown($0)) standard deviations"
      }
      let broken = cells.contains { $0.isInfinite } ? "some not finite" : nil
      let numbers = [furthest, broken].compactMap { $0 }.joined(separator: "; ")
      figures.append(
        Self.figure(
          "Means of the batches, features down", numbers,
          HeatMap(
            label: "Means of \(layer.batches) batches and \(layer.features) features, \(numbers)",
            rows: pictures.heat, features: layer.features, batches: layer.batches
          ).svg))
    }
    func add(
      _ title: String, _ series: BinnedSeries?, over: String, levels: [Chart.Level] = [],
      isRatio: Bool = false
    ) {
      guard let series else { return }
      let numbers = Self.range(series)
      let chart = Chart(
        label: "\(title), \(numbers)", series: [(series, style: "a")], levels: levels, isLogarithmic: isRatio,
        ends: ("\(over) 0", series.count > 1 ? "\(series.count - 1)" : ""))
      figures.append(Self.figure(title, numbers, chart.svg))
    }
    let zero = Chart.Level(value: 0, style: "z")
    add(
      "Running mean − population's, in standard deviations", pictures.meanDistance, over: "feature",
      levels: [zero])
    add(
      "Running variance over population's", pictures.varianceRatio, over: "feature",
      levels: [Chart.Level(value: 1, style: "z")], isRatio: true)
    add("dγ", pictures.gradGamma, over: "feature", levels: [zero])
    add("dβ", pictures.gradBeta, over: "feature", levels: [zero])
    add("‖dy‖ of each batch", pictures.course.gradOutput, over: "batch")
    add("‖dx‖ of each batch", pictures.course.gradInput, over: "batch")
    return figures
  }

  /// Mean and variance of telling features, batch by batch.
  private var featureFigures: [[String: String]] {
    zip(layer.pictures.features, layer.telling).prefix(drawnFeatures).flatMap { course, feature in
      func figure(
        _ what: String, _ series: BinnedSeries, population: Double, error: Double, running: Double?
      ) -> [String: String] {
        var levels = [Chart.Level(value: population, style: "p", error: error)]
        if let running { levels.append(Chart.Level(value: running, style: "r")) }
        let numbers =
          "batches \(Self.range(series)); population \(shown(population)) ± \(shown(error))"
          + (running.map { "; running \(shown($0))" } ?? "")
        let chart = Chart(
          label: "\(what) of feature \(feature.feature), \(numbers)", series: [(series, style: "a")],
          levels: levels,
          ends: ("batch 0", series.count > 1 ? "\(series.count - 1)" : ""))
        return Self.figure("Feature \(feature.feature), \(what)", numbers, chart.svg)
      }
      return [
        figure(
          "mean", course.mean, population: feature.populationMean, error: feature.meanError,
          running: feature.runningMean),
        figure(
          "variance", course.variance, population: feature.populationVariance, error: feature.varianceError,
          running: feature.runningVariance),
      ]
    }
  }

  private func row(_ feature: FeatureReport) -> [String: Any] {
    [
      "feature": "\(feature.feature)",
      "cells": [
        shown(feature.populationMean), shown(feature.runningMean), shown(feature.meanError),
        shown(feature.populationVariance), shown(feature.runningVariance), shown(feature.varianceError),
        shown(feature.gradGamma), shown(feature.gradBeta), shown(feature.batchNoise),
        shown(feature.shufflingF),
      ],
      "reasons": feature.reasons.map { words.title($0).lowercased() }.joined(separator: ", "),
    ]
  }

  private static let template = PageTemplate(
    """
    <article class="layer" id="{{anchor}}">
    <h3><span class="chip {{verdict}}">{{sign}}</span> {{name}}</h3>
    <p class="soft">{{shape}}</p>
    {{#has}}<ul class="why">{{#reasons}}<li>{{.}}</li>{{/reasons}}</ul>{{/has}}
    <p class="small">{{#numbers}}{{name}} <b>{{value}}</b>{{^last()}} · {{/last()}}{{/numbers}}</p>
    <div class="grid">{{#figures}}<figure>{{{picture}}}<figcaption><b>{{title}}</b>: {{numbers}}</figcaption></figure>
    {{/figures}}{{#features}}<figure>{{{picture}}}<figcaption><b>{{title}}</b>: {{numbers}}</figcaption></figure>
    {{/features}}</div>
    {{#table}}<h4>{{told}}</h4>
    <div class="scroll" tabindex="0" role="region" aria-label="{{told}} of {{name}}"><table><thead><tr><th scope="col">feature</th><th scope="col">mean</th><th scope="col">running</th><th scope="col">± error</th><th scope="col">variance</th><th scope="col">running</th><th scope="col">± error</th><th scope="col">dγ</th><th scope="col">dβ</th><th scope="col">noise</th><th scope="col">F</th><th class="t" scope="col">why</th></tr></thead><tbody>
    {{#rows}}<tr><td>{{feature}}</td>{{#cells}}<td>{{.}}</td>{{/cells}}<td class="t">{{reasons}}</td></tr>
    {{/rows}}</tbody></table></div>{{/table}}
    <p class="small soft">Settings: {{settings}}.{{#hasDatasets}} Datasets: {{datasets}}.{{/hasDatasets}}</p>
    </article>
    """)
}
