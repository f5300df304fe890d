import Foundation
import Testing

@testable import Explain
@testable import Report
@testable import bn_stream

/// Pictures of experiments: beside each stand the numbers of its own series, and of no other.
@Suite(.timeLimit(.minutes(30))) struct ExplanationPageTests {
  /// What stands beside each picture, by its title.
  private func numbers(_ topic: Topic, _ series: [Series]) throws -> [String: [String]] {
    let data = ExplainedData(file: nil, layer: nil, batch: nil, count: 4, features: 2)
    let pictures = ExplanationPictures(Explanation(topic, on: data, [], series: series), naming: \.rawValue)
    var found: [String: [String]] = [:]
    for figure in pictures.figures {
      let title = try #require(figure["title"] as? String)
      let numbers = try #require(figure["numbers"] as? [[String: Any]])
      #expect((figure["picture"] as? String)?.hasPrefix("<svg ") == true)
      found[title] = numbers.compactMap { $0["text"] as? String }
    }
    return found
  }

  /// [steps, units, percentiles] with a number for each that no other has: 100 a step, 10 a unit, 1 a percentile.
  @Test func percentilesAreThoseOfTheUnit() throws {
    var values: [Double] = []
    for step in 0..<3 {
      for unit in 0..<4 {
        for percentile in 0..<3 { values.append(Double(100 * step + 10 * unit + percentile)) }
      }
    }
    let found = try numbers(
      .percentiles, [Series("with/percentiles", [3, 4, 3], values), Series("with/loss", [4, 2, 3])])
    // Of three units at most.
    #expect(Set(found.keys) == Set(["Loss, step by step"] + (0..<3).map { "What enters unit \($0), with" }))
    #expect(found["Loss, step by step"] == ["with 2 to 4"])
    for unit in 0..<3 {
      let ranges = (0..<3).map { "\(10 * unit + $0) to \(200 + 10 * unit + $0)" }.joined(separator: "; ")
      #expect(found["What enters unit \(unit), with"] == ["15 %, 50 % and 85 % of the samples: \(ranges)"])
    }
  }

  /// Of two series the range that both span.
  @Test func rangesAreThoseOfTheSetUp() throws {
    let found = try numbers(
      .landscape,
      [
        Series("without/loss", [9, 8]), Series("without/loss_low", [5, 3]),
        Series("without/loss_high", [10, 20]),
        Series("with/loss", [2, 1]), Series("with/loss_low", [1, 0.5]), Series("with/loss_high", [4, 3]),
        Series("with/smoothness", [6, 7]),
      ])
    #expect(found["Loss, step by step"] == ["without 8 to 9", "with 1 to 2"])
    #expect(found["Range of the loss along the gradient"] == ["without 3 to 20", "with 0.5 to 4"])
    #expect(found["Effective beta-smoothness"] == ["with 6 to 7"])
    #expect(found["Change of the gradient along it"] == nil)
  }

  /// Numbers that are compared by their ratios are drawn by their logarithms: their squares give the same curve, and other numbers do not.
  @Test(arguments: [
    (Topic.landscape, ["loss", "loss_low", "loss_high", "predictiveness", "smoothness"], 4),
    (.covariateShift, ["loss", "movement_of_means", "gradient_distance", "gradient_cosine"], 3),
    (.percentiles, ["loss"], 1),
  ])
  func ratiosAreDrawnByTheirLogarithms(topic: Topic, names: [String], count: Int) throws {
    func curves(_ values: [Double]) throws -> [String: String] {
      let data = ExplainedData(file: nil, layer: nil, batch: nil, count: 4, features: 2)
      let explanation = Explanation(
        topic, on: data, [], series: names.map { Series("with/\($0)", values) })
      var found: [String: String] = [:]
      for figure in ExplanationPictures(explanation, naming: \.rawValue).figures {
        let picture = try #require(figure["picture"] as? String)
        let paths = picture.matches(of: #/<path [^>]*>/#).map { String($0.output) }
        #expect(!paths.isEmpty)
        found[try #require(figure["title"] as? String)] = paths.joined()
      }
      return found
    }
    let (plain, squares) = (try curves([1, 8, 2, 4]), try curves([1, 64, 4, 16]))
    #expect(plain.filter { squares[$0.key] == $0.value }.count == count)
    #expect(plain["Loss, step by step"] == squares["Loss, step by step"])
    #expect(plain.count == count + (topic == .covariateShift ? 1 : 0))
  }

  /// Bins of a fifth from -8 on: those from 35 to 44 lie inside of ±1.
  @Test func whatLiesInsideIsCounted() throws {
    var histogram = [Double](repeating: 0, count: 80)
    for (bin, count) in [(0, 2.0), (34, 7), (35, 3), (44, 5), (45, 11), (79, 1)] { histogram[bin] = count }
    let found = try numbers(.saturation, [Series("x_hat/histogram", histogram)])
    #expect(
      found["On the sigmoid: x_hat"] == [
        "the sigmoid", "how many values lie where: 8 of 29 values inside ±1",
      ])
    // The largest is 84 high, and the others are as high as their number has it: 84 · 2/11 and so on.
    let data = ExplainedData(file: nil, layer: nil, batch: nil, count: 4, features: 2)
    let explanation = Explanation(.saturation, on: data, [], series: [Series("x_hat/histogram", histogram)])
    let figures = ExplanationPictures(explanation, naming: \.rawValue).figures
    let picture = try #require(figures.first?["picture"] as? String)
    let path = try #require(picture.firstMatch(of: #/<path class="area a" d="([^"]*)"/#)).output.1
    let heights = path.matches(of: #/v(-?[\d.]+)/#).map { String($0.output.1) }
    #expect(heights == ["-15.3", "-53.5", "-22.9", "-38.2", "-84", "-7.6"])
  }

  /// What was found of one number, which is to be at least another; nil for data that says nothing.
  private func explanation(_ topic: Topic, share: Double?) -> Explanation {
    Explanation(
      topic, on: ExplainedData(file: nil, layer: nil, batch: nil, count: 4, features: 2),
      [Measure(.shareInside, nil, share ?? 0, .atLeast(1))], isConclusive: share != nil)
  }

  /// The verdict has the colour that it says.
  @Test(
    arguments: [(1, "pass", "HELD: "), (0, "fail", "DID NOT HOLD: "), (nil, "unknown", "NOT SHOWN: ")]
      as [(Double?, String, String)])
  func theVerdictHasItsColour(share: Double?, chip: String, words: String) {
    let html = ExplanationText(.saturation, [explanation(.saturation, share: share)]).page.html
    #expect(html.contains("<span class=\"chip \(chip)\">\(words)"))
    #expect(html.components(separatedBy: "<span class=\"chip ").count == 2)
  }

  /// Why nothing is shown is said of each topic in its own words, in the text and on the page.
  @Test(
    arguments: [
      (.saturation, "no feature varies within the batch"), (.biasDrift, "the gradient of every bias is 0"),
      (.whitening, "there is no value, or LAPACK's iteration did not end"),
      (.percentiles, "in ten steps or fewer percentiles are taken once, and nothing is seen to move"),
      (
        .covariateShift,
        "the network with batch normalization did not learn from these samples and labels"
      ),
      (
        .landscape,
        "without batch normalization the network did not learn, and where nothing is learned the loss is flat, which is smooth"
      ),
    ] as [(Topic, String)])
  func whyNothingIsShownIsSaid(topic: Topic, words: String) {
    let text = ExplanationText(topic, [explanation(topic, share: nil)])
    #expect(text.text.hasSuffix("\n\nNOT SHOWN: \(words)"))
    #expect(text.page.html.contains("NOT SHOWN: \(words.replacing("'", with: "&#39;"))</span>"))
  }

  /// Layers that have no room are counted.
  @Test func manyLayersAreLeftOut() {
    let found = explanation(.saturation, share: 1)
    let rows = (0..<60).map { [String(repeating: "a", count: 1000), "\($0)"] }
    let sections = (0..<25).map { index in
      ExplanationPage.Section(
        place: "layer \(index)", header: ["", "found"], rows: rows, verdict: "HELD", of: found)
    }
    let html = ExplanationPage(
      .saturation, statement: "statement", source: "source", sections, naming: \.rawValue
    ).html
    let shown = html.components(separatedBy: #"<section class="layer">"#).count - 1
    #expect(html.utf8.count <= 1 << 20 && shown > 10 && shown < 25)
    #expect(html.contains(">\(25 - shown) further layers have no room"))
  }

  /// Eigenvalues are counted from 1, steps from 0.
  @Test(
    arguments: [
      (.whitening, "eigenvalues", "eigenvalue 1", "3"), (.biasDrift, "outside/bias", "step 0", "2"),
    ] as [(Topic, String, String, String)])
  func axesSayWhereTheyEnd(topic: Topic, series: String, first: String, last: String) throws {
    let data = ExplainedData(file: nil, layer: nil, batch: nil, count: 4, features: 2)
    let pictures = ExplanationPictures(
      Explanation(topic, on: data, [], series: [Series(series, [4, 2, 0.5])]), naming: \.rawValue)
    let picture = try #require(pictures.figures.first?["picture"] as? String)
    #expect(picture.contains(">\(first)</text>") && picture.contains(">\(last)</text>"))
  }

  @Test func spectrumAndDrift() throws {
    #expect(
      try numbers(.whitening, [Series("eigenvalues", [4, 2, 0.5])]) == [
        "Eigenvalues of the covariance, before and after whitening": ["before 0.5 to 4", "after 1"]
      ])
    #expect(
      try numbers(.biasDrift, [Series("outside/bias", [0, -1, -2])]) == [
        "The bias that moves farthest, normalized outside of the step": ["−2 to 0"]
      ])
  }

  /// Each set-up has a colour, in the picture and beside its numbers: 1, 10 and 100 on an axis of ratios.
  @Test func setUpsHaveTheirColours() throws {
    let data = ExplainedData(file: nil, layer: nil, batch: nil, count: 4, features: 2)
    let losses: [(String, Double)] = [("noisy", 100), ("with", 10), ("without", 1)]
    let series = losses.map { Series("\($0.0)/loss", [$0.1, $0.1]) }
    let figures = ExplanationPictures(
      Explanation(.covariateShift, on: data, [], series: series), naming: \.rawValue
    ).figures
    #expect(figures.count == 1)
    let numbers = try #require(figures.first?["numbers"] as? [[String: Any]])
    let words = numbers.map { number in
      "\((number["key"] as? [String] ?? []).joined()) \(number["text"] as? String ?? "")"
    }
    #expect(words == ["a without 1 to 1", "b with 10 to 10", "r noisy 100 to 100"])
    let picture = try #require(figures.first?["picture"] as? String)
    let lines = picture.matches(of: #/<path class="line ([a-z])" d="([^"]*)"/#)
      .map { "\($0.output.1) \($0.output.2)" }
    #expect(
      lines == ["a M129.5 86.3L252.5 86.3", "b M129.5 49L252.5 49", "r M129.5 11.7L252.5 11.7"])
  }

  /// Half of a range is none.
  @Test(arguments: ["loss_low", "loss_high"]) func halfOfARangeIsNotDrawn(name: String) throws {
    #expect(try numbers(.landscape, [Series("with/\(name)", [1, 2])]).isEmpty)
  }

  /// Values as they are normalized, as the layer scales them, and with γ = 4: each has a picture of its own.
  @Test func eachSetUpHasItsSigmoid() throws {
    func histogram(_ counts: [Int: Double]) -> [Double] { (0..<80).map { counts[$0] ?? 0 } }
    let found = try numbers(
      .saturation,
      [
        Series("x_hat/histogram", histogram([40: 3])), Series("layer/histogram", histogram([0: 2, 40: 1])),
        Series("gamma_4/histogram", histogram([79: 5])),
      ])
    func words(_ numbers: String) -> [String] {
      ["the sigmoid", "how many values lie where: \(numbers) values inside ±1"]
    }
    #expect(
      found == [
        "On the sigmoid: x_hat": words("3 of 3"), "On the sigmoid: layer": words("1 of 3"),
        "On the sigmoid: gamma_4": words("0 of 5"),
      ])
  }

  /// The statement, its source, and the table, with a name for the column that has none.
  @Test func aPageHasTheStatementAndTheTable() {
    let section = ExplanationPage.Section(
      place: "layer 7", header: ["", "found", "expected"], rows: [["loss", "1.5", "at most 2"]],
      verdict: "HELD: so it is", of: explanation(.saturation, share: 1))
    let html = ExplanationPage(
      .saturation, statement: "what is stated", source: "where it is stated", [section], naming: \.rawValue
    ).html
    for part in [
      #"<h1>saturation</h1><p>what is stated</p><p class="soft">where it is stated</p>"#,
      "<h2>layer 7</h2>", #"<span class="chip pass">HELD: so it is</span>"#,
      #"<tr><th class="t" scope="col">quantity</th><th class="t" scope="col">found</th>"#,
      #"<tr><th class="t" scope="row">loss</th><td class="t">1.5</td><td class="t">at most 2</td></tr>"#,
    ] {
      #expect(html.contains(part), "\(part)")
    }
    #expect(!html.contains("have no room"))
  }

  /// The picture of the only figure that an experiment with one series has.
  private func picture(_ topic: Topic, _ series: Series) throws -> String {
    let data = ExplainedData(file: nil, layer: nil, batch: nil, count: 4, features: 2)
    let pictures = ExplanationPictures(Explanation(topic, on: data, [], series: [series]), naming: \.rawValue)
    return try #require(pictures.figures.first?["picture"] as? String)
  }

  /// An axis 300 wide from -8 to 8: bars are where their bins are, the band is ±1, and the curve goes through a half at 0.
  @Test func valuesAreWhereTheSigmoidIs() throws {
    var histogram = [Double](repeating: 0, count: 80)
    (histogram[0], histogram[40]) = (1, 2)
    let svg = try picture(.saturation, Series("x_hat/histogram", histogram))
    #expect(svg.contains(#"<path class="area a" d="M10 100h3.8v-42h-3.8zM160 100h3.8v-84h-3.8z"/>"#))
    #expect(svg.contains(#"<rect class="band p" x="141.3" y="8" width="37.5" height="92"/>"#))
    let curve = try #require(svg.firstMatch(of: #/<path class="line b" d="M([^"]*)"/#)).output.1
    let points = curve.split(separator: "L").map(String.init)
    #expect(points.count == 65 && points[0] == "10 100" && points[32] == "160 55" && points[64] == "310 10")
    let words = svg.matches(of: #/<text x="([^"]*)" y="113" text-anchor="([^"]*)">([^<]*)</#)
      .map { "\($0.output.3) \($0.output.2) \($0.output.1)" }
    #expect(words == ["−8 start 10", "−1 middle 141.3", "1 middle 178.8", "8 end 310"])
  }

  /// What the numbers are compared with lies in the middle of ¼ and 4, and of -1 and 1.
  @Test(
    arguments: [
      (.whitening, "eigenvalues", [4, 0.25], "p"), (.biasDrift, "outside/bias", [1, -1], "z"),
    ] as [(Topic, String, [Double], String)])
  func levelsAreDrawn(topic: Topic, path: String, values: [Double], style: String) throws {
    let levels = try picture(topic, Series(path, values)).matches(
      of: #/<path class="level ([a-z])" d="([^"]*)"/#)
    #expect(levels.map { "\($0.output.1) \($0.output.2)" } == ["\(style) M68 49L314 49"])
  }

  /// A name may hold what a terminal obeys.
  @Test func namesAreText() {
    let section = ExplanationPage.Section(
      place: "<i>esc\u{1B}[31m", header: ["", "found"], rows: [], verdict: "HELD",
      of: explanation(.saturation, share: 1))
    let html = ExplanationPage(
      .saturation, statement: "statement", source: "source", [section], naming: \.rawValue
    ).html
    #expect(html.contains(#"<h2>&lt;i&gt;esc\x1B[31m</h2>"#) && !html.unicodeScalars.contains("\u{1B}"))
  }

  /// Percentiles are taken at some of the steps only, so that their number is no step's.
  @Test func percentilesCountNoSteps() throws {
    let svg = try picture(.percentiles, Series("with/percentiles", [4, 1, 3], (0..<12).map { Double($0) }))
    let words = svg.matches(of: #/<text [^>]*>([^<]*)</#).map { String($0.output.1) }
    #expect(words.prefix(2) == ["first step", "last"])
  }

  /// Each picture of a shift is that of its own series; of many numbers of which none is finite all are counted.
  @Test func shiftsAreThoseOfTheirSeries() throws {
    let found = try numbers(
      .covariateShift,
      [
        Series("with/movement_of_means", [1, 2]), Series("with/gradient_distance", [3, 4]),
        Series("with/gradient_cosine", [-0.5, 0.5]), Series("noisy/gradient_distance", [5, 7]),
        Series("noisy/loss", [Double](repeating: .nan, count: 300)),
      ])
    let expected: [String: [String]] = [
      "Movement of the units' means": ["with 1 to 2"],
      "Shift of the gradient": ["with 3 to 4", "noisy 5 to 7"],
      "Cosine of the gradients before and after": ["with −0.5 to 0.5"],
      "Loss, step by step": ["noisy no finite number of 300"],
    ]
    #expect(found == expected)
  }

  /// The last of four steps is step 3; beside the picture each set-up has its colour, and all are told apart.
  @Test func stepsAreCountedFromZero() throws {
    let found = Explanation(
      .landscape, on: ExplainedData(file: nil, layer: nil, batch: nil, count: 4, features: 2), [],
      series: [Series("without/loss", [4, 3, 2, 1]), Series("with/loss", [8, 7, 6, 5])])
    let section = ExplanationPage.Section(
      place: "layer", header: ["", "found"], rows: [], verdict: "HELD", of: found)
    let html = ExplanationPage(
      .landscape, statement: "statement", source: "source", [section], naming: \.rawValue
    ).html
    let words = html.matches(of: #/<text [^>]*y="103"[^>]*>([^<]*)</#).map { String($0.output.1) }
    #expect(words == ["step 0", "3"])
    #expect(
      html.contains(
        #"<b>Loss, step by step</b>: <span class="key a"></span>without 1 to 4; <span class="key b"></span>with 5 to 8</figcaption>"#
      ))
  }

  /// A layer without room keeps no later one from the page.
  @Test func smallLayersFollowLargeOnes() {
    let sections = [1, 1 << 20, 2, 1 << 20, 3].map { size in
      ExplanationPage.Section(
        place: "layer \(size)", header: ["", "found"], rows: [[String(repeating: "a", count: size), "1"]],
        verdict: "HELD", of: explanation(.saturation, share: 1))
    }
    let html = ExplanationPage(
      .saturation, statement: "statement", source: "source", sections, naming: \.rawValue
    ).html
    let places = html.matches(of: #/<h2>(layer \d+)<\/h2>/#).map { String($0.output.1) }
    #expect(places == ["layer 1", "layer 2", "layer 3"])
    #expect(html.contains(">2 further layers have no room"))
  }
}
