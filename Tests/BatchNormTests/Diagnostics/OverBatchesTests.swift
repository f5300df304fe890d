import BatchNormReference
import Foundation
import Testing

@testable import BatchNorm

/// What batches show together, on generated data and against SciPy.
@Suite(.timeLimit(.minutes(30))) struct OverBatchesTests {
  /// Normal numbers: two uniform ones give two (G. E. P. Box and M. E. Muller 1958).
  private static func normal(_ count: Int, seed: UInt64) -> [Double] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      let (first, second) = (
        Double.random(in: 0..<1, using: &generator), Double.random(in: 0..<1, using: &generator)
      )
      return (-2 * log(1 - first)).squareRoot() * cos(2 * Double.pi * second)
    }
  }

  /// Batches of one layout, in order.
  private static func diagnose(
    _ layout: FeatureLayout, _ x: [Double], samplesPerBatch: [Int], epsilon: Double = 0,
    octetsPerTile: Int = .max
  ) -> DiagnosticsOverBatches {
    let over = DiagnosticsOverBatches(layout, hasMask: false)
    var first = 0
    for samples in samplesPerBatch {
      let values = first * layout.valuesPerSample..<(first + samples) * layout.valuesPerSample
      var batch = Batch(layout, samples: samples, x: Array(x[values]))
      batch.dy = batch.x.map { $0 * $0 }
      batch.epsilon = epsilon
      let result = DiagnosedBatch(octetsPerTile: octetsPerTile).run(batch)
      over.add(result, samples: samples, isWhole: samples == samplesPerBatch[0])
      first += samples
    }
    return over
  }

  /// How samples of several positions spread is known of each feature, in whatever tile of features it lies.
  @Test(arguments: [1, 2, 4]) func samplesSpreadInEveryTile(octetsPerTile: Int) {
    let layout = FeatureLayout(positionRows: 3, featureCount: 37, planeLength: 1)
    let x = Self.normal(12 * layout.valuesPerSample, seed: 31)
    let whole = Self.diagnose(layout, x, samplesPerBatch: [6, 6]).values(of: .shufflingF)
    let tiled = Self.diagnose(layout, x, samplesPerBatch: [6, 6], octetsPerTile: octetsPerTile)
    #expect(whole.allSatisfy(\.isFinite) && Set(whole).count == 37)
    #expect(tiled.values(of: .shufflingF) == whole)
  }

  /// N² of Gaussian data, in the mean over 64 features within three of its standard errors, far from 0 and near it.
  @Test(arguments: [(16, 0.12332), (64, 0.024958), (256, 0.005950)], [0, 1e6])
  func noiseOfGaussianData(size: (count: Int, noise: Double), mean: Double) throws {
    let (features, batches) = (64, 60)
    let x = Self.normal(features * batches * size.count, seed: UInt64(size.count)).map { 3 * $0 + mean }
    let over = Self.diagnose(
      FeatureLayout(positionRows: 1, featureCount: features, planeLength: 1), x,
      samplesPerBatch: Array(repeating: size.count, count: batches))
    let noise = over.values(of: .batchNoise)
    let average = noise.reduce(0, +) / Double(features)
    let spread = noise.reduce(0) { $0 + ($1 - average) * ($1 - average) } / Double(features - 1)
    #expect((average - size.noise).magnitude < 3 * (spread / Double(features)).squareRoot(), "\(average)")
    let expected = try #require(over.gaussianNoise)
    #expect((expected / size.noise - 1).magnitude < 1e-4)
    #expect((over.values(of: .shufflingF).reduce(0, +) / Double(features) - 1).magnitude < 0.1)
  }

  /// Against its formula over the batches' own statistics, with means that move as the deviations do, far from the first batch's.
  @Test(arguments: [0, 1000.0]) func noiseOfBatchesThatMove(origin: Double) throws {
    let layout = FeatureLayout(positionRows: 1, featureCount: 2, planeLength: 1)
    let (count, batches, epsilon) = (4, 6, 1e-3)
    let own = Self.normal(2 * count * batches, seed: 12)
    let x = own.indices.map { index -> Double in
      let (batch, feature) = (Double(index / (2 * count)), Double(index % 2 + 1))
      return origin + feature * (3 * batch + (1 + batch) * own[index])
    }
    let over = Self.diagnose(
      layout, x, samplesPerBatch: Array(repeating: count, count: batches), epsilon: epsilon)
    let found = over.values(of: .batchNoise)
    for feature in 0..<2 {
      let values = (0..<batches).map { batch in
        (0..<count).map { x[(batch * count + $0) * 2 + feature] - origin }
      }
      func mean(_ values: [Double]) -> Double { sum(values) / Double(values.count) }
      func products(_ a: [Double], _ b: [Double]) -> Double {
        let (ma, mb) = (mean(a), mean(b))
        return sum(zip(a, b).map { ($0 - ma) * ($1 - mb) })
      }
      let means = values.map(mean)
      let inverses = values.map { 1 / (products($0, $0) / Double(count) + epsilon).squareRoot() }
      let shifts = zip(means, inverses).map { $0 * $1 }
      let all = values.flatMap { $0 }
      let (center, variance) = (mean(all), products(all, all) / Double(all.count))
      let joint = 2 * center * products(inverses, shifts)
      let expected =
        (variance + center * center) * products(inverses, inverses) - joint + products(shifts, shifts)
      // The covariance is no small part of it; x of 1000 is rounded at 1e-13, beside deviations of 1.
      #expect(joint.magnitude > expected / 20)
      #expect((found[feature] * Double(batches - 1) / expected - 1).magnitude < (origin == 0 ? 1e-12 : 1e-10))
    }
  }

  /// Of batches of several sizes nothing is said of Gaussian data, but for a smaller last one, which is left out.
  @Test(arguments: [
    ([5, 5, 5], true), ([5, 5, 2], true), ([5, 5, 7], false), ([7, 5, 5], false), ([5, 7, 5, 5], false),
  ])
  func noiseOfGaussianDataIsOfOneSize(samples: [Int], isSaid: Bool) throws {
    let layout = FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1)
    let over = DiagnosticsOverBatches(layout, hasMask: false)
    for (number, count) in samples.enumerated() {
      var batch = Batch(layout, samples: count, x: Self.normal(count, seed: UInt64(number)))
      batch.dy = batch.x.map { $0 * $0 }
      over.add(DiagnosedBatch().run(batch), samples: count, isWhole: count > 2)
    }
    #expect(over.gaussianNoise == (isSaid ? BatchNoise.ofGaussianData(5) : nil))
  }

  /// Who goes on after an interruption knows what Gaussian data would give: that of batches of 5, by mpmath.
  @Test func noiseOfGaussianDataAfterAnInterruption() throws {
    let layout = FeatureLayout(positionRows: 1, featureCount: 2, planeLength: 1)
    let before = Self.diagnose(layout, Self.normal(20, seed: 3), samplesPerBatch: [5, 5])
    let over = DiagnosticsOverBatches(layout, hasMask: false)
    let isRestored = over.restore(before.state())
    try #require(isRestored)
    #expect((try #require(over.gaussianNoise) - 1.0365045915063792).magnitude < 5e-14)
    var batch = Batch(layout, samples: 5, x: Self.normal(10, seed: 4))
    batch.dy = batch.x
    over.add(DiagnosedBatch().run(batch), samples: 5, isWhole: true)
    #expect((try #require(over.gaussianNoise) - 1.0365045915063792).magnitude < 5e-14)
    #expect(over.wholeBatches == 3)
  }

  /// What batches and features have in common is the sum of theirs, and of errors the largest, whichever batch has it.
  @Test func totalsAreThoseOfAllBatches() throws {
    let layout = FeatureLayout(positionRows: 1, featureCount: 10, planeLength: 1)
    let results = (0..<5).map { number -> BatchResult in
      var batch = Batch(layout, samples: 30, x: Self.normal(300, seed: UInt64(40 + number)))
      batch.dy = Self.normal(300, seed: UInt64(50 + number))
      return DiagnosedBatch().run(batch)
    }
    let errors = results.map { $0.values(.gradientIdentityError).max() ?? .nan }
    let largest = try #require(errors.max())
    #expect(Set(errors).count > 1)
    // With the largest error first, and last.
    let order = results.indices.sorted { errors[$0] > errors[$1] }
    for order in [order, order.reversed()] {
      let over = DiagnosticsOverBatches(layout, hasMask: false)
      for index in order { over.add(results[index], samples: 30, isWhole: true) }
      let totals = over.totals(0..<10)
      #expect(totals.identityError == largest)
      for (diagnostic, total) in [
        (BatchDiagnostic.gradOutputSquareSum, totals.gradientSquares),
        (.gradInputSquareSum, totals.inputGradientSquares),
      ] {
        let expected = sum(results.flatMap { $0.values(diagnostic) })
        #expect((total / expected - 1).magnitude < 1e-14)
      }
    }
  }

  /// Against mpmath: mpf(1 + 1/m)*m/(m-3) - m/2*(gamma((m-2)/2)/gamma((m-1)/2))**2 with 60 digits.
  @Test(arguments: [
    (4, 2.4535209105296746), (5, 1.0365045915063792), (16, 0.1233169726397763), (64, 0.024957750310217484),
    (256, 0.0059503080573796694), (1000, 0.001505896386284659), (65536, 2.2889551549502664e-5),
  ])
  func gaussianExpectation(count: Int, noise: Double) throws {
    let found = try #require(BatchNoise.ofGaussianData(count))
    // Both terms are near 1, and one is a product of up to 200 factors; their difference keeps these roundings.
    #expect((found - noise).magnitude < 5e-14)
    #expect(BatchNoise.ofGaussianData(3) == nil)
  }

  /// Against mpmath's betainc(d2/2, d1/2, 0, d2/(d2 + d1*f), regularized=True).
  @Test(arguments: [
    (1, 1, 1, 0.5),
    (0.5, 3, 10, 0.69062224553355747),
    (2, 39, 1960, 0.00025773325001260293),
    (31, 39, 1960, 5.658301326004928e-174),
    (1.04, 511, 130560, 0.25770313996088436),
    (5, 1, 8, 0.055766528900996163),
    (0.001, 20, 5, 1.0),
    (2.5, 120, 3, 0.24675428742445037),
    (10, 7, 100, 2.0317397379557571e-9),
  ])
  func tailOfTheFDistribution(f: Double, numerator: Double, denominator: Double, tail: Double) {
    let found = FDistribution.upperTail(f, numerator, denominator)
    // exp of a difference of logarithms of Γ, which amount to as much as their arguments times some ten.
    #expect((found - tail).magnitude <= 3e-15 * (numerator + denominator + 100) * tail, "\(found)")
  }

  @Test func edgesOfTheFDistribution() {
    #expect(FDistribution.upperTail(0, 3, 4) == 1 && FDistribution.upperTail(-1, 3, 4) == 1)
    #expect(FDistribution.upperTail(.infinity, 3, 4) == 0)
    #expect(FDistribution.upperTail(.nan, 3, 4).isNaN && FDistribution.upperTail(1, 0, 4).isNaN)
  }

  /// Positions of one sample are alike, which F over samples does not mind; uneven batches included. Against SciPy's f_oneway over the
  /// samples' means, as its formula says.
  @Test(arguments: [(1, 3, 49), (4, 2, 9), (6, 65, 1), (1, 5, 1)])
  func shuffling(positionRows: Int, features: Int, planeLength: Int) throws {
    let layout = FeatureLayout(positionRows: positionRows, featureCount: features, planeLength: planeLength)
    let batches = [40, 40, 7, 40, 23]
    let samples = batches.reduce(0, +)
    let own = Self.normal(samples * features, seed: 3)
    let noise = Self.normal(samples * layout.valuesPerSample, seed: 4)
    func tensor(_ order: [Int]) -> [Double] {
      order.flatMap { sample in
        (0..<layout.valuesPerSample).map { index in
          let feature = index / planeLength % features
          return 1000 + own[sample * features + feature] + 0.3
            * noise[sample * layout.valuesPerSample + index]
        }
      }
    }
    func expected(_ x: [Double], _ feature: Int) -> Double {
      let means = (0..<samples).map { sample in
        sum(
          (0..<layout.valuesPerSample).lazy.filter { $0 / planeLength % features == feature }
            .map { x[sample * layout.valuesPerSample + $0] }) / Double(layout.valuesPerFeatureAndSample)
      }
      let mean = sum(means) / Double(samples)
      var (first, between, within) = (0, 0.0, 0.0)
      for count in batches {
        let group = means[first..<first + count]
        let own = sum(group) / Double(count)
        between += Double(count) * (own - mean) * (own - mean)
        within += sum(group.map { ($0 - own) * ($0 - own) })
        first += count
      }
      return between / Double(batches.count - 1) / (within / Double(samples - batches.count))
    }
    let shuffled = tensor(Array(0..<samples))
    // By the first feature.
    let sorted = tensor((0..<samples).sorted { own[$0 * features] < own[$1 * features] })
    for (x, isSorted) in [(shuffled, false), (sorted, true)] {
      let over = Self.diagnose(layout, x, samplesPerBatch: batches)
      let (f, p) = (over.values(of: .shufflingF), over.values(of: .shufflingP))
      for feature in 0..<features {
        // Means of 1000 are rounded at 1e-13, beside a spread of 1.
        #expect((f[feature] / expected(x, feature) - 1).magnitude < 1e-10)
      }
      #expect(p[0] < 1e-6 ? isSorted && f[0] > 2 : !isSorted)
      #expect(over.totals(0..<features).unshuffledFeatures == (isSorted ? 1 : 0))
    }
  }

  /// Batches at ±√0.6 in turn, and their samples at ±1 about them: a small excess is no sign of sorted samples, however sure it is.
  @Test func aSmallExcessIsNoSignOfSorting() {
    let x = (0..<1600).map { index -> Double in
      let center: Double = index / 4 % 2 == 0 ? 0.7745966692414834 : -0.7745966692414834
      return index % 2 == 0 ? center + 1 : center - 1
    }
    let over = Self.diagnose(
      FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1), x,
      samplesPerBatch: Array(repeating: 4, count: 400))
    // 400·4·0.6/399 over 1600/1200.
    #expect((over.values(of: .shufflingF)[0] - 720.0 / 399).magnitude < 1e-9)
    #expect(over.values(of: .shufflingP)[0] < 1e-6)
    #expect(over.totals(0..<1).unshuffledFeatures == 0)
  }

  /// Standard errors, and the batches that it takes, from the batches' own means and variances; a smaller last batch is left out.
  @Test func standardErrors() throws {
    let layout = FeatureLayout(positionRows: 1, featureCount: 2, planeLength: 1)
    let x: [Double] = [1, 10, 3, 10, 5, 40, 9, 40, 2, 0, 2, 4, 100, 7]
    let over = Self.diagnose(layout, x, samplesPerBatch: [2, 2, 2, 1], epsilon: 1e-5)
    // Means 2, 7, 2 and 10, 40, 2; variances 1, 4, 0 and 0, 0, 4.
    let means = [25.0 / 3, 1204.0 / 3]
    let variances = [13.0 / 3, 16.0 / 3]
    for feature in 0..<2 {
      #expect(
        (over.values(of: .meanStandardError)[feature] - (means[feature] / 3).squareRoot()).magnitude < 1e-13)
      #expect(
        (over.values(of: .varianceStandardError)[feature] - (variances[feature] / 3).squareRoot()).magnitude
          < 1e-13)
    }
    // Of all seven values.
    let all = [[1, 3, 5, 9, 2, 2, 100], [10, 10, 40, 40, 0, 4, 7]].map { values -> Double in
      let mean = sum(values.map { Double($0) }) / 7
      return sum(values.map { (Double($0) - mean) * (Double($0) - mean) }) / 7
    }
    #expect(
      over.values(of: .meanBatches) == zip(means, all).map { ($0 / (1e-4 * $1)).rounded(.up) })
    #expect(
      over.values(of: .varianceBatches) == zip(variances, all).map { ($0 / (1e-4 * $1 * $1)).rounded(.up) })
    #expect(over.wholeBatches == 3)
  }

  /// Four times the batches, half the error, in the mean over 64 features: within three standard errors, each of a single
  /// one being known to 1/√(2·batches).
  @Test func standardErrorsFallAsTheRoot() throws {
    let layout = FeatureLayout(positionRows: 1, featureCount: 64, planeLength: 1)
    let x = Self.normal(64 * 32 * 160, seed: 8)
    let errors = [40, 160].map { batches in
      let over = Self.diagnose(
        layout, Array(x[..<(64 * 32 * batches)]), samplesPerBatch: Array(repeating: 32, count: batches))
      return [FeatureDiagnostic.meanStandardError, .varianceStandardError].map {
        over.values(of: $0).reduce(0, +) / 64
      }
    }
    for (few, many) in zip(errors[0], errors[1]) {
      let allowed: Double = 3 * (1.0 / 5120 + 1.0 / 20480).squareRoot()
      #expect((few / many / 2 - 1).magnitude < allowed)
    }
    // Of means of 32 Gaussian values 1/√32 over √160; of variances √(2/32), nearly.
    let allowed = 3 / 20480.0.squareRoot()
    #expect((errors[1][0] * 5120.0.squareRoot() - 1).magnitude < allowed)
    #expect((errors[1][1] * 2560.0.squareRoot() - 1).magnitude < allowed + 0.02)
  }

  /// From one batch nothing can be said of batches.
  @Test func oneBatch() {
    let layout = FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1)
    let over = Self.diagnose(layout, [1, 2, 4, 8], samplesPerBatch: [4])
    for diagnostic in FeatureDiagnostic.allCases { #expect(over.values(of: diagnostic)[0].isNaN) }
    let totals = over.totals(0..<1)
    #expect(totals.noisyFeatures == 0 && totals.largestF == nil && totals.unshuffledFeatures == 0)
  }

  /// Yang et al. 2019: numbers by mpmath from their formula, and its limit π/(π - 1).
  @Test(arguments: [(16, 1.5900), (64, 1.4931), (256, 1.4732)])
  func explosion(batchSize: Int, growth: Double) throws {
    #expect((try #require(GradientExplosion.relu(batchSize: batchSize)) - growth).magnitude < 5e-4)
    #expect((try #require(GradientExplosion.relu(batchSize: 1_000_000)) - 1.46694).magnitude < 1e-5)
    #expect(GradientExplosion.linear(batchSize: 5) == 1.5 && GradientExplosion.relu(batchSize: 3) == nil)
    #expect(GradientExplosion.linear(batchSize: 3) == nil && GradientExplosion.linear(batchSize: 4) == 2)
    #expect((try #require(GradientExplosion.relu(batchSize: 4)) - 3.08406094808773).magnitude < 1e-12)
  }
}
