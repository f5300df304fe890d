import HDF5
import TestSupport
import Testing

/// Every element type in both byte orders, as input and, where that goes, as output, in every kind of layout and over
/// several pieces of a batch.
@Suite(.timeLimit(.minutes(30))) struct ElementTypesTests {
  static let kinds: [[NumericType.Kind]] = [
    [.float16, .bfloat16, .float32], [.float64, .int64, .uint64], [.int8, .int16, .uint8, .uint16],
    [.int32, .uint32],
  ]

  /// A batch of some 100,000 numbers has pieces of 65,536 float32 or 32,768 float64; the last batch is smaller than the
  /// first. The output type is that of the input, byte order included, or float32, and then each of the others.
  @Test(.timeLimit(.minutes(30)), arguments: kinds)
  func everyTypeInBothByteOrders(kinds: [NumericType.Kind]) throws {
    let layers = Self.layers(of: kinds)
    let program = try Program()
    try layers.write(to: program.path("input.h5"))
    var settings = Settings(hasBatchSize: false)
    let expected = layers.map { ExpectedResults($0, settings) }
    let runs: [(NumericType.Kind?, Arrangement)] = [
      (nil, Arrangement(2)), (.float16, Arrangement(1)), (.bfloat16, Arrangement(7)),
      (.float32, Arrangement(3)),
      (.float64, Arrangement(2)),
    ]
    for (outputType, arrangement) in runs {
      settings.outputType = outputType
      try program.runSuccessfully(settings, arrangement.options)
      try program.expectEveryResult(
        layers, settings, expected, "\(outputType?.rawValue ?? "no output type"), \(arrangement)")
    }
  }

  /// Layouts take turns, so that wide rows, folded rows and runs of each kernel meet several types. In some layers dy has
  /// another type than x; then the wider one decides what they are computed in.
  private static func layers(of kinds: [NumericType.Kind]) -> [InputLayer] {
    var layers: [InputLayer] = []
    for (number, kind) in kinds.enumerated() {
      for order in ByteOrder.allCases {
        let (shape, axis) = layouts[layers.count % layouts.count]
        let type = NumericType(kind: kind, byteOrder: order)
        let other = NumericType(kind: kinds[(number + 1) % kinds.count], byteOrder: order)
        var layer = InputLayer(
          at: "\(kind)/\(order)", shape, featureAxis: axis, type: type,
          gradientType: layers.count % 3 == 0 ? other : type, seed: UInt64(31 + layers.count))
        layer.attributes["batch_size"] = Double(shape[0] * 4 / 5)
        layers.append(layer)
      }
    }
    return layers
  }

  private static let layouts: [(shape: [Int], featureAxis: Int)] = [
    ([531, 201], 1), ([40_001, 3], 1), ([450, 5, 7, 7], 1), ([640, 6, 3, 11], 2),
  ]

  /// Bit patterns in a type for integers, in both byte orders.
  @Test(.timeLimit(.minutes(30)), arguments: ByteOrder.allCases)
  func bfloat16StoredAsUInt16(order: ByteOrder) throws {
    let patterns = NumericType(kind: .uint16, byteOrder: order)
    let type = NumericType(kind: .bfloat16, byteOrder: order)
    let layer = InputLayer([700, 300], type: type, gradientType: type, seed: 39)
    let program = try Program()
    let file = try File(anew: program.path("input.h5"))
    let group = try file.root.createGroup("layer")
    for (name, values) in [("activations", layer.x), ("grad_output", layer.dy ?? [])] {
      try StoredNumbers.write(
        values.map { Double(Float($0).bitPattern >> 16) },
        to: group.createDataset(name, type: patterns, shape: layer.shape, storage: .contiguous))
    }
    for (name, values) in [
      ("gamma", layer.gamma), ("beta", layer.beta), ("running_mean", layer.runningMean),
      ("running_var", layer.runningVariance),
    ] {
      try group.createDataset(name, type: .float64, shape: [300], storage: .contiguous)
        .writeDoubles(values ?? [])
    }
    try file.close()
    var settings = Settings(batchSize: 310)
    settings.otherKeys = ["uint16_as_bfloat16": "true"]
    try program.runSuccessfully(settings, Arrangement(2).options)
    try program.expectEveryResult([layer], settings, [ExpectedResults(layer, settings)], "\(order)")
  }
}
