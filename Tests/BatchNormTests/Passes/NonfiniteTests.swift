import BatchNorm
import BatchNormReference
import Testing

/// NaN and infinities poison their own feature, and are counted.
@Suite(.timeLimit(.minutes(30))) struct NonfiniteTests {
  static let shapes = [
    LayoutBatchTests.Shape(600, 1, 65, 1), .init(101, 1, 3, 1), .init(100, 1, 9, 49), .init(90, 5, 2, 7),
  ]

  private static func batch(_ shape: LayoutBatchTests.Shape) -> Batch {
    var generator = SplitMix64(seed: 61)
    return generator.batch(shape.layout, samples: shape.samples, type: .float)
  }

  /// Everything of every feature but `poisoned` is the same as in the clean run, bit for bit.
  private func expectOthersAreClean(
    _ batch: Batch, _ output: Kernels.Output, _ clean: Kernels.Output, poisoned: Int
  ) throws {
    for (a, b) in [(output.y, clean.y), (output.xHat, clean.xHat), (output.dx, clean.dx)] {
      let (a, b) = (try #require(a), try #require(b))
      for feature in 0..<batch.layout.featureCount where feature != poisoned {
        #expect(batch.column(feature, of: a).isSame(as: batch.column(feature, of: b)), "feature \(feature)")
      }
    }
    for feature in 0..<batch.layout.featureCount where feature != poisoned {
      #expect(output.coefficients[feature].dgamma == clean.coefficients[feature].dgamma)
      #expect(output.coefficients[feature].dbeta == clean.coefficients[feature].dbeta)
      #expect(output.all[feature].nonfiniteValues.total == 0)
      #expect(output.all[feature].nonfiniteGradients.total == 0)
    }
  }

  /// In the first rows, in the last (those of no whole wide row, too), and in the last feature, which fills no octet.
  @Test(arguments: shapes) func valuesPoisonTheirFeature(shape: LayoutBatchTests.Shape) throws {
    var batch = Self.batch(shape)
    let clean = Kernels(input: .float, output: .float).run(batch)
    let feature = shape.featureCount - 1
    let rows = shape.samples * shape.positionRows
    func place(_ row: Int) -> Int { batch.index(row: row, feature: feature, position: shape.planeLength - 1) }
    batch.x[place(0)] = .nan
    batch.x[place(rows / 2)] = .infinity
    batch.x[place(rows - 2)] = .infinity
    batch.x[place(rows - 1)] = -.infinity
    let output = Kernels(input: .float, output: .float).run(batch)
    let counts = output.all[feature].nonfiniteValues
    #expect([counts.nan, counts.positive, counts.negative] == [1, 2, 1])
    #expect(output.moments.means[feature].isNaN && output.moments.variances[feature].isNaN)
    #expect(!output.all[feature].overflows && !output.isFinite)
    for tensor in [output.y, output.dx] {
      let column = batch.column(feature, of: try #require(tensor))
      #expect(column.allSatisfy { $0.isNaN })
    }
    try expectOthersAreClean(batch, output, clean, poisoned: feature)
  }

  /// Those of values and those of gradients are counted together, feature by feature.
  @Test(arguments: shapes) func valuesAndGradientsAreCountedTogether(shape: LayoutBatchTests.Shape) {
    var batch = Self.batch(shape)
    let places = (3...6).map { batch.index(row: $0, feature: $0 == 4 ? 0 : 1, position: 0) }
    batch.x[places[0]] = .nan
    batch.dy?[places[1]] = -.infinity
    batch.dy?[places[2]] = .infinity
    batch.dy?[places[3]] = .nan
    let found = Kernels(input: .float, output: .float).run(batch).moments.nonfiniteFeatures
    #expect(found.map(\.feature) == [0, 1] && found.map(\.count) == [1, 3])
  }

  /// One infinity alone: the mean is what IEEE arithmetic gives.
  @Test(arguments: shapes, [Double.infinity, -.infinity])
  func oneInfinityIsTheMean(shape: LayoutBatchTests.Shape, value: Double) {
    var batch = Self.batch(shape)
    batch.x[batch.index(row: shape.samples / 2, feature: 1, position: 0)] = value
    let output = Kernels(input: .float).run(batch)
    #expect(output.moments.means[1] == value)
    #expect(output.moments.variances[1].isNaN)
  }

  /// Infinities of both signs have no sum, among values and among gradients; of one sign, however many, they have.
  @Test(arguments: shapes) func infinitiesOfBothSignsAreNaN(shape: LayoutBatchTests.Shape) {
    for (values, isNaN) in [
      ([Double.infinity, -.infinity], true), ([-.infinity, .infinity, .infinity], true),
      ([.infinity, .infinity], false), ([-.infinity, -.infinity], false),
    ] {
      let places = { (batch: Batch) in
        values.indices.map { batch.index(row: $0 * (shape.samples - 1) / 2, feature: 1, position: 0) }
      }
      var batch = Self.batch(shape)
      for (place, value) in zip(places(batch), values) { batch.x[place] = value }
      let mean = Kernels(input: .float).run(batch).moments.means[1]
      #expect(isNaN ? mean.isNaN : mean == values[0], "\(values): \(mean)")
      batch = Self.batch(shape)
      for (place, value) in zip(places(batch), values) { batch.dy?[place] = value }
      let dbeta = Kernels(input: .float).run(batch).coefficients[1].dbeta
      #expect(isNaN ? dbeta.isNaN : dbeta == values[0], "\(values): \(dbeta)")
    }
  }

  /// A gradient poisons dx, dγ and dβ of its feature, and not its y.
  @Test(arguments: shapes) func gradientsPoisonTheirFeature(shape: LayoutBatchTests.Shape) throws {
    var batch = Self.batch(shape)
    let clean = Kernels(input: .float, output: .float).run(batch)
    let (first, last) = (
      batch.index(row: 0, feature: 1, position: 0),
      batch.index(row: shape.samples - 1, feature: 1, position: 0)
    )
    batch.dy?[last] = .infinity
    batch.dy?[first] = .nan
    let output = Kernels(input: .float, output: .float).run(batch)
    let counts = output.all[1].nonfiniteGradients
    #expect([counts.nan, counts.positive, counts.negative] == [1, 1, 0])
    #expect(output.all[1].nonfiniteValues.total == 0)
    #expect(try #require(output.y).isSame(as: try #require(clean.y)))
    let dx = batch.column(1, of: try #require(output.dx))
    #expect(dx.allSatisfy { !$0.isFinite })
    #expect(output.coefficients[1].dbeta.isNaN && !output.coefficients[1].dgamma.isFinite)
    try expectOthersAreClean(batch, output, clean, poisoned: 1)
  }

  /// A value that the mask leaves out harms no other y, and is not counted among the statistics' values.
  @Test(arguments: shapes) func maskedValuesHarmNoOutput(shape: LayoutBatchTests.Shape) throws {
    var batch = Self.batch(shape)
    batch.mask = Array(repeating: 1, count: shape.samples * shape.layout.valuesPerFeatureAndSample)
    batch.mask?[0] = 0
    let clean = Kernels(input: .float, output: .float).run(batch)
    batch.x[batch.index(row: 0, feature: 1, position: 0)] = .nan
    let output = Kernels(input: .float, output: .float).run(batch)
    #expect(output.statistics[1].nonfiniteValues.total == 0)
    #expect(output.all[1].nonfiniteValues.nan == 1)
    let y = batch.column(1, of: try #require(output.y))
    #expect(y[0].isNaN)
    #expect(Array(y[1...]).isSame(as: Array(batch.column(1, of: try #require(clean.y))[1...])))
    try expectOthersAreClean(batch, output, clean, poisoned: 1)
  }

  /// Values that a mask leaves out and dy does not weigh are counted apart, and no others.
  @Test(arguments: shapes) func whatHarmsNothingIsCounted(shape: LayoutBatchTests.Shape) throws {
    var batch = Self.batch(shape)
    let none = Array(repeating: 0, count: shape.featureCount)
    func spoil(_ row: Int, _ value: Double, dy: Double) {
      let place = batch.index(row: row, feature: 1, position: 0)
      batch.x[place] = value
      batch.dy?[place] = dy
    }
    spoil(3, .nan, dy: 0)
    // Without a mask it is in all statistics.
    #expect(Kernels(input: .float, output: .float).run(batch).harmless == none)
    batch.mask = Array(repeating: 1, count: shape.samples * shape.layout.valuesPerFeatureAndSample)
    for row in [3, 7] { batch.mask?[row * shape.planeLength] = 0 }
    var expected = none
    expected[1] = 1
    #expect(Kernels(input: .float, output: .float).run(batch).harmless == expected)
    spoil(7, .infinity, dy: 0)
    expected[1] = 2
    #expect(Kernels(input: .float, output: .float).run(batch).harmless == expected)
    // What dy weighs is in dγ.
    spoil(7, .infinity, dy: 1)
    #expect(Kernels(input: .float, output: .float).run(batch).harmless == none)
  }

  /// With given statistics a value touches nothing but its own y.
  @Test(arguments: shapes) func givenStatisticsKeepItLocal(shape: LayoutBatchTests.Shape) throws {
    var batch = Self.batch(shape)
    batch.normalization = .running
    let clean = Kernels(input: .float, output: .float).run(batch)
    let place = batch.index(row: 3, feature: 1, position: 0)
    batch.x[place] = .infinity
    let output = Kernels(input: .float, output: .float).run(batch)
    var expected = try #require(clean.y)
    expected[place] = try #require(output.y)[place]
    #expect(!expected[place].isFinite)
    #expect(try #require(output.y).isSame(as: expected))
    #expect(try #require(output.dx).isSame(as: try #require(clean.dx)))
  }
}
