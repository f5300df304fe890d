import BatchNorm
import BatchNormReference
import Testing

/// Batches that cross the borders of blocks and leaves in every way of cutting them, against BatchNormReference.
@Suite(.timeLimit(.minutes(30))) struct LayoutBatchTests {
  struct Shape: CustomTestStringConvertible {
    let samples, positionRows, featureCount, planeLength: Int

    init(_ samples: Int, _ positionRows: Int, _ featureCount: Int, _ planeLength: Int) {
      self.samples = samples
      self.positionRows = positionRows
      self.featureCount = featureCount
      self.planeLength = planeLength
    }

    var layout: FeatureLayout {
      FeatureLayout(positionRows: positionRows, featureCount: featureCount, planeLength: planeLength)
    }

    var testDescription: String { "\(samples) × [\(positionRows), \(featureCount), \(planeLength)]" }
  }

  static let shapes = [
    // Columns, nothing folded: one row more than a block and a leaf, two leaves, one less.
    Shape(257, 1, 64, 1), Shape(513, 1, 66, 1), Shape(255, 1, 65, 1), Shape(258, 1, 130, 1),
    // Blocks that end inside of a leaf: 64 samples of 5 rows are 256 + 64.
    Shape(67, 5, 68, 1), Shape(130, 3, 65, 1),
    // Folded rows, also with rows left over; 16384 samples of one feature are a leaf.
    Shape(16_501, 1, 1, 1), Shape(8203, 1, 3, 1),
    Shape(3000, 1, 1, 1), Shape(2999, 1, 3, 1), Shape(1025, 1, 7, 1), Shape(701, 5, 3, 1), Shape(1, 1, 1, 1),
    Shape(31, 1, 1, 1), Shape(33, 3, 5, 1),
    // Short planes are columns, from 32 on lanes are positions.
    Shape(600, 1, 3, 2), Shape(77, 2, 3, 7), Shape(130, 1, 5, 31), Shape(130, 1, 5, 32), Shape(130, 1, 5, 33),
    Shape(200, 1, 3, 49), Shape(27, 2, 3, 196), Shape(2, 1, 2, 5000), Shape(1, 3, 1, 2049),
    Shape(33, 4, 9, 32),
    // One sample with all its positions, one value a feature.
    Shape(1, 1, 3, 4096), Shape(1, 500, 3, 1), Shape(1, 1, 1000, 1), Shape(2, 1, 1, 1),
  ]

  @Test(arguments: shapes) func agreesWithReference(shape: Shape) {
    var generator = SplitMix64(seed: 5)
    for type in [KernelType.float, .double] {
      let batch = generator.batch(shape.layout, samples: shape.samples, type: type)
      Comparison(batch, Kernels(input: type, output: type, octetsPerTile: 5))
        .expectAgreement("\(shape.testDescription), \(type)")
    }
  }

  /// Masks of positions, where dx differs between the values that count and the others.
  @Test(arguments: shapes.filter { $0.samples > 2 })
  func agreesWithReferenceUnderAMask(shape: Shape) {
    var generator = SplitMix64(seed: 6)
    var batch = generator.batch(shape.layout, samples: shape.samples, type: .double)
    let positions = shape.samples * shape.layout.valuesPerFeatureAndSample
    // Whole leaves and blocks without a value that counts, and then every third value; and all but every seventh, which are more than
    // a block of them in a leaf.
    for mask in [{ 3 * $0 > positions && $0 % 3 == 0 }, { $0 % 7 != 3 }] as [(Int) -> Bool] {
      batch.mask = (0..<positions).map { mask($0) ? 1 : 0 }
      Comparison(batch, Kernels()).expectAgreement(Comment(rawValue: shape.testDescription))
    }
  }
}
