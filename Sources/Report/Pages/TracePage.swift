import BatchNormReference
import FileNames
import Foundation
import Inspection

/// The computational graph of a batch as a page: each step forward beside its partners of the backward pass, with their numbers, the formula
/// of one value with the batch's numbers put in, and what becomes of the loss when that value moves. A slider moves it where scripts run; a table
/// shows the same where not.
public struct TracePage {
  private var parts: [String] = []
  private var byteCount = 0
  private var leftOut = 0
  private let input: String
  /// Cells along an axis of a picture.
  private let grid: Int

  /// - Parameters:
  ///   - input: the file that the traces are of.
  ///   - layers: how many there are.
  public init(of input: String, layers: Int) {
    self.input = input
    grid = layers > 3 ? 6 : 12
  }

  /// What the page is without any layer, and some to spare.
  private static let frameBytes = 24 << 10

  /// Adds a layer, if there is room.
  public mutating func add(_ trace: LayerTrace) {
    let part = TracePart(trace, grid: grid).html
    guard byteCount + part.utf8.count <= Page.mostBytes - Self.frameBytes else {
      leftOut += 1
      return
    }
    byteCount += part.utf8.count
    parts.append(part)
  }

  /// The page in HTML, at most 1 MiB.
  public var html: String {
    Page(
      title: "\(input.shown) – bn-stream trace", style: PageStyle.text + "\n" + Self.style,
      body: Self.template.render([
        "input": input.shown, "parts": parts, "leftOut": leftOut > 0 ? ["\(leftOut)"] : [],
        "scale": PageStyle.heatKeys,
      ]), script: Nudge.script
    ).html
  }

  private static let style = """
    .step{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:.4rem 1.4rem;border-top:1px solid var(--rule);padding:.6rem 0}
    .step h4{grid-column:1/-1;margin:0}.side{display:grid;gap:.6rem;align-content:start}
    @media (max-width:40rem){.step{grid-template-columns:minmax(0,1fr)}}
    .put{font-family:ui-monospace,monospace;font-size:.82rem}.back{border-left:3px solid var(--b);padding-left:.7rem}
    .fore{border-left:3px solid var(--a);padding-left:.7rem}svg text.n{fill:var(--ink);font-size:9px}svg text.l{fill:var(--back);font-size:9px}
    .nudge{background:var(--panel);padding:.6rem .8rem;margin:.6rem 0}.nudge input[type=range]{width:min(100%,30rem);display:block}
    .nudge output{display:block;font-variant-numeric:tabular-nums}
    """

  private static let template = PageTemplate(
    """
    <header><h1>The graph of a batch: {{input}}</h1>
    <p class="soft">Nine steps forward (blue), each beside its partners of the backward pass (orange), which run from step 9 to step 1. A node of the
    backward pass is its partner's local gradient times what comes from upstream, summed over the batch where one value was used for all of it.</p>
    <p class="small soft">Colours: the number beside the largest of its node, from −1 <span class="scale">{{{scale}}}</span> to 1; the pointer on a cell
    shows it. Where cells hold several numbers, that which is furthest from 0.</p></header>
    <main>
    {{#parts}}{{{.}}}
    {{/parts}}
    {{#leftOut}}<p class="soft">{{.}} further layers have no room, for a page is at most 1 MiB: --layer chooses others.</p>{{/leftOut}}
    </main>
    """)
}

/// The part of one layer.
private struct TracePart {
  let trace: LayerTrace
  let grid: Int
  /// The value that formulas are written out for: the one with the largest gradient.
  let place: (row: Int, feature: Int)

  init(_ trace: LayerTrace, grid: Int) {
    self.trace = trace
    self.grid = grid
    let x = trace.trace.inputs.x
    let weights = (trace.trace.backward?.dx ?? x).values
    let largest =
      weights.indices.filter { weights[$0].isFinite }.max { weights[$0].magnitude < weights[$1].magnitude }
      ?? 0
    place = (largest / max(1, x.featureCount), largest % max(1, x.featureCount))
  }

