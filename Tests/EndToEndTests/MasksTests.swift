import HDF5
import TestSupport
import Testing

/// What a mask's entries mean, whatever their type, and to which values they belong, whatever the mask's shape.
@Suite(.timeLimit(.minutes(30))) struct MasksTests {
  /// Numbers of which all but the two zeros count, though most other types would make 0 of them.
  static let entries: [(type: NumericType, values: [Double])] = [
    (.native(.float64), [0.5, -0.5, 1e-3, 0x1p-1074, -1e300, .infinity, 0, -0.0]),
    (NumericType(kind: .float64, byteOrder: .big), [0.999, 1, -0x1p-1040, 0x1p-1030, 2, 3, 0, -0.0]),
    (.float32, [0.5, -0.25, 0x1p-149, 0x1p-130, 0x1p100, -.infinity, 0, -0.0]),
    (NumericType(kind: .float32, byteOrder: .big), [0x1p-149, 1, 0.75, 0x1p-20, 2, 3, 0, -0.0]),
    (.native(.float16), [0x1p-24, -0.5, 0x1p-15, 1, 2, .infinity, 0, -0.0]),
    (.native(.bfloat16), [0x1p-133, -0.5, 0x1p-126, 1, 2, 256, 0, -0.0]),
    (.native(.int64), [0x1p40, -0x1p63, 256, 1, -1, 65536, 0, 0]),
    (.native(.uint64), [0x1p63, 0x1p32, 256, 1, 128, 65536, 0, 0]),
    (NumericType(kind: .int32, byteOrder: .big), [0x1p30, -0x1p31, 256, 1, -1, 65536, 0, 0]),
    (.native(.uint16), [0x8000, 256, 1, 128, 0xFFFF, 512, 0, 0]),
    (.native(.int8), [-128, 127, 1, -1, 2, 64, 0, 0]),
  ]

  @Test(arguments: 0..<11)
  func whatIsNotZeroCounts(index: Int) throws {
    let (type, values) = Self.entries[index]
    var layer = InputLayer([16, 5], seed: 51)
    let all = Array(repeating: values, count: 2).flatMap { $0 }
    layer.mask = all.map { $0 == 0 ? 0 : 1 }
    layer.storedMask = StoredMask(shape: [16], type: type, values: all)
    try expectEveryResult(of: [layer], Settings(batchSize: 8), [Arrangement(1), Arrangement(3)])
  }

  /// Shapes of activations, and of masks for them. The entry of a position is found here by subscripts.
  static let shapes: [(tensor: [Int], featureAxis: Int, masks: [[Int]])] = [
    (
      [12, 3, 4, 5], 1,
      [
        [12, 1, 4, 5], [12, 4, 5], [1, 4, 5], [12, 1, 5], [12, 4, 1], [1, 1, 4, 5], [1, 1, 1, 5],
        [12, 1, 1, 1],
        [12, 1], [12, 20], [1, 20],
      ]
    ),
    ([12, 4, 5, 3], -1, [[12, 4, 5, 1], [12, 4, 5], [1, 4, 1], [12, 1, 5, 1], [1, 20]]),
    ([12, 4, 3, 5], 2, [[12, 4, 1, 5], [12, 4, 5], [12, 1, 5], [1, 4, 1, 1], [12, 20]]),
    ([12, 70], 1, [[12, 1], [12]]),
    ([9, 2, 6, 7], 1, [[9, 1, 6, 1], [1, 6, 7]]),
  ]

  @Test(arguments: 0..<5)
  func sharedEntries(index: Int) throws {
    let (tensor, axis, masks) = Self.shapes[index]
    for shape in masks {
      var layer = InputLayer(tensor, featureAxis: axis, seed: 52)
      let count = shape.reduce(1, *)
      let values = (0..<count).map { entry -> Double in
        let isZero = count > 1 && (entry * 7 + entry / 3) % 5 == 1
        return isZero ? 0 : Double(entry % 3) + 0.25
      }
      layer.mask = Self.expanded(values, shape, of: layer)
      layer.storedMask = StoredMask(shape: shape, type: .float32, values: values)
      try expectEveryResult(
        of: [layer], Settings(batchSize: tensor[0] / 3 + 1),
        [Arrangement(1), Arrangement(3), Arrangement(2, "24MiB")])
    }
  }

  /// 2.9 MB of a mask that are needed at once, for chunks are read whole: its rows are read some at a time.
  @Test func manyEntriesAtOnce() throws {
    var layer = InputLayer([400, 1, 30, 30], seed: 53)
    layer.storage = .chunked(shape: [100, 1, 30, 30], filters: [])
    layer.maskOut(every: 7, ofPositions: true)
    let mask = try #require(layer.mask)
    layer.storedMask = StoredMask(shape: [400, 900], type: .native(.float64), values: mask.map(Double.init))
    try expectEveryResult(of: [layer], Settings(batchSize: nil), [Arrangement(1), Arrangement(2)])
  }

  /// One entry for each sample and position: 1 where the mask's own is not 0.
  private static func expanded(_ values: [Double], _ shape: [Int], of layer: InputLayer) -> [Int] {
    var axes = layer.shape
    axes.remove(at: layer.featureAxis)
    var own = shape
    if own.count == layer.shape.count { own.remove(at: layer.featureAxis) }
    // One number for all positions, or for none in particular.
    if own.count < axes.count { axes = [axes[0], axes.dropFirst().reduce(1, *)] }
    while own.count < axes.count { own.append(1) }
    return (0..<axes.reduce(1, *)).map { position in
      var (rest, entry, step) = (position, 0, 1)
      for (length, ownLength) in zip(axes, own).reversed() {
        entry += (ownLength == 1 ? 0 : rest % length) * step
        rest /= length
        step *= ownLength
      }
      return values[entry] == 0 ? 0 : 1
    }
  }
}
