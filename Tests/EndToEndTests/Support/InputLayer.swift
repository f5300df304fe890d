import HDF5
import TestSupport

/// One layer of an input file, with numbers from a seed.
///
/// Every feature has a range of its own, and no row is like another, so that a result at the wrong place is a wrong result.
struct InputLayer: Sendable {
  /// The group's path without the slash before it; "" for the root.
  let path: String
  /// [N, …]
  let shape: [Int]
  let featureAxis: Int
  /// N.
  let sampleCount: Int
  /// C.
  let featureCount: Int
  /// C·P·S, the values of a sample.
  let sampleValues: Int
  /// P·S, the values that a sample holds of each feature.
  let positions: Int
  /// S, how far apart two features are.
  let inner: Int
  let type: NumericType
  /// Of `grad_output`; nil where there is none.
  let gradientType: NumericType?
  /// How `activations` and `grad_output` lie in the file.
  var storage = StorageRequest.contiguous
  /// [N, …]
  var x: [Double]
  /// [N, …]; nil for the forward pass alone.
  var dy: [Double]?
  /// [C]; nil for the defaults.
  var gamma: [Double]?
  var beta: [Double]?
  var runningMean: [Double]?
  var runningVariance: [Double]?
  /// The boundaries of uneven batches.
  var batchOffsets: [Int]?
  /// One entry for each sample, or for each position of each sample; 0 where a value counts in no statistic.
  var mask: [Int]?
  /// How the file has the mask, where that is in another way than as `mask`.
  var storedMask: StoredMask?
  /// Scalar attributes of the group.
  var attributes: [String: Double]

  /// - Parameters:
  ///   - gradientType: nil for a layer without `grad_output`.
  ///   - featureAxis: from the end if negative.
  init(
    at path: String = "layer", _ shape: [Int], featureAxis: Int = 1, type: NumericType = .float32,
    gradientType: NumericType? = .float32, seed: UInt64
  ) {
    self.path = path
    self.shape = shape
    let axis = featureAxis < 0 ? shape.count + featureAxis : featureAxis
    self.featureAxis = axis
    sampleCount = shape[0]
    featureCount = shape[axis]
    sampleValues = shape.dropFirst().reduce(1, *)
    positions = sampleValues / featureCount
    inner = shape[(axis + 1)...].reduce(1, *)
    attributes = ["feature_axis": Double(featureAxis)]
    self.type = type
    self.gradientType = gradientType
    var generator = SeededGenerator(seed: seed)
    x = []
    x = numbers(of: type.kind, using: &generator)
    dy = gradientType.map { numbers(of: $0.kind, using: &generator) }
    gamma = (0..<featureCount).map { _ in Double.random(in: -2...2, using: &generator) }
    beta = (0..<featureCount).map { _ in Double.random(in: -1...1, using: &generator) }
    // Near what the data has: with given statistics, results are then of the size of 1.
    let (least, greatest, _) = type.kind.generatedNumbers
    let half = (greatest - least) / 2
    runningMean = (0..<featureCount).map { _ in least + half * Double.random(in: 0.8...1.2, using: &generator)
    }
    runningVariance = (0..<featureCount).map { _ in
      half * half * Double.random(in: 0.05...0.3, using: &generator)
    }
  }

  /// The values that count, one entry for each sample and position; nil where all do.
  var counted: [Bool]? {
    guard let mask else { return nil }
    let repeats = sampleCount * positions / mask.count
    return mask.flatMap { Array(repeating: $0 != 0, count: repeats) }
  }

  /// Where the value of a feature at a position of a sample lies in `x`.
  func index(sample: Int, position: Int, feature: Int) -> Int {
    let (block, offset) = position.quotientAndRemainder(dividingBy: inner)
    return sample * sampleValues + (block * featureCount + feature) * inner + offset
  }

  /// A mask that leaves out some samples, or some positions, of every batch; `stride` is best a prime.
  mutating func maskOut(every stride: Int, ofPositions: Bool = false) {
    mask = (0..<sampleCount * (ofPositions ? positions : 1)).map { $0 % stride == stride / 2 ? 0 : 1 }
  }

  private func numbers(of kind: NumericType.Kind, using generator: inout SeededGenerator) -> [Double] {
    let (least, greatest, step) = kind.generatedNumbers
    let (center, half) = ((least + greatest) / 2, (greatest - least) / 2)
    var numbers = [Double](repeating: 0, count: sampleCount * sampleValues)
    numbers.withUnsafeMutableBufferPointer { numbers in
      for index in numbers.indices {
        let feature = index / inner % featureCount
        let middle = center + half * 0.1 * Double(feature % 7 - 3)
        let width = half * (0.3 + 0.1 * Double(feature % 4))
        let unit = Double(generator.next() >> 11) * 0x1p-52 - 1
        numbers[index] = ((middle + width * unit) / step).rounded() * step
      }
    }
    return numbers
  }
}

extension InputLayer {
  /// Makes the layer's group and writes everything.
  func write(to file: File) throws {
    var group = file.root
    for name in path.split(separator: "/").map(String.init) {
      group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
    }
    for (name, type, values) in [("activations", type, x), ("grad_output", gradientType ?? type, dy)] {
      guard let values else { continue }
      try StoredNumbers.write(
        values, to: group.createDataset(name, type: type, shape: shape, storage: storage))
    }
    for (name, values) in [
      ("gamma", gamma), ("beta", beta), ("running_mean", runningMean), ("running_var", runningVariance),
    ] {
      guard let values else { continue }
      try StoredNumbers.write(
        values, to: group.createDataset(name, type: .float64, shape: [featureCount], storage: .contiguous))
    }
    if let batchOffsets {
      try group.createDataset(
        "batch_offsets", type: .int64, shape: [batchOffsets.count], storage: .contiguous
      ).writeIntegers(batchOffsets)
    }
    if let storedMask {
      try StoredNumbers.write(
        storedMask.values,
        to: group.createDataset("mask", type: storedMask.type, shape: storedMask.shape, storage: .contiguous))
    } else if let mask {
      let shape = mask.count == sampleCount ? [sampleCount] : [sampleCount, positions]
      try group.createDataset("mask", type: .native(.uint8), shape: shape, storage: .contiguous)
        .writeIntegers(mask)
    }
    for (name, value) in attributes {
      if let whole = Int(exactly: value) {
        try group.writeAttribute(name, whole)
      } else {
        try group.writeAttribute(name, value)
      }
    }
  }
}

/// A mask as a file has it.
struct StoredMask: Sendable {
  let shape: [Int]
  let type: NumericType
  let values: [Double]
}

extension Array where Element == InputLayer {
  /// Writes an input file of these layers.
  func write(to path: String) throws {
    let file = try File(anew: path)
    for layer in self { try layer.write(to: file) }
    try file.close()
  }
}
