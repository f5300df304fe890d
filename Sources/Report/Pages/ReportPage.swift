import Configuration
import FileNames
import Foundation
import LayerFiles

/// A report as a page that needs nothing else: first what stands out and what to do, then all layers side by side, then layer by layer
/// as much as fits, then where it comes from.
public struct ReportPage {
  private let report: ResultReport
  private let words: any ReportWords
  private let seconds: [[UInt8]: Double]

  /// - Parameters:
  ///   - report: what is told.
  ///   - words: in which words.
  ///   - seconds: how long layers took, by the bytes of their paths, for names that differ only in Unicode form are equal strings; empty where nobody knows it any more: it is in no file, so that equal runs
  ///     give equal bytes.
  public init(_ report: ResultReport, words: any ReportWords, seconds: [[UInt8]: Double] = [:]) {
    self.report = report
    self.words = words
    self.seconds = seconds
  }

  /// At most this many rows of layers, and so many bytes of them.
  private static let mostRows = 1500
  private static let mostTableBytes = 600 << 10

  /// The page in HTML, at most 1 MiB.
  public var html: String {
    var rows = shownRows(Self.mostRows)
    var table = LayerTable(report, rows, words).html
    while table.utf8.count > Self.mostTableBytes {
      rows = shownRows(rows.count / 2)
      table = LayerTable(report, rows, words).html
    }
    let frame = page(table: table, rows: rows.count, details: "", leftOut: "", hasDetails: [])
    // Names that lead to a part are longer than names, and what is left out is said.
    let room = Page.mostBytes - frame.utf8.count - (16 << 10) - 40 * rows.count
    let details = LayerDetails(report, words, seconds: seconds, room: room)
    return page(
      table: LayerTable(report, rows, words, detailed: details.layers).html, rows: rows.count,
      details: details.html, leftOut: details.leftOut, hasDetails: details.layers)
  }

  /// The layers of the table: all, or the worst.
  private func shownRows(_ count: Int) -> [Int] {
    guard report.layers.count > count else { return Array(report.layers.indices) }
    return report.layersByUrgency.prefix(count).sorted()
  }

  private func page(table: String, rows: Int, details: String, leftOut: String, hasDetails: Set<Int>)
    -> String
  {
    let counts = Verdict.allCases.compactMap { verdict -> [String: Any]? in
      let count = report.count(of: verdict)
      return count == 0
        ? nil : ["verdict": verdict.rawValue, "text": "\(verdict.sign) \(count) \(verdict.word(count))"]
    }
    let told = Told(report, words, detailed: hasDetails)
    let notInTable = report.layers.count - rows
    let values: [String: Any] = [
      "file": report.file.shown, "counts": counts, "origin": originLine,
      "strip": VerdictStrip(report).svg.map { [$0] } ?? [],
      "told": told.items, "nothing": told.items.isEmpty ? [report.count(of: .pass)] : [],
      "overview": DepthOverview(report).figures, "order": report.order == .depth ? "depth" : "name",
      "table": table, "missing": notInTable > 0 ? ["\(notInTable)"] : [], "notJudged": notJudged,
      "details": details, "leftOut": leftOut.isEmpty ? [] : [leftOut], "scale": PageStyle.heatKeys,
      "thresholds": report.thresholds.map {
        [
          "title": words.title($0.kind), "measure": words.measure($0.kind), "warn": shown($0.warn),
          "fail": shown($0.fail),
        ]
      },
      "provenance": provenance,
    ]
    return Page(
      title: "\(report.file.shown) – bn-stream report", style: PageStyle.text,
      body: Self.template.render(values)
    ).html
  }

  private var originLine: String {
    return counted(report.layers.count, "layer", "layers")
      + (report.origin.input.map { " of \($0.shown)" } ?? "")
      + (report.origin.version.map { ", computed by bn-stream \($0)" } ?? "")
  }

  /// What could not be judged, of how many layers, and what it takes.
  private var notJudged: [[String: Any]] {
    let lacking = report.layers.indices.filter { !report.layers[$0].notJudged.isEmpty }
    let sets = Dictionary(grouping: lacking) { report.layers[$0].notJudged }
    // A dictionary has another order each time: of sets that are alike the one of the first layer comes first.
    return sets.sorted { one, other in
      if one.value.count != other.value.count { return one.value.count > other.value.count }
      if one.key.count != other.key.count { return one.key.count > other.key.count }
      return one.value[0] < other.value[0]
    }
    .prefix(5).map { kinds, layers in
      [
        "titles": kinds.map { words.title($0).lowercased() }.joined(separator: ", "),
        "layers": layers.count == report.layers.count
          ? "" : " in \(layers.count) of \(report.layers.count) layers",
        "remedy": words.remedy(kinds),
      ]
    }
  }

