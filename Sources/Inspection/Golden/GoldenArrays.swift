import Configuration
import LayerFiles
import StrictJSON

/// Golden vectors as arrays of NumPy in one archive, with `index.json`, which says of each layer its path, settings and arrays.
struct GoldenArrays {
  private var archive = ArrayArchive()
  private var index: [Layer] = []

  /// A layer as the index has it.
  private struct Layer: Encodable {
    let path: String
    let hardCase: HardCase?
    let featureAxis: Int
    let epsilon: Double
    /// nil for the average of all batches.
    let momentum: Double?
    let runningVariance: String
    let statistics: String
    var arrays: [Array] = []

    /// An array: what it is called in the layer, its file, shape and type.
    struct Array: Encodable {
      let name: String
      let file: String
      let shape: [Int]
      let type: String
    }

    private enum CodingKeys: String, CodingKey {
      case path, epsilon, momentum, statistics, arrays
      case hardCase = "case"
      case featureAxis = "feature_axis"
      case runningVariance = "running_variance"
    }
  }

  mutating func add(_ layer: GoldenLayer, _ results: GoldenResults) {
    var momentum: Double?
    if case .exponential(let factor) = layer.momentum { momentum = factor }
    let statistics: StatisticsSource = layer.normalization == .running ? .running : .batch
    var entry = Layer(
      path: layer.path, hardCase: layer.hardCase, featureAxis: layer.featureAxis, epsilon: layer.epsilon,
      momentum: momentum, runningVariance: layer.runningVarianceEstimate.rawValue,
      statistics: statistics.rawValue)
    let folder = Self.folder(layer, number: index.count)
    func add(_ name: String, _ shape: [Int], _ values: [Double]?, _ type: ArrayArchive.ElementType) {
      guard let values else { return }
      archive.add("\(folder)/\(name)", shape: shape, values, as: type)
      entry.arrays.append(
        .init(name: name, file: "\(folder)/\(name).npy", shape: shape, type: "\(type)"))
    }
    for input in layer.inputs {
      add(input.name, input.shape, input.values, input.type == .float32 ? .float32 : .float64)
    }
    add("batch_offsets", [layer.offsets.count], layer.offsets.map(Double.init), .int64)
    for tensor in results.tensors {
      add(
        "expected/\(tensor.name)", tensor.shape, tensor.values, tensor.isInteger ? .int64 : .float64)
    }
    index.append(entry)
  }

  /// A name that leads nowhere else, whatever the layer's is: a made layer's own, and of others their letters and digits behind their number.
  private static func folder(_ layer: GoldenLayer, number: Int) -> String {
    if let hardCase = layer.hardCase { return hardCase.rawValue }
    let letters = layer.path.unicodeScalars.map { scalar -> Character in
      scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
        ? Character(scalar) : "_"
    }
    return "\(number)\(String(letters.prefix(60)))"
  }

  /// The archive, with the index at its end.
  var bytes: [UInt8] {
    var whole = archive
    whole.add(file: "index.json", Swift.Array((canonicalJSON(index, isPretty: true) + "\n").utf8))
    return whole.bytes
  }
}
