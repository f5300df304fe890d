import Foundation
import HDF5
import TestSupport
import Testing

/// Layers of few samples and so many features that 17 MiB, of which 16 are the program's own, cannot hold what all of
/// them need: slices of the features are computed one after the other, and show in no byte.
@Suite(.timeLimit(.minutes(30))) struct SlicesTests {
  /// Columns; short planes of 3 to 9 values; long ones; and more than one position row, the features' axis last and in the
  /// middle. One feature more than a multiple of 64, so that the last slice has one: what few features are cut into is not what
  /// many are.
  static let layouts: [(shape: [Int], featureAxis: Int)] = [
    ([14, 6145], 1), ([11, 2561, 3], 1), ([7, 2049, 3, 3], 1), ([6, 1793, 5, 8], 1), ([5, 3, 2, 3073], -1),
    ([5, 4, 2561, 7], 2), ([3, 2, 2049, 37], 2),
  ]

  private static func layer(
    _ layout: Int, type: NumericType = .float32, gradientType: NumericType? = .float32, seed: UInt64
  ) -> InputLayer {
    let (shape, axis) = layouts[layout]
    return InputLayer(shape, featureAxis: axis, type: type, gradientType: gradientType, seed: seed)
  }

  @Test(.timeLimit(.minutes(30)), arguments: layouts.indices)
  func everyLayout(layout: Int) throws {
    try expectSlices(of: Self.layer(layout, seed: 201), Settings(batchSize: 4))
  }

  /// The last batch is smaller, or left out.
  @Test(.timeLimit(.minutes(30)), arguments: layouts.indices)
  func incompleteLastBatch(layout: Int) throws {
    try expectSlices(
      of: Self.layer(layout, seed: 202),
      Settings(
        batchSize: Self.layouts[layout].shape[0] * 2 / 3, dropsIncomplete: layout % 2 == 0, momentum: nil),
      threads: [2])
  }

  /// Batches of several leaves: a slice is cut into the blocks of all features, not into those that it would have alone.
  @Test(
    .timeLimit(.minutes(30)), arguments: [([1100, 577], 1), ([300, 129, 36], 1), ([150, 5, 577], 2)],
    [false, true])
  func severalLeaves(layout: (shape: [Int], featureAxis: Int), hasMask: Bool) throws {
    var layer = InputLayer(layout.shape, featureAxis: layout.featureAxis, seed: 212)
    if hasMask { layer.maskOut(every: 5) }
    try expectSlices(of: layer, Settings(), threads: [1, 3])
  }

  /// What a summary counts: masked positions once, however many slices there are; and in features of the first, a middle and
  /// the last slice values that are not finite, that are all the same, and that become too large for the type.
  @Test(.timeLimit(.minutes(30)), arguments: layouts.indices, [false, true])
  func counts(layout: Int, ofPositions: Bool) throws {
    var layer = Self.layer(
      layout, type: NumericType(kind: .float16, byteOrder: layout % 2 == 0 ? .big : .little),
      gradientType: layout == 1 ? .native(.float64) : .float32, seed: 203)
    layer.maskOut(every: ofPositions ? 7 : 3, ofPositions: ofPositions)
    let last = layer.featureCount - 1
    for feature in [0, 70, last / 2, last - 1] {
      layer.x[layer.index(sample: 1, position: 0, feature: feature)] = .nan
      let place = layer.index(sample: 2, position: 0, feature: feature + 1)
      layer.dy?[place] = -.infinity
    }
    for feature in [3, 500, last / 2 + 3, last - 3] {
      for sample in 0..<layer.sampleCount {
        for position in 0..<layer.positions {
          layer.x[layer.index(sample: sample, position: position, feature: feature)] = 2.5
        }
      }
    }
    for feature in [5, 600, last / 2 + 5, last - 5] { layer.gamma?[feature] = 1e6 }
    let settings = Settings()
    let counts = Counts(layer, settings, ExpectedResults(layer, settings))
    #expect(counts.nonfiniteInputs == 8 && counts.nonfiniteFeatures == 8 && counts.zeroVarianceFeatures == 4)
    #expect(counts.maskedPositions > 0 && counts.outputOverflow >= 4 * layer.sampleCount)
    try expectSlices(of: layer, settings, threads: [2, 7])
  }

  /// Types that are decoded, in both byte orders, and a gradient of another type.
  @Test(
    .timeLimit(.minutes(30)),
    arguments: [
      (.float16, .float64), (.bfloat16, .float32), (.float64, .float32), (.int8, .float16),
      (.uint16, .int16), (.int64, .float32),
      // What is small, beside what needs double precision.
      (.uint8, .float64), (.int8, .float64), (.int16, .float64), (.uint16, .float64), (.bfloat16, .float64),
    ] as [(NumericType.Kind, NumericType.Kind)], [ByteOrder.little, .big])
  func elementTypes(kinds: (NumericType.Kind, NumericType.Kind), byteOrder: ByteOrder) throws {
    let isBig = byteOrder == .big
    try expectSlices(
      of: Self.layer(
        isBig ? 1 : 0, type: NumericType(kind: kinds.0, byteOrder: byteOrder),
        gradientType: NumericType(kind: kinds.1, byteOrder: isBig ? .little : .big), seed: 204),
      Settings(batchSize: 5, outputType: kinds.0 == .float16 ? .float64 : nil), threads: [2])
  }

  /// Of chunks that hold all features, or some of them, the library takes out what a slice needs.
  @Test(.timeLimit(.minutes(30)), arguments: layouts.indices, [ByteOrder.little, .big])
  func compressedInputs(layout: Int, byteOrder: ByteOrder) throws {
    var layer = Self.layer(
      layout, type: NumericType(kind: layout % 3 == 0 ? .float64 : .float32, byteOrder: byteOrder),
      gradientType: NumericType(kind: .float16, byteOrder: byteOrder), seed: 205)
    var chunk = [1] + layer.shape.dropFirst()
    if layout % 2 == 0 { chunk[layer.featureAxis] = 1000 }
    layer.storage = .chunked(shape: chunk, filters: [.shuffle, .deflate(level: 1)])
    layer.maskOut(every: 3)
    try expectSlices(of: layer, Settings(batchSize: layer.sampleCount * 2 / 3), threads: [3])
  }

  static let modes = [
    Settings(usesRunningStatistics: true), Settings(isDetached: true), Settings(isIdentity: true),
    Settings(usesRunningStatistics: true, isIdentity: true),
    Settings(isDetached: true, isIdentity: true, momentum: nil), Settings(epsilon: 0, momentum: 1),
  ]

  @Test(.timeLimit(.minutes(30)), arguments: [0, 2, 3, 5], modes.indices)
  func everyMode(layout: Int, mode: Int) throws {
    var settings = Self.modes[mode]
    settings.batchSize = 3
    try expectSlices(of: Self.layer(layout, seed: 206), settings, threads: [mode % 3 + 1])
  }

  /// Uneven batches, empty ones at the beginning, in the middle and at the end.
  @Test(.timeLimit(.minutes(30)), arguments: layouts.indices, [false, true])
  func batchOffsets(layout: Int, hasMask: Bool) throws {
    var layer = Self.layer(layout, seed: 207)
    layer.batchOffsets = [0, 0, 2, 2, 2, layer.sampleCount, layer.sampleCount]
    if hasMask { layer.maskOut(every: 3) }
    try expectSlices(
      of: layer,
      Settings(hasBatchSize: false, otherKeys: ["single_value_batch": #""allow""#]), threads: [3])
  }

  /// Without gradients, parameters and statistics.
  @Test(.timeLimit(.minutes(30)), arguments: [0, 3, 4])
  func forwardOnly(layout: Int) throws {
    var layer = Self.layer(layout, gradientType: nil, seed: 208)
    (layer.gamma, layer.beta, layer.runningMean, layer.runningVariance) = (nil, nil, nil, nil)
    try expectSlices(of: layer, Settings(), threads: [1, 7])
  }

  /// Vectors of more than 65,536 numbers are read slice by slice, also where integers hold the bits of bfloat16.
  @Test(.timeLimit(.minutes(30)), arguments: [false, true], [false, true])
  func longVectors(asBFloat16: Bool, usesRunningStatistics: Bool) throws {
    var layer = InputLayer([3, 70_001], seed: 209)
    var settings = Settings(usesRunningStatistics: usesRunningStatistics)
    guard asBFloat16 else { return try expectSlices(of: layer, settings, threads: [1, 2]) }
    settings.otherKeys["uint16_as_bfloat16"] = "true"
    func rounded(_ values: [Double]?) -> [Double]? {
      values?.map { Double(Float(bitPattern: Float($0).bitPattern & 0xFFFF_0000)) }
    }
    layer.gamma = rounded(layer.gamma)
    layer.beta = rounded(layer.beta)
    layer.runningMean = rounded(layer.runningMean)
    layer.runningVariance = rounded(layer.runningVariance)
    try expectSlices(of: layer, settings, threads: [1, 2]) { path in
      try write(layer, to: path) { group, name, values in
        // Half of them big-endian.
        let type = NumericType(kind: .uint16, byteOrder: name.count % 2 == 0 ? .big : .little)
        let dataset = try group.createDataset(name, type: type, shape: [values.count], storage: .contiguous)
        try StoredNumbers.write(values.map { Double(Float($0).bitPattern >> 16) }, to: dataset)
      }
    }
  }

  /// The same where each is a row, as other programs keep them.
  @Test(
    .timeLimit(.minutes(30)),
    arguments: [([1, 70_001], true), ([1, 70_001, 1], false)] as [([Int], Bool)]
  )
  func longRows(shape: [Int], usesRunningStatistics: Bool) throws {
    let layer = InputLayer([3, 70_001], seed: 213)
    let settings = Settings(usesRunningStatistics: usesRunningStatistics)
    try expectSlices(of: layer, settings, threads: [2]) { path in
      try write(layer, to: path) { group, name, values in
        let dataset = try group.createDataset(name, type: .float64, shape: shape, storage: .contiguous)
        try StoredNumbers.write(values, to: dataset)
      }
    }
  }

  /// Writes a layer to a new file, and its vectors by `writeVector`.
  private func write(
    _ layer: InputLayer, to path: String,
    _ writeVector: (_ group: Group, _ name: String, _ values: [Double]) throws -> Void
  ) throws {
    var rest = layer
    (rest.gamma, rest.beta, rest.runningMean, rest.runningVariance) = (nil, nil, nil, nil)
    let file = try File(anew: path)
    try rest.write(to: file)
    for (name, values) in [
      ("gamma", layer.gamma), ("beta", layer.beta), ("running_mean", layer.runningMean),
      ("running_var", layer.runningVariance),
    ] {
      try writeVector(file.root.group("layer"), name, values ?? [])
    }
    try file.close()
  }

  /// `verify` and `check` run layers as `run` does, slices included.
  @Test(.timeLimit(.minutes(30)), arguments: [0, 2, 5])
  func inspection(layout: Int) throws {
    let program = try Program()
    try [Self.layer(layout, seed: 210)].write(to: program.path("input.h5"))
    let settings = Settings(batchSize: 4)
    try program.runSuccessfully(settings)
    let options = ["--in", "input.h5", "--config", "configuration.json", "--threads", "2"]
    _ = try program.littleMemory(threads: 2)
    let comparison = ["verify", "--against", "output.h5"] + options
    let (right, memory) = try program.runInLittleMemory(comparison)
    #expect(right.exitCode == 0, "\(right.output)\(right.error)")
    // The one number of the last slice.
    let file = try File(updating: program.path("output.h5"))
    let dataset = try file.root.dataset("layer/grad_gamma")
    var values = try dataset.readDoubles()
    values[values.count - 1] += 1e-3
    try dataset.writeDoubles(values)
    try file.close()
    let wrong = try program.run(comparison + ["--memory", memory])
    #expect(wrong.exitCode == 1)
    #expect(wrong.output.contains("[\(values.count - 1)]"), "\(wrong.output)")

    let check = try program.runInLittleMemory(["check"] + options).result
    #expect(check.exitCode == 0, "\(check.output)\(check.error)")
  }

  /// Chunks of an output hold all features of their samples: where those do not fit, the run is refused.
  @Test(.timeLimit(.minutes(30)))
  func chunkedOutputsAreRefused() throws {
    let program = try Program()
    try [Self.layer(0, seed: 211)].write(to: program.path("input.h5"))
    var settings = Settings(batchSize: 4)
    settings.outputStorage = #"{"layout": "chunked", "gzip": 1}"#
    try program.write(settings.json, to: "configuration.json")
    var advised = ""
    for mode in [["--dry-run"], ["--out", "output.h5"]] {
      let result = try program.run(
        ["--in", "input.h5", "--config", "configuration.json", "--memory", "17MiB", "--threads", "1"] + mode)
      #expect(result.exitCode == 78 && result.output == "")
      let words = try #require(
        try
          #/bn-stream: input\.h5: the smallest part of a batch \(4 samples\) of /layer needs [\d.]+ MiB of memory, but the limit is 17 MiB; give --memory (\d+MiB)\n/#
          .wholeMatch(in: result.error), "\(result.error)")
      advised = String(words.1)
    }
    // What the message advises is enough.
    try program.runSuccessfully(settings, ["--memory", advised, "--threads", "1"])
  }
}
