import HDF5
import TestSupport
import Testing

/// Masks, uneven batches and modes, in layers whose batches have several pieces (256 KiB of x, so 65,536 float32), and with
/// little memory several segments.
@Suite(.timeLimit(.minutes(30))) struct IrregularBatchesTests {
  /// Long runs, short runs, folded rows, wide rows, channels last: each layout gathers what counts in its own way.
  static let layouts: [(shape: [Int], featureAxis: Int)] = [
    ([150, 6, 12, 13], 1), ([300, 4, 10, 19], 2), ([90_001, 3], 1), ([1100, 200], 1), ([70, 11, 13, 22], 3),
  ]

  /// Every eleventh sample, or every seventh position, counts in no statistic. `grad_output` has another type.
  @Test(.timeLimit(.minutes(30)), arguments: 0..<5, [false, true])
  func masks(layout: Int, ofPositions: Bool) throws {
    let (shape, axis) = Self.layouts[layout]
    var layer = InputLayer(
      shape, featureAxis: axis, type: layout % 2 == 0 ? .float32 : .native(.float64), seed: 41)
    layer.maskOut(every: ofPositions ? 7 : 11, ofPositions: ofPositions)
    try expectEveryResult(
      of: [layer], Settings(batchSize: shape[0] * 3 / 5, isDetached: layout == 1),
      [Arrangement(1), Arrangement(3), Arrangement(2, "26MiB")])
    try expectEveryResult(
      of: [layer], Settings(usesRunningStatistics: layout == 2, isIdentity: layout == 3),
      [Arrangement(7), Arrangement(2, "26MiB")])
  }

  /// Uneven batches, among them empty ones, at the beginning, in the middle, two in a row, and at the end.
  @Test(.timeLimit(.minutes(30)), arguments: 0..<5, [false, true])
  func batchOffsets(layout: Int, hasMask: Bool) throws {
    let (shape, axis) = Self.layouts[layout]
    var layer = InputLayer(shape, featureAxis: axis, seed: 42)
    let samples = shape[0]
    layer.batchOffsets = [
      0, 0, samples / 2, samples / 2, samples / 2, samples / 2 + 5, samples - 7, samples, samples,
    ]
    if hasMask { layer.maskOut(every: 3) }
    try expectEveryResult(
      of: [layer], Settings(hasBatchSize: false, momentum: layout == 0 ? nil : 0.2),
      [Arrangement(1), Arrangement(2), Arrangement(7, "26MiB")])
  }

  /// An incomplete last batch is a batch like the others, or in no result at all.
  @Test(.timeLimit(.minutes(30)), arguments: 0..<5, [false, true])
  func incompleteLastBatch(layout: Int, isDropped: Bool) throws {
    let (shape, axis) = Self.layouts[layout]
    try expectEveryResult(
      of: [InputLayer(shape, featureAxis: axis, seed: 43)],
      Settings(batchSize: shape[0] * 2 / 5, dropsIncomplete: isDropped, momentum: 0.5),
      [Arrangement(2), Arrangement(7)])
  }

  /// What normalizes, what the gradient takes for constants, and where γ and β come from.
  static let modes = [
    Settings(usesRunningStatistics: true), Settings(isDetached: true), Settings(isIdentity: true),
    Settings(usesRunningStatistics: true, isIdentity: true),
    Settings(isDetached: true, isIdentity: true, momentum: nil), Settings(epsilon: 0, momentum: 1),
  ]

  @Test(.timeLimit(.minutes(30)), arguments: 0..<5, 0..<6)
  func everyMode(layout: Int, mode: Int) throws {
    let (shape, axis) = Self.layouts[layout]
    var settings = Self.modes[mode]
    settings.batchSize = shape[0] / 2 - 1
    try expectEveryResult(
      of: [InputLayer(shape, featureAxis: axis, seed: 44)], settings,
      [Arrangement(mode % 3 + 1), Arrangement(2, "26MiB")])
  }

  /// Without `grad_output` there is the forward pass, and without parameters and running statistics there are defaults.
  @Test(.timeLimit(.minutes(30)), arguments: 0..<5)
  func forwardOnly(layout: Int) throws {
    let (shape, axis) = Self.layouts[layout]
    var layer = InputLayer(shape, featureAxis: axis, gradientType: nil, seed: 45)
    (layer.gamma, layer.beta, layer.runningMean, layer.runningVariance) = (nil, nil, nil, nil)
    try expectEveryResult(
      of: [layer], Settings(batchSize: shape[0] / 2 + 1), [Arrangement(1), Arrangement(7, "26MiB")])
  }
}
