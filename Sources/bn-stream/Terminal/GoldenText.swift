import FileNames
import Inspection

/// Which vectors were written, as people read it: a line for each layer, and what to do with them.
struct GoldenText {
  private let report: GoldenReport

  init(_ report: GoldenReport) { self.report = report }

  var text: String {
    let areMade = report.input == nil
    var table = TextTable(["layer", "shape", "type", "batches"] + (areMade ? ["tests"] : []))
    for layer in report.layers {
      let batches = zip(layer.batchOffsets, layer.batchOffsets.dropFirst()).map { $1 - $0 }
      let sizes = batches.count <= 4 ? batches.map { "\($0)" }.joined(separator: ", ") : many(batches)
      table.add(
        [layer.path, "\(layer.shape)", layer.elementType, sizes]
          + (areMade ? [layer.hardCase?.words ?? ""] : []))
    }
    let arrays = report.arrays.map { ["\($0): the same as arrays of NumPy, with index.json"] } ?? []
    let lines = [
      table.text,
      "\(report.output): inputs of \(counted(report.layers.count, "layer", "layers")), and exact results in float64 under /expected; compare yours with "
        + "bn-stream verify --in \(report.output) --against FILE",
    ]
    return (lines + arrays).joined(separator: "\n")
  }

  /// How many batches there are, and of how many samples, as the table of `run` has it: the last one may be smaller.
  private func many(_ sizes: [Int]) -> String {
    let isEven = sizes.dropLast().allSatisfy { $0 == sizes[0] } && sizes[sizes.count - 1] <= sizes[0]
    return isEven ? "\(sizes.count) × \(sizes[0])" : "\(sizes.count) by offsets"
  }
}

extension HardCase {
  /// What it tests.
  var words: String {
    switch self {
    case .unevenBatches: "a last batch that is smaller, padded perhaps"
    case .channelsFirst: "sums over samples and positions, feature axis 1"
    case .channelsLast: "the same with the features last"
    case .largeMean: "means of up to 1e5 deviations, which E[x²] - E[x]² loses"
    case .tinyVariance: "deviations of 0.1 to 1e-8, where ε decides"
    case .hugeValues: "values up to 1e19, whose sums of squares leave float32"
    case .constantFeature: "features without variance"
    case .outlier: "one value that is a thousand deviations away"
    case .oneSample: "batches of one sample"
    case .oneValue: "batches of one value, where y = β and dx = 0"
    case .nonfinite: "NaN and infinities, which stay in their feature and batch"
    }
  }
}
