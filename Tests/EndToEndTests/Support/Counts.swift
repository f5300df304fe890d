import HDF5

/// What the summary should say of one layer, counted in its numbers and in the results to expect.
struct Counts: Equatable, CustomStringConvertible {
  var batches = 0
  var emptyBatches = 0
  var droppedSamples = 0
  var maskedPositions = 0
  var nonfiniteInputs = 0
  var nonfiniteFeatures = 0
  var zeroVarianceFeatures = 0
  var outputOverflow = 0
  /// Of `activations` and `grad_output` as they are stored, read once.
  var inputBytes = 0
  /// Of the three large results.
  var outputBytes = 0

  init(_ layer: InputLayer, _ settings: Settings, _ expected: ExpectedResults) {
    let ranges = settings.batches(of: layer)
    let samples = ranges.last?.upperBound ?? 0
    let mask = layer.counted
    let values = samples * layer.sampleValues
    batches = ranges.count
    emptyBatches = ranges.count { $0.isEmpty }
    droppedSamples = layer.sampleCount - samples
    maskedPositions = mask?.prefix(samples * layer.positions).count { !$0 } ?? 0

    var features: Set<Int> = []
    for tensor in [layer.x, layer.dy ?? []] {
      for (index, value) in tensor.prefix(values).enumerated() where !value.isFinite {
        nonfiniteInputs += 1
        features.insert(index / layer.inner % layer.featureCount)
      }
    }
    nonfiniteFeatures = features.count

    let type = settings.outputType(of: layer)
    for name in ["output", "normalized", "grad_input"] {
      guard let tensor = expected.tensors[name] else { continue }
      outputOverflow += tensor.values.count { $0.isFinite && abs($0) >= type.kind.overflow }
      outputBytes += values * type.byteCount
    }
    inputBytes = values * (layer.type.byteCount + (layer.gradientType?.byteCount ?? 0))

    // A feature whose values are all the same has variance 0, and no other.
    for feature in 0..<layer.featureCount {
      let isConstant = ranges.contains { samples in
        let counted = (samples.lowerBound * layer.positions..<samples.upperBound * layer.positions)
          .filter { mask?[$0] ?? true }
          .map { position in
            layer.x[layer.index(sample: 0, position: position, feature: feature)]
          }
        return !counted.isEmpty && counted.allSatisfy { $0 == counted[0] }
      }
      if isConstant { zeroVarianceFeatures += 1 }
    }
  }

  init(_ layer: RunReport.Layer) {
    batches = layer.batches
    emptyBatches = layer.emptyBatches
    droppedSamples = layer.droppedSamples
    maskedPositions = layer.maskedPositions
    nonfiniteInputs = layer.nonfiniteInputs
    nonfiniteFeatures = layer.nonfiniteFeatures
    zeroVarianceFeatures = layer.zeroVarianceFeatures
    outputOverflow = layer.outputOverflow
    inputBytes = layer.bytesRead / layer.passes
    outputBytes = layer.bytesWritten
  }

  var description: String {
    """
    \(batches) batches, \(emptyBatches) empty, \(droppedSamples) dropped, \(maskedPositions) masked, \
    \(nonfiniteInputs) nonfinite in \(nonfiniteFeatures), \(zeroVarianceFeatures) without variance, \
    \(outputOverflow) overflow, \(inputBytes) read, \(outputBytes) written
    """
  }
}

/// A file with something of everything that a summary counts, in layers of several batches and pieces.
enum EventfulLayers {
  /// Four layers, in the order in which the program takes them.
  static func all(seed: UInt64) -> [InputLayer] {
    [masked(seed: seed), overflowing(seed: seed + 1), forwardOnly(seed: seed + 2), uneven(seed: seed + 3)]
  }

  /// Masked positions in every piece, values that are not finite in the first, a middle and the last batch, and three
  /// features that are constant in one batch.
  private static func masked(seed: UInt64) -> InputLayer {
    var layer = InputLayer(at: "a/masked", [1103, 150], seed: seed)
    layer.maskOut(every: 13)
    layer.attributes["batch_size"] = 500
    layer.attributes["epsilon"] = 0.25
    for (sample, feature) in [(3, 7), (3, 8), (497, 7), (950, 149), (1101, 0), (1102, 1)] {
      layer.x[layer.index(sample: sample, position: 0, feature: feature)] = sample % 2 == 0 ? .infinity : .nan
    }
    for (sample, feature) in [(250, 20), (700, 21), (1001, 20)] {
      let place = layer.index(sample: sample, position: 0, feature: feature)
      layer.dy?[place] = -.infinity
    }
    for (samples, feature) in [(0..<500, 40), (500..<1000, 41), (1000..<1103, 42)] {
      for sample in samples { layer.x[layer.index(sample: sample, position: 0, feature: feature)] = 2.5 }
    }
    return layer
  }

  /// float16, of which some numbers of three features become too large in every piece.
  private static func overflowing(seed: UInt64) -> InputLayer {
    var layer = InputLayer(
      at: "b", [421, 9, 15, 16], type: NumericType(kind: .float16, byteOrder: .big),
      gradientType: .native(.float16), seed: seed)
    layer.gamma?[0] = 50_000
    layer.gamma?[5] = -1e39
    layer.beta?[8] = 1e5
    layer.attributes["batch_size"] = 200
    return layer
  }

  /// Integers without a gradient, in one batch of 256 and a smaller one.
  private static func forwardOnly(seed: UInt64) -> InputLayer {
    InputLayer(
      at: "c/d/e", [311, 12, 6, 25], featureAxis: -1, type: .native(.int16), gradientType: nil, seed: seed)
  }

  /// Batches by offsets, three of them empty, with values that are not finite among them.
  private static func uneven(seed: UInt64) -> InputLayer {
    var layer = InputLayer(
      at: "z", [40_001, 5], type: .native(.float64), gradientType: .float32, seed: seed)
    layer.batchOffsets = [0, 0, 15_000, 15_000, 15_000, 15_011, 40_001]
    layer.maskOut(every: 5)
    for sample in [0, 1, 14_999, 15_003, 39_999] {
      layer.x[layer.index(sample: sample, position: 0, feature: sample % 5)] = .nan
    }
    return layer
  }
}
