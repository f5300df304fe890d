import Foundation
import HDF5
import TestSupport
import Testing

/// What the page of a trace says of a layer, how many cells it has, and when there is a slider.
@Suite(.timeLimit(.minutes(30))) struct TracedLayerTests {
  /// The page of some layers of one feature.
  /// - Parameters:
  ///   - datasets: of each layer; activations and gradients are [values, 1].
  ///   - options: of the command.
  private func page(
    _ names: [String], _ datasets: [String: [Double]], _ options: [String] = []
  ) throws -> String {
    let program = try Program()
    let file = try File(anew: program.path("in.h5"))
    for name in names {
      let layer = try file.root.createGroup(name)
      for (dataset, values) in datasets {
        let isTensor = ["activations", "grad_output"].contains(dataset)
        try layer.createDataset(
          dataset, type: .float64, shape: isTensor ? [values.count, 1] : [values.count], storage: .contiguous
        ).writeDoubles(values)
      }
    }
    try file.close()
    let result = try program.run(["trace", "--in", "in.h5", "--html", "page.html", "--quiet"] + options)
    try #require(result.exitCode == 0, "\(result.error)")
    return try String(contentsOfFile: program.path("page.html"), encoding: .utf8)
  }

  /// Twelve cells along an axis, or six where there are more than three layers.
  @Test(arguments: [(1, 12), (3, 12), (4, 6)]) func manyLayersHaveFewerCells(layers: Int, cells: Int) throws {
    let html = try page(
      (0..<layers).map { "layer\($0)" }, ["activations": (0..<12).map { Double($0 * $0) }])
    let pictures = html.matches(of: #/aria-label="x, \[12, 1\]">(.*?)<\/svg>/#)
    #expect(pictures.count == layers)
    for picture in pictures { #expect(picture.output.1.matches(of: #/<rect /#).count == cells) }
  }

  /// By its number, which is not that of its first sample.
  @Test(arguments: 0..<3) func theBatchIsNamed(batch: Int) throws {
    let html = try page(
      ["layer"], ["activations": [1, 2, 4, 8, 16, 32]], ["--batch-size", "2", "--batch", "\(batch)"])
    #expect(html.contains("Batch \(batch): m = 2 values of each of 1 feature;"))
  }

  @Test func namesAreText() throws {
    let html = try page(["esc\u{1B}[31m"], ["activations": [1, 2, 4]])
    #expect(html.contains(#"<h2>/esc\x1B[31m</h2>"#) && !html.unicodeScalars.contains("\u{1B}"))
  }

  /// The slider computes with all values, of which there may be 2,048; with more the table alone is there.
  @Test(arguments: [(2048, true), (2049, false)]) func fewValuesHaveASlider(count: Int, has: Bool) throws {
    let html = try page(
      ["layer"],
      [
        "activations": (0..<count).map { Double($0 % 7) }, "grad_output": (0..<count).map { Double($0 % 5) },
      ], ["--batch-size", "4096"])
    #expect(html.contains("data-nudge=") == has)
    #expect(html.matches(of: #/<h3>What if value \d+ of feature 0 moved\?/#).count == 1)
  }

  /// A loss with a NaN has no slider, for JSON has none; the gradient may be finite where mean and variance are given.
  @Test(arguments: [(2.0, true), (.nan, false)] as [(Double, Bool)])
  func finiteValuesHaveASlider(value: Double, has: Bool) throws {
    let html = try page(
      ["layer"],
      [
        "activations": [1, value, 4], "grad_output": [1, 2, 3], "running_mean": [1], "running_var": [4],
      ], ["--statistics", "running"])
    #expect(html.contains("data-nudge=") == has)
    #expect(html.contains("<h3>What if value 2 of feature 0 moved?"))
  }

  /// A value moves by standard deviations; of a constant feature by thousandths of itself, and at least by 10⁻¹².
  @Test(
    arguments: [
      ([-3, 3, -3, 3], ["3", "0.3", "0.03", "0.003", "0.0003"]),
      ([1000, 1000, 1000, 1000], ["1", "0.1", "0.01", "0.001", "0.0001"]),
      ([0, 0, 0, 0], ["1e−12", "1e−13", "1e−14", "1e−15", "1e−16"]),
    ] as [([Double], [String])])
  func constantsMoveByTheirSize(values: [Double], steps: [String]) throws {
    let html = try page(["layer"], ["activations": values, "grad_output": [1, 0, 0, 2]])
    let rows = html.matches(of: #/<tr><td>([^<]*)<\/td><td>[^<]*<\/td><td>[^<]*<\/td><td>[^<]*<\/td><\/tr>/#)
    #expect(rows.map { String($0.output.1) } == steps)
  }
}