  var html: String {
    let inputs = trace.trace.inputs
    let nudge = Nudge(trace, row: place.row, feature: place.feature)
    func nodes(_ phase: NodeDefinition.Phase, _ step: Int) -> [[String: Any]] {
      trace.nodes.filter { $0.definition.phase == phase && $0.step == step }.map(node)
    }
    let steps = (1...9).map { step -> [String: Any] in
      ["step": "\(step)", "forward": nodes(.forward, step), "backward": nodes(.backward, step)]
    }
    return Self.template.render([
      "name": ReportPage.cut(trace.path.shown, to: 400), "batch": "\(trace.batch)", "mode": trace.mode,
      "values": counted(inputs.counted.count, "value", "values"),
      "features": counted(inputs.x.featureCount, "feature", "features"),
      "masked": trace.maskedValues > 0 ? ["\(trace.maskedValues)"] : [],
      "row": "\(place.row)", "feature": "\(place.feature)",
      "given": trace.nodes.filter { $0.definition.phase == .input }.map(node), "steps": steps,
      "last": nodes(.backward, 0), "nudge": nudge.map { [$0.values] } ?? [],
      "noGradient": trace.trace.backward == nil ? [true] : [],
    ])
  }

  private func node(_ name: NodeName) -> [String: Any] {
    let values = trace.trace[name]?.values ?? []
    let finite = values.filter(\.isFinite)
    let range =
      finite.isEmpty
      ? "no finite number"
      : values.count == 1
        ? shown(finite[0]) : "\(shown(finite.min() ?? .nan)) to \(shown(finite.max() ?? .nan))"
    let others = values.count - finite.count
    let formula = name.definition.phase == .input ? name.formula : "= \(name.formula)"
    let written = WrittenStep(name, in: trace.trace, row: place.row, feature: place.feature)?.text
    return [
      "name": name.rawValue, "formula": formula, "shape": "\(trace.shape(of: name))",
      "numbers": range + (others > 0 ? ", and \(others) NaN or infinite" : ""),
      "picture": NodePicture(
        name.rawValue, trace.trace[name], columns: trace.trace.inputs.x.featureCount, grid: grid
      ).svg,
      "put": written.map { [$0] } ?? [],
    ]
  }

  private static let figure = """
    <figure>{{{picture}}}<figcaption><b>{{name}}</b> {{formula}} <span class="small">{{shape}}: {{numbers}}</span>{{#put}}<br><span class="put">{{.}}</span>{{/put}}</figcaption></figure>
    """

  private static let template = PageTemplate(
    """
    <section class="layer"><h2>{{name}}</h2>
    <p class="soft">Batch {{batch}}: m = {{values}} of each of {{features}}; statistics: {{mode}}.{{#masked}} The mask leaves out {{.}} values of each.{{/masked}}
    Formulas are written out for value {{row}} of feature {{feature}}{{^noGradient}}, whose gradient is the largest{{/noGradient}}.</p>
    {{#noGradient}}<p>There is no grad_output, and so no backward pass.</p>{{/noGradient}}
    <h3>Given</h3>
    <div class="grid">{{#given}}\(figure){{/given}}</div>
    {{#steps}}<div class="step"><h4>Step {{step}}</h4><div class="side fore">{{#forward}}\(figure){{/forward}}</div><div class="side back">{{#backward}}\(figure){{/backward}}</div></div>
    {{/steps}}
    <div class="step"><h4>Step 0: x is used twice, so that its gradients add up</h4><div class="side back">{{#last}}\(figure){{/last}}</div></div>
    {{#nudge}}<div class="nudge"><h3>What if value {{row}} of feature {{feature}} moved?</h3>
    <p>L = Σ out · dout of this feature; mean and variance {{how}}. dx says {{dx}}; the finite difference (L(x + δ) − L(x − δ))/2δ comes near it as δ shrinks:</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Finite differences of {{name}}"><table><thead><tr><th scope="col">δ</th><th scope="col">finite difference</th><th scope="col">dx</th><th scope="col">difference</th></tr></thead><tbody>
    {{#rows}}<tr>{{#cells}}<td>{{.}}</td>{{/cells}}</tr>{{/rows}}</tbody></table></div>
    {{#data}}<div class="live" data-nudge="{{.}}" hidden></div>{{/data}}</div>{{/nudge}}
    </section>
    """)
}
