import BatchNormReference
import Foundation
import HDF5
import TestSupport
import Testing

@testable import Report

/// The graph as a page: the numbers that are put into a formula make the node, and a nudge does what the gradient says.
@Suite(.timeLimit(.minutes(30))) struct TracePageTests {
  /// x = 1, 3, 5, 7 has mean 4 and variance 5; with ε = 4 the root is 3. γ = 6, β = 10.
  private static let tiny = GraphTrace(
    GraphInputs(
      x: FeatureMatrix(column: [1, 3, 5, 7]), gamma: FeatureRow([6]), beta: FeatureRow([10]), epsilon: 4),
    dout: FeatureMatrix(column: [9, 0, 0, 18]))

  @Test(
    arguments: [
      (NodeName.mu, "mu[0] = (1 + 3 + 5 + 7)/4 = 4"), (.xmu, "xmu[3, 0] = 7 − 4 = 3"),
      (.sq, "sq[3, 0] = 3² = 9"),
      (.variance, "var[0] = (9 + 1 + 1 + 9)/4 = 5"), (.sqrtvar, "sqrtvar[0] = √(5 + 4) = 3"),
      (.ivar, "ivar[0] = 1/3 = 0.3333"), (.xhat, "xhat[3, 0] = 3 · 0.3333 = 1"),
      (.gammax, "gammax[3, 0] = 6 · 1 = 6"), (.out, "out[3, 0] = 6 + 10 = 16"),
      (.dbeta, "dbeta[0] = 1 · 9 + 1 · 0 + 1 · 0 + 1 · 18 = 27"), (.dxhat, "dxhat[3, 0] = 6 · 18 = 108"),
      (.dvar, "dvar[0] = 0.1667 · (−18) = −3"), (.dsq, "dsq[3, 0] = 0.25 · (−3) = −0.75"),
      (.dxmu2, "dxmu2[3, 0] = 6 · (−0.75) = −4.5"), (.dx1, "dx1[3, 0] = 1 · (36 + (−4.5)) = 31.5"),
      (.dx, "dx[3, 0] = 1 · (31.5 + (−13.5)) = 18"),
    ] as [(NodeName, String)])
  func isWrittenOut(node: NodeName, text: String) {
    #expect(WrittenStep(node, in: Self.tiny, row: 3, feature: 0)?.text == text)
  }

  /// Of a sum at most four terms are written, and then how many there are.
  @Test(
    arguments: [
      (4, "mu[0] = (1 + 2 + 3 + 4)/4 = 2.5", "dbeta[0] = 1 · 1 + 1 · 2 + 1 · 3 + 1 · 4 = 10"),
      (
        5, "mu[0] = (1 + 2 + 3 + 4 + … (5 terms))/5 = 3",
        "dbeta[0] = 1 · 1 + 1 · 2 + 1 · 3 + 1 · 4 + … (5 terms) = 15"
      ),
      (
        6, "mu[0] = (1 + 2 + 3 + 4 + … (6 terms))/6 = 3.5",
        "dbeta[0] = 1 · 1 + 1 · 2 + 1 · 3 + 1 · 4 + … (6 terms) = 21"
      ),
    ] as [(Int, String, String)])
  func longSumsSayHowManyTermsThereAre(count: Int, mean: String, gradient: String) {
    let numbers = (1...count).map(Double.init)
    let trace = GraphTrace(
      GraphInputs(
        x: FeatureMatrix(column: numbers), gamma: FeatureRow([6]), beta: FeatureRow([10]), epsilon: 4),
      dout: FeatureMatrix(column: numbers))
    #expect(WrittenStep(.mu, in: trace, row: 0, feature: 0)?.text == mean)
    #expect(WrittenStep(.dbeta, in: trace, row: 0, feature: 0)?.text == gradient)
  }

  /// In every mode, with a mask and without: what is written makes what the graph computed.
  @Test(arguments: [nil, [true, false, true, true, true, false]] as [[Bool]?], 0..<3)
  func theNumbersPutInMakeTheNode(mask: [Bool]?, mode: Int) throws {
    var generator = SplitMix64(seed: 7)
    func matrix(_ rows: Int, _ columns: Int) -> FeatureMatrix {
      FeatureMatrix(
        rowCount: rows, featureCount: columns,
        values: (0..<rows * columns).map { _ in Double.random(in: -2...2, using: &generator) })
    }
    let modes: [ReferenceMode] = [
      .batch, .detached, .running(mean: FeatureRow([0.5, -1]), variance: FeatureRow([2, 0.5])),
    ]
    let trace = GraphTrace(
      GraphInputs(
        x: matrix(6, 2), gamma: FeatureRow([1.5, -0.5]), beta: FeatureRow([0.25, 3]), epsilon: 0.125,
        mode: modes[mode], counted: mask),
      dout: matrix(6, 2))
    var count = 0
    for node in NodeName.allCases where node.definition.phase != .input {
      for row in 0..<6 {
        for feature in 0..<2 {
          let written = try #require(WrittenStep(node, in: trace, row: row, feature: feature))
          let values = try #require(trace[node]).values
          let value = values[node.definition.shape == .matrix ? row * 2 + feature : feature]
          // Sums of six numbers near 1, in another order; the graph centers twice.
          #expect(abs(written.result - value) <= 1e-13, "\(node), \(row), \(feature)")
          count += 1
        }
      }
    }
    #expect(count == 23 * 12)
  }

  /// Each value is in a cell, where there are more of them than cells.
  @Test func cellsHaveAllValues() {
    let picture = NodePicture(
      "x", .matrix(FeatureMatrix(column: [0, 1, 2, 3, 4, 5, 6])), columns: 1, grid: 5)
    let titles = picture.svg.matches(of: #/<title>(value [^,<]*), feature 0: ([^<]*)<\/title>/#)
      .map { "\($0.output.1): \($0.output.2)" }
    #expect(titles == ["value 0: 0", "value 1: 1", "value 2–3: 3", "value 4: 4", "value 5–6: 6"])
  }

  /// A number that is not finite is shown in place of all others of its cell, and has a colour of its own.
  @Test(
    arguments: [
      (5, ["value 0: 0", "value 1: NaN", "value 2–3: 3", "value 4: −∞", "value 5–6: 6"]),
      (2, ["value 0–2: NaN", "value 3–6: −∞"]),
    ] as [(Int, [String])])
  func cellsShowWhatIsNotFinite(grid: Int, expected: [String]) {
    let column = FeatureMatrix(column: [0, .nan, 2, 3, -.infinity, 5, 6])
    let svg = NodePicture("x", .matrix(column), columns: 1, grid: grid).svg
    let cells = svg.matches(
      of: #/<rect class="([^"]*)" [^>]*><title>(value [^,<]*), feature 0: ([^<]*)<\/title>/#)
    #expect(cells.map { "\($0.output.2): \($0.output.3)" } == expected)
    for cell in cells {
      let isFinite = !["NaN", "−∞"].contains(String(cell.output.3))
      #expect((cell.output.1 == "hx") != isFinite, "\(cell.output.2)")
    }
  }

  /// The command's page on a fixture: the gradient beside the finite difference, and the value with the largest gradient.
  @Test(arguments: [
    ["rank2.h5", "--batch-size", "8"], ["mask_positions.h5"],
    ["gradient_detached.h5", "--config", "detached.json"],
  ])
  func aNudgeDoesWhatTheGradientSays(arguments: [String]) throws {
    let program = try Program(arguments[0])
    try program.write(#"{"gradient": "detached"}"#, to: "detached.json")
    let result = try program.run(
      ["trace", "--html", "page.html", "--out", "trace.h5", "--in"] + arguments)
    #expect(result.exitCode == 0, "\(result.error)")
    let html = try String(contentsOfFile: program.path("page.html"), encoding: .utf8)
    #expect(html.utf8.count <= 1 << 20)
    let dx = try File(reading: program.path("trace.h5")).root.dataset("layer/backward/0_dx").readDoubles()
    let largest = try #require(dx.map(\.magnitude).max())
    let rows = html.matches(
      of: #/<tr><td>([^<]*)<\/td><td>([^<]*)<\/td><td>([^<]*)<\/td><td>[^<]*<\/td><\/tr>/#)
    #expect(rows.count == 5)
    for (power, row) in rows.enumerated() {
      let (difference, gradient) = (try #require(Double(row.2)), try #require(Double(row.3)))
      // Eight digits are shown.
      #expect(abs(gradient.magnitude - largest) <= 1e-7 * largest)
      // A central difference is off by the square of the step, and by what rounding leaves of the loss.
      if (2...4).contains(power) { #expect(abs(difference - gradient) <= 1e-3 * largest, "δ \(row.1)") }
    }
  }

  @Test(arguments: ["rank4.h5", "mask_positions.h5", "gradient_detached.h5", "nonfinite.h5"])
  func picturesHaveNumbers(fixture: String) throws {
    let program = try Program(fixture)
    let result = try program.run("trace", "--in", fixture, "--html", "page.html", "--quiet")
    #expect(result.exitCode == 0, "\(result.error)")
    let html = try String(contentsOfFile: program.path("page.html"), encoding: .utf8)
    #expect(html.utf8.count <= 1 << 20 && !html.contains("NaN\""))
    let cells = html.matches(of: #/<rect [^>]*><title>[^<]*feature \d+(?:–\d+)?: [−∞N0-9][^<]*<\/title>/#)
    #expect(cells.count > 30)
    #expect(html.matches(of: #/<rect /#).count == cells.count)
  }

  /// Values that a mask leaves out are none of m, nor of a sum that is written out.
  @Test(arguments: [[1.0, 0, 1, 1], [0, 1, 0, 1]]) func maskedValuesDoNotCount(mask: [Double]) throws {
    let program = try Program()
    let file = try File(anew: program.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    try layer.createDataset("activations", type: .float64, shape: [4, 1], storage: .contiguous)
      .writeDoubles([1, 9, 3, 5])
    try layer.createDataset("mask", type: .float64, shape: [4], storage: .contiguous).writeDoubles(mask)
    try file.close()
    let result = try program.run("trace", "--in", "in.h5", "--html", "page.html", "--quiet")
    try #require(result.exitCode == 0, "\(result.error)")
    let html = try String(contentsOfFile: program.path("page.html"), encoding: .utf8)
    let count = mask.count { $0 == 1 }
    #expect(html.contains("m = \(count) value\(count == 1 ? "" : "s") of each of 1 feature;"))
    #expect(html.contains("The mask leaves out \(4 - count) values of each."))
    #expect(html.contains(count == 3 ? "mu[0] = (1 + 3 + 5)/3 = 3<" : "mu[0] = (9 + 5)/2 = 7<"))
  }

  /// What the page's script computes the loss from.
  private struct NudgeData: Decodable {
    let x, dout, counted: [Double]
    let gamma, beta, mean, variance: Double
    let constant: Bool
  }

  /// The slider's data are the batch's, with its mask, and say whether mean and variance move.
  @Test(
    arguments: [
      ([], false, 3, 4), (["--config", "detached.json"], true, 3, 4),
      (["--statistics", "running"], true, 1, 7),
    ]
      as [([String], Bool, Double, Double)])
  func theSliderHasTheBatch(options: [String], isConstant: Bool, mean: Double, variance: Double) throws {
    let program = try Program()
    let file = try File(anew: program.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    let vectors: [(String, [Double])] = [
      ("mask", [1, 0, 1, 0]), ("gamma", [2]), ("beta", [3]), ("running_mean", [1]), ("running_var", [7]),
    ]
    for (name, values) in vectors {
      try layer.createDataset(name, type: .float64, shape: [values.count], storage: .contiguous)
        .writeDoubles(values)
    }
    for (name, values) in [("activations", [1.0, 9, 5, 8]), ("grad_output", [0.5, 0, 2, 0])] {
      try layer.createDataset(name, type: .float64, shape: [4, 1], storage: .contiguous)
        .writeDoubles(values)
    }
    try file.close()
    try program.write(#"{"gradient": "detached"}"#, to: "detached.json")
    let result = try program.run(["trace", "--in", "in.h5", "--html", "page.html", "--quiet"] + options)
    try #require(result.exitCode == 0, "\(result.error)")
    let html = try String(contentsOfFile: program.path("page.html"), encoding: .utf8)
    let text = try #require(html.firstMatch(of: #/data-nudge="([^"]*)"/#)).output.1
    let json = text.replacing("&quot;", with: "\"")
    let data = try JSONDecoder().decode(NudgeData.self, from: Data(json.utf8))
    #expect(data.x == [1, 9, 5, 8] && data.dout == [0.5, 0, 2, 0] && data.counted == [1, 0, 1, 0])
    #expect(data.gamma == 2 && data.beta == 3 && data.mean == mean && data.variance == variance)
    #expect(data.constant == isConstant)
    #expect(html.contains("mean and variance \(isConstant ? "are constants" : "move with it")."))
  }

  /// Layers that have no room are counted.
  @Test func manyLayersAreLeftOut() throws {
    let program = try Program()
    let file = try File(anew: program.path("in.h5"))
    for index in 0..<40 {
      let layer = try file.root.createGroup("layer\(index)")
      for (number, name) in ["activations", "grad_output"].enumerated() {
        try layer.createDataset(name, type: .float64, shape: [12, 12], storage: .contiguous)
          .writeDoubles((0..<144).map { Double(($0 * 37 + 11 * number + index) % 101) / 7 })
      }
    }
    try file.close()
    let result = try program.run("trace", "--in", "in.h5", "--html", "page.html", "--quiet")
    #expect(result.exitCode == 0, "\(result.error)")
    let html = try String(contentsOfFile: program.path("page.html"), encoding: .utf8)
    let shown = html.components(separatedBy: #"<section class="layer">"#).count - 1
    #expect(html.utf8.count <= 1 << 20 && shown > 0 && shown < 40)
    #expect(html.contains(">\(40 - shown) further layers have no room"))
  }

  @Test func withoutAGradientThereIsNoBackwardPass() throws {
    let program = try Program()
    let file = try File(anew: program.path("in.h5"))
    let layer = try file.root.createGroup("<b>&")
    try layer.createDataset("activations", type: .float64, shape: [3, 2], storage: .contiguous)
      .writeDoubles([1, 2, 3, .nan, 5, 7])
    try file.close()
    #expect(try program.run("trace", "--in", "in.h5", "--html", "page.html").exitCode == 0)
    let html = try String(contentsOfFile: program.path("page.html"), encoding: .utf8)
    #expect(
      html.contains("There is no grad_output") && !html.contains("data-nudge=") && !html.contains("<b>&"))
    #expect(html.contains("/&lt;b&gt;&amp;"))
    // The largest value, where there is no gradient; and what is not finite is counted.
    #expect(html.contains("Formulas are written out for value 2 of feature 1.</p>"))
    #expect(html.contains("[3, 2]: 1 to 7, and 1 NaN or infinite<"))
  }

  /// Numbers are written into cells that are 50 wide and of which there are 64 at most.
  @Test(
    arguments: [(12, 5, 60), (10, 6, 60), (12, 6, 0), (11, 6, 0), (9, 7, 0), (1, 7, 0), (40, 5, 60)])
  func cellsWithRoomHaveNumbers(rows: Int, columns: Int, numbers: Int) {
    let values = (0..<rows * columns).map { Double($0) }
    let matrix = FeatureMatrix(rowCount: rows, featureCount: columns, values: values)
    let svg = NodePicture("x", .matrix(matrix), columns: columns, grid: 12).svg
    #expect(svg.matches(of: #/<text /#).count == numbers)
    #expect(svg.matches(of: #/<rect /#).count == min(12, rows) * columns)
  }

  /// What is negative stands in brackets behind a sign, and where it is squared: x = -1, -3, -5, -7 has mean -4 and variance 5.
  @Test(
    arguments: [
      (.mu, "mu[0] = ((−1) + (−3) + (−5) + (−7))/4 = −4"), (.xmu, "xmu[3, 0] = −7 − (−4) = −3"),
      (.sq, "sq[3, 0] = (−3)² = 9"), (.xhat, "xhat[3, 0] = −3 · 0.3333 = −1"),
      (.gammax, "gammax[3, 0] = 6 · (−1) = −6"), (.out, "out[3, 0] = −6 + (−10) = −16"),
      (.dgamma, "dgamma[0] = 1 · (−9) + 0.3333 · 0 + (−0.3333) · 0 + (−1) · 18 = −27"),
    ] as [(NodeName, String)])
  func negativeNumbersAreInBrackets(node: NodeName, text: String) {
    let trace = GraphTrace(
      GraphInputs(
        x: FeatureMatrix(column: [-1, -3, -5, -7]), gamma: FeatureRow([6]), beta: FeatureRow([-10]),
        epsilon: 4),
      dout: FeatureMatrix(column: [-9, 0, 0, 18]))
    #expect(WrittenStep(node, in: trace, row: 3, feature: 0)?.text == text)
  }
}
