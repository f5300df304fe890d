import BatchNorm
import BatchNormReference
import Testing

/// Random batches of every layout, type and mode against BatchNormReference.
@Suite(.timeLimit(.minutes(30))) struct RandomBatchTests {
  /// Everything that varies follows from the seed.
  struct RandomCase {
    var batch: Batch
    var kernels = Kernels()

    init(seed: UInt64) {
      var generator = SplitMix64(seed: seed)
      let layout = Self.layout(&generator)
      kernels.input = Bool.random(using: &generator) ? .float : .double
      kernels.output = Bool.random(using: &generator) ? .float : .double
      kernels.inPlace = kernels.input == kernels.output && Bool.random(using: &generator)
      kernels.wantsNormalized = Bool.random(using: &generator)
      kernels.wantsOutput = Int.random(in: 0..<5, using: &generator) > 0
      kernels.wantsGradient = Int.random(in: 0..<5, using: &generator) > 0
      kernels.octetsPerTile = Int.random(in: 1...20, using: &generator)
      let samples = Self.sampleCount(layout, &generator)
      batch = generator.batch(layout, samples: samples, type: kernels.input)
      batch.normalization = [.batch, .batch, .batchDetached, .running].randomElement(using: &generator)!
      batch.epsilon = [0, 1e-5, 0.1].randomElement(using: &generator)!
      // One value a feature has no variance: see DegenerateTests for ε = 0.
      if samples * layout.valuesPerFeatureAndSample == 1 { batch.epsilon = 1e-5 }
      if Int.random(in: 0..<4, using: &generator) == 0 { batch.dy = nil }
      if Int.random(in: 0..<3, using: &generator) == 0 { batch.mask = Self.mask(batch, &generator) }
    }

    private static func layout(_ generator: inout SplitMix64) -> FeatureLayout {
      FeatureLayout(
        positionRows: [1, 1, 1, 2, 3, 4, 5].randomElement(using: &generator)!,
        featureCount: [1, 2, 3, 5, 7, 8, 13, 64, 65, 100, 1000].randomElement(using: &generator)!,
        planeLength: [1, 1, 1, 2, 7, 31, 32, 33, 49, 196].randomElement(using: &generator)!)
    }

    /// 1 to 3000 samples, but no more values than a reference without optimization computes in a moment.
    private static func sampleCount(_ layout: FeatureLayout, _ generator: inout SplitMix64) -> Int {
      let most = min(3000, max(2, 16_000 / layout.valuesPerSample))
      return switch Int.random(in: 0..<3, using: &generator) {
      case 0: Int.random(in: 1...min(most, 9), using: &generator)
      default: Int.random(in: 1...most, using: &generator)
      }
    }

    /// A mask of whole samples, or of single positions; at least two values count.
    private static func mask(_ batch: Batch, _ generator: inout SplitMix64) -> [UInt8]? {
      let perSample = batch.layout.valuesPerFeatureAndSample
      let bySample = Bool.random(using: &generator)
      let samples = (0..<batch.samples).map { _ in UInt8.random(in: 0...1, using: &generator) }
      let mask = (0..<batch.samples * perSample).map { index in
        bySample ? samples[index / perSample] : UInt8.random(in: 0...2, using: &generator)
      }
      return mask.count { $0 != 0 } >= 2 ? mask : nil
    }
  }

  @Test(arguments: 1...100 as ClosedRange<UInt64>)
  func agreesWithReference(seed: UInt64) {
    let random = RandomCase(seed: seed)
    Comparison(random.batch, random.kernels)
      .expectAgreement("seed \(seed): \(random.batch.testDescription) \(random.kernels)")
  }
}