  private var provenance: [[String: String]] {
    let origin = report.origin
    let rows: [(String, String?)] = [
      ("file", report.file), ("written by", origin.version.map { "bn-stream \($0)" }),
      ("input", origin.input),
      ("size of the input", origin.inputSize.map { "\($0) bytes" }),
      ("input changed last", origin.inputModified),
      ("libraries", origin.libraries.isEmpty ? nil : origin.libraries.joined(separator: ", ")),
      ("configuration", origin.configuration), ("report by", "bn-stream \(programVersion)"),
    ]
    return rows.compactMap { name, value in value.map { ["name": name, "value": Self.cut($0.shown)] } }
  }

  /// A text from a file may be of any length.
  static func cut(_ text: String, to count: Int = 2000) -> String {
    // By scalars: there is no end to the accents that one character can have.
    let scalars = text.unicodeScalars
    guard let end = scalars.index(scalars.startIndex, offsetBy: count, limitedBy: scalars.endIndex),
      end < scalars.endIndex
    else { return text }
    return String(scalars[..<end]) + "…"
  }

  private static let template = PageTemplate(
    """
    <header>
    <h1>{{file}}</h1>
    <p class="soft">{{origin}}</p>
    <p>{{#counts}}<span class="chip {{verdict}}">{{text}}</span> {{/counts}}</p>
    {{#strip}}<figure class="strip">{{{.}}}<figcaption>The layers, from the input to the output</figcaption></figure>{{/strip}}
    </header>
    <main>
    <section aria-labelledby="told"><h2 id="told">What stands out</h2>
    <ul class="told">
    {{#told}}<li class="f-{{verdict}}"><p><span class="chip {{verdict}}">{{sign}}</span> <b>{{title}}</b> {{where}}{{#links}} <a href="#{{anchor}}">{{name}}</a>{{/links}}{{#names}} {{.}}{{/names}}{{more}}: {{reason}}.</p>
    <p class="soft"><b>What to do:</b> {{advice}}</p></li>
    {{/told}}</ul>
    {{#nothing}}<p>Nothing. What was judged is below the thresholds in all layers.</p>{{/nothing}}
    {{#notJudged}}<p class="small soft">Not judged{{layers}}: {{titles}}. {{remedy}}</p>
    {{/notJudged}}
    </section>
    <section aria-labelledby="layers"><h2 id="layers">All layers, in the order of {{order}}</h2>
    <div class="grid">{{#overview}}<figure>{{{picture}}}<figcaption><b>{{title}}</b> {{numbers}}</figcaption></figure>
    {{/overview}}</div>
    {{{table}}}
    {{#missing}}<p class="soft">{{.}} further layers are not in the table; those with the worst findings are. --json and --layer tell of all.</p>{{/missing}}
    </section>
    <section aria-labelledby="details"><h2 id="details">Layer by layer</h2>
    <p class="small soft">Pictures: <span class="key a"></span>the value, its range where several share a point;
    <span class="key p"></span>population, with its standard error; <span class="key r"></span>running statistics (dashed);
    <span class="key x"></span>NaN or infinite. Heat maps: how far a batch's mean is from the population's, in standard deviations,
    of the batches and features that share a cell the furthest:
    −3 <span class="scale">{{{scale}}}</span> 3, with steps at 0.1, 0.3 and 1.</p>
    {{{details}}}
    {{#leftOut}}<p class="soft">{{.}}</p>{{/leftOut}}
    </section>
    <section aria-labelledby="thresholds"><h2 id="thresholds">Thresholds</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of thresholds"><table><thead><tr><th class="t" scope="col">finding</th><th class="t" scope="col">what is measured</th><th scope="col">warns above</th><th scope="col">fails above</th></tr></thead><tbody>
    {{#thresholds}}<tr><th class="t" scope="row">{{title}}</th><td class="t w">{{measure}}</td><td>{{warn}}</td><td>{{fail}}</td></tr>
    {{/thresholds}}</tbody></table></div>
    </section>
    <section aria-labelledby="origin"><h2 id="origin">Where it comes from</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of origins"><table><tbody>
    {{#provenance}}<tr><th class="t" scope="row">{{name}}</th><td class="t w">{{value}}</td></tr>
    {{/provenance}}</tbody></table></div>
    </section>
    </main>
    """)
}

extension Verdict {
  /// A sign that tells without colour.
  var sign: String {
    switch self {
    case .fail: "✕"
    case .warn: "!"
    case .pass: "✓"
    case .unknown: "?"
    }
  }

  /// After a number of layers.
  func word(_ count: Int) -> String {
    switch self {
    case .fail: count == 1 ? "layer fails" : "layers fail"
    case .warn: count == 1 ? "layer has a warning" : "layers have warnings"
    case .pass: count == 1 ? "layer passes" : "layers pass"
    case .unknown: count == 1 ? "layer without statistics" : "layers without statistics"
    }
  }
}

extension ResultReport {
  /// Layers by their number, the worst first.
  var layersByUrgency: [Int] {
    func rank(_ index: Int) -> Int { Verdict.allCases.firstIndex(of: layers[index].verdict) ?? 0 }
    return layers.indices.sorted { first, second in
      rank(first) == rank(second) ? first < second : rank(first) < rank(second)
    }
  }
}
