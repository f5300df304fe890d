import HDF5
import TestSupport
import Testing

/// A layer of float32 numbers, large enough that it takes many buffers.
struct GeneratedLayer: Sendable, CustomTestStringConvertible {
  let shape: [Int]
  var chunks: StorageRequest = .contiguous
  var type = NumericType.float32
  /// Some samples count in no statistic, and some values of one batch are not finite.
  var isIrregular = false

  /// Three ways in which the kernels see data: wide rows, rows that are folded to fill the lanes, and planes.
  static let dense = GeneratedLayer(shape: [16_000, 128])
  static let narrow = GeneratedLayer(shape: [700_003, 3])
  static let planes = GeneratedLayer(shape: [1100, 37, 7, 7])

  /// What not everybody has: types that are decoded and encoded, masks, numbers that are not finite.
  static let irregular = [
    GeneratedLayer(
      shape: [9000, 100], type: NumericType(kind: .float16, byteOrder: .big), isIrregular: true),
    GeneratedLayer(shape: [9000, 100], type: .native(.int16)),
    GeneratedLayer(shape: [5000, 101], type: .float64, isIrregular: true),
    GeneratedLayer(shape: [1100, 37, 7, 7], isIrregular: true),
  ]

  var testDescription: String { "\(shape), \(type), \(isIrregular ? "irregular" : "regular")" }

  /// Writes activations and gradients, parameters, and batches of very different sizes as `offsets`.
  func write(to path: String) throws {
    let file = try File(anew: path)
    let layer = try file.root.createGroup("layer")
    for (name, seed) in [("activations", 1), ("grad_output", 2)] {
      let dataset = try layer.createDataset(name, type: type, shape: shape, storage: chunks)
      var numbers = numbers(count: dataset.elementCount, seed: UInt64(seed))
      // Exact in half precision: HDF5 1.10 rounds some numbers to twice what they are.
      if type.kind == .float16 { numbers = numbers.map { ($0 * 64).rounded() / 64 } }
      // In the third of the samples that `offsets` takes for one batch, and in one batch of a thousand samples.
      if isIrregular { numbers[dataset.elementCount / 4] = seed == 1 ? .nan : .infinity }
      try numbers.withUnsafeBytes {
        try dataset.write(leading: 0..<shape[0], as: .float32, from: $0)
      }
    }
    for (name, seed) in [("gamma", 3), ("beta", 4)] {
      try layer.createDataset(name, type: .float32, shape: [shape[1]], storage: .contiguous)
        .writeDoubles(numbers(count: shape[1], seed: UInt64(seed)).map(Double.init))
    }
    let samples = shape[0]
    if isIrregular {
      try layer.createDataset("mask", type: .native(.int8), shape: [samples], storage: .contiguous)
        .writeIntegers((0..<samples).map { $0 % 7 == 3 ? 0 : 1 })
    }
    let offsets = [0, samples / 3, samples / 3, samples / 3 + 7, samples / 2, samples - 9, samples]
    try layer.createDataset("offsets", type: .int64, shape: [offsets.count], storage: .contiguous)
      .writeIntegers(offsets)
    try file.close()
  }

  /// Numbers around 3 that repeat after a prime number of them, so that no two rows and no two features are alike.
  private func numbers(count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    let period = (0..<65_521).map { _ in Float.random(in: -5..<11, using: &generator) }
    var numbers: [Float] = []
    numbers.reserveCapacity(count + period.count)
    while numbers.count < count { numbers += period }
    return Array(numbers.prefix(count))
  }
}
