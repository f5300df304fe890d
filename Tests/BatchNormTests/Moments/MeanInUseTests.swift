import BatchNorm
import BatchNormReference
import Testing

/// dγ and dx where the mean in use is not that of all values: under masks and with given statistics. Against rational arithmetic, whatever
/// the values are that do not count or that dy does not weigh.
///
/// dγ is judged by Σ|dy·(x - mean)|·invStd, what its terms amount to: a rounding of 1.1e-16 in each, in blocks of 4096 values at
/// most, and in practice some of them: 1e-13.
@Suite struct MeanInUseTests {
  static let shapes = [
    LayoutBatchTests.Shape(300, 1, 65, 1), .init(777, 1, 3, 1), .init(50, 1, 3, 49), .init(40, 5, 2, 7),
    .init(5, 1, 2, 5000), .init(1025, 1, 7, 1),
  ]
  /// What padding is filled with.
  static let sentinels = [0, -1e9, 1e20, -Double(Float.greatestFiniteMagnitude)]

  private static func batch(
    _ shape: LayoutBatchTests.Shape, type: KernelType, mean: Double = 3, seed: UInt64 = 91
  ) -> Batch {
    var generator = SplitMix64(seed: seed)
    return generator.batch(shape.layout, samples: shape.samples, type: type, mean: mean)
  }

  /// Two values in five do not count, and in the second quarter of the samples none does.
  private static func mask(_ batch: Batch) -> [UInt8] {
    let positions = batch.samples * batch.layout.valuesPerFeatureAndSample
    return (0..<positions).map { (positions / 4..<positions / 2).contains($0) || $0 * 7 % 5 < 2 ? 0 : 1 }
  }

  /// Compares dγ, and what dx has of it, with rational arithmetic.
  private static func expectExact(
    _ batch: Batch, _ type: KernelType, _ comment: Comment, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let output = Kernels(input: type, output: .double, wantsNormalized: false).run(batch)
    for feature in Set([0, batch.layout.featureCount / 2, batch.layout.featureCount - 1]) {
      let (x, dy) = (batch.column(feature, of: batch.x), batch.column(feature, of: batch.dy ?? []))
      let counts = batch.mask.map { $0.map { $0 != 0 } } ?? Array(repeating: true, count: x.count)
      let counted = zip(x, counts).filter(\.1).map(\.0)
      let mean =
        batch.normalization == .running ? Exact(batch.given[feature].mean) : ExactStatistics(counted).mean
      let weighed = zip(x, dy).filter { $0.1 != 0 }
      // Divided once, in the end: denominators that are no powers of two would grow with each term.
      let sum = weighed.map { Exact($0.0) * Exact($0.1) }.total - mean * weighed.map { Exact($0.1) }.total
      let scale = Exact(weighed.reduce(0) { $0 + ($1.1 * ($1.0 - mean.double)).magnitude })
      let coefficients = output.coefficients[feature]
      let invStd = Exact(coefficients.invStd)
      #expect(
        Exact(coefficients.dgamma).isNear(sum * invStd, tolerance: 1e-13, scale: scale * invStd),
        "dγ of feature \(feature), \(comment)", sourceLocation: sourceLocation)
      guard batch.normalization == .batch else { continue }
      let share = invStd * invStd / Exact(counted.count)
      #expect(
        Exact(coefficients.slope).isNear(sum * share, tolerance: 1e-13, scale: scale * share),
        "slope of feature \(feature), \(comment)", sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: shapes, sentinels)
  func paddingIsInNoGradient(shape: LayoutBatchTests.Shape, sentinel: Double) {
    for type in [KernelType.float, .double] {
      var batch = Self.batch(shape, type: type)
      batch.mask = Self.mask(batch)
      for index in batch.x.indices {
        let (row, position) = (
          index / shape.planeLength / shape.featureCount, index % shape.planeLength
        )
        if batch.mask?[row * shape.planeLength + position] == 0 {
          batch.set(index, x: sentinel, dy: 0)
        }
      }
      Self.expectExact(batch, type, "\(type), sentinel \(sentinel)")
      batch.normalization = .running
      Self.expectExact(batch, type, "\(type), sentinel \(sentinel), given statistics")
    }
  }

  /// What does not count may be weighed all the same, also far from a mean of 10⁶, and by very little where it lies far out.
  @Test(arguments: shapes, [3, 1e6])
  func whatDoesNotCountIsWeighed(shape: LayoutBatchTests.Shape, mean: Double) {
    for normalization in [Normalization.batch, .batchDetached, .running] {
      var batch = Self.batch(shape, type: .double, mean: mean)
      batch.normalization = normalization
      batch.mask = Self.mask(batch)
      Self.expectExact(batch, .double, "\(normalization), mean \(mean)")
      for index in stride(from: 0, to: batch.x.count, by: 11) {
        let (row, position) = (
          index / shape.planeLength / shape.featureCount, index % shape.planeLength
        )
        if batch.mask?[row * shape.planeLength + position] == 0 {
          batch.set(index, x: 1e20, dy: 1e-20)
        }
      }
      Self.expectExact(batch, .double, "\(normalization), mean \(mean), far out")
    }
  }

  /// With given statistics any value may lie far out, or the mean far from them all.
  @Test(arguments: shapes, sentinels)
  func givenStatistics(shape: LayoutBatchTests.Shape, sentinel: Double) {
    for type in [KernelType.float, .double] {
      var batch = Self.batch(shape, type: type)
      batch.normalization = .running
      for index in stride(from: 0, to: batch.x.count, by: 3) {
        batch.set(index, x: sentinel, dy: 0)
      }
      Self.expectExact(batch, type, "\(type), sentinel \(sentinel)")
      var far = Self.batch(shape, type: type)
      far.normalization = .running
      for feature in far.given.indices { far.given[feature].mean += sentinel }
      Self.expectExact(far, type, "\(type), given mean \(sentinel)")
    }
  }

  /// NaN in padding harms nothing but what is computed of it.
  @Test(arguments: shapes, [Normalization.batch, .running])
  func paddingThatIsNotANumber(shape: LayoutBatchTests.Shape, normalization: Normalization) throws {
    var batch = Self.batch(shape, type: .float)
    batch.normalization = normalization
    batch.mask = Self.mask(batch)
    let places = batch.x.indices.filter { index in
      batch.mask?[
        index / shape.planeLength / shape.featureCount * shape.planeLength + index % shape.planeLength]
        == 0
    }
    for index in places { batch.set(index, x: 0, dy: 0) }
    let clean = Kernels(input: .float, output: .float).run(batch)
    for (count, index) in places.enumerated() {
      batch.x[index] = [Double.nan, .infinity, -.infinity][count % 3]
    }
    let output = Kernels(input: .float, output: .float).run(batch)
    for feature in 0..<shape.featureCount {
      #expect(output.coefficients[feature].dgamma == clean.coefficients[feature].dgamma)
      #expect(output.coefficients[feature].dbeta == clean.coefficients[feature].dbeta)
      #expect(output.counted.variances[feature] == clean.counted.variances[feature])
    }
    #expect(try #require(output.dx).isSame(as: try #require(clean.dx)))
  }
}

extension Batch {
  fileprivate mutating func set(_ index: Int, x value: Double, dy weight: Double) {
    x[index] = value
    dy?[index] = weight
  }
}
