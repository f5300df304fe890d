import BatchNorm
import BatchNormReference

/// A batch of any layout, and one way to divide it: cut at leaves, each part collected in stretches.
struct RandomCase {
  var generator: SplitMix64
  let batch: Batch
  let type: KernelType
  /// The parts' samples, in order.
  let parts: [Range<Int>]

  init(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let layout = random.layout()
    let decomposition = Decomposition(layout)
    let valuesPerLeaf = decomposition.samplesPerLeaf * layout.valuesPerSample
    let leaves = Int.random(in: 1...max(2, min(13, 300_000 / valuesPerLeaf)), using: &random)
    let lastSamples =
      Bool.random(using: &random)
      ? decomposition.samplesPerLeaf : Int.random(in: 1...decomposition.samplesPerLeaf, using: &random)
    let samples = (leaves - 1) * decomposition.samplesPerLeaf + lastSamples
    type = Bool.random(using: &random) ? .float : .double

    var batch = random.batch(layout, samples: samples, type: type, mean: 100)
    if Bool.random(using: &random) { batch.dy = nil }
    if Bool.random(using: &random) {
      // Also masks that leave out whole leaves.
      let positions = samples * layout.valuesPerFeatureAndSample
      let empty = Int.random(in: 0...positions, using: &random)
      batch.mask = (0..<positions).map { $0 < empty ? 0 : UInt8.random(in: 0...1, using: &random) }
    }
    if Int.random(in: 0..<3, using: &random) == 0 { batch.normalization = .running }
    if Int.random(in: 0..<3, using: &random) == 0 {
      let kinds = [Double.nan, .infinity, -.infinity]
      for _ in 0..<Int.random(in: 1...9, using: &random) {
        batch.x[Int.random(in: batch.x.indices, using: &random)] = kinds.randomElement(using: &random)!
        batch.dy?[Int.random(in: batch.x.indices, using: &random)] = kinds.randomElement(using: &random)!
      }
    }
    self.batch = batch

    let share = Double.random(in: 0...1, using: &random)
    let cuts = (1..<max(1, leaves)).filter { _ in Double.random(in: 0..<1, using: &random) < share }
    let bounds = [0] + cuts.map { $0 * decomposition.samplesPerLeaf } + [samples]
    parts = zip(bounds, bounds.dropFirst()).map { $0..<$1 }
    generator = random
  }

  /// The stretches in which some samples are collected, random ones.
  mutating func stretches(_ samples: Range<Int>, _ decomposition: Decomposition) -> [Range<Int>] {
    let least = batch.mask == nil ? decomposition.samplesPerStretch : decomposition.samplesPerLeaf
    var stretches: [Range<Int>] = []
    var first = samples.lowerBound
    while first < samples.upperBound {
      let length = least * Int.random(in: 1...max(1, samples.count / least), using: &generator)
      stretches.append(first..<min(first + length, samples.upperBound))
      first += length
    }
    return stretches
  }
}

extension SplitMix64 {
  /// A layout of each kind: narrow and wide matrices, short and long planes.
  fileprivate mutating func layout() -> FeatureLayout {
    let (rows, features, length) =
      switch Int.random(in: 0..<5, using: &self) {
      case 0: (1...3, 1...9, 1...5)
      case 1: (1...3, 64...140, 1...2)
      case 2: (1...3, 512...530, 1...1)
      case 3: (1...2, 1...17, 32...150)
      default: (1...2, 1...3, 3000...9000)
      }
    return FeatureLayout(
      positionRows: Int.random(in: rows, using: &self), featureCount: Int.random(in: features, using: &self),
      planeLength: Int.random(in: length, using: &self))
  }
}
