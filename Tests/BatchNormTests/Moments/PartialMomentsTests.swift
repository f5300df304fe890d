import Arithmetic
import BatchNorm
import BatchNormReference
import Testing

/// Moments as values: parts of a batch, written, read back in any order and joined.
@Suite(.timeLimit(.minutes(30))) struct PartialMomentsTests {
  /// Fixed seeds, and one that is new each time; a failure says which.
  static let seeds = Array(1...40) + [UInt64.random(in: 1000..<UInt64.max)]

  @Test(arguments: seeds) func anyCutGivesTheSameBits(seed: UInt64) throws {
    try Self.checkAnyCut(seed: seed, sets: [.baseline])
  }

  @Test(.enabled(if: KernelSet.best == .wide, "this processor has no AVX-512"), arguments: seeds)
  func anyCutGivesTheSameBitsWithWideKernels(seed: UInt64) throws {
    try Self.checkAnyCut(seed: seed, sets: [.wide])
  }

  /// As on machines of several kinds.
  @Test(.enabled(if: KernelSet.best == .wide, "this processor has no AVX-512"), arguments: seeds)
  func anyCutGivesTheSameBitsWithSeveralKernelSets(seed: UInt64) throws {
    try Self.checkAnyCut(seed: seed, sets: [.baseline, .wide])
  }

  /// - Parameter sets: each part is computed with one of them.
  private static func checkAnyCut(seed: UInt64, sets: [KernelSet]) throws {
    var random = RandomCase(seed: seed)
    let tensors = sets.map { BatchTensors(random.batch, random.type, kernels: $0) }
    let decomposition = tensors[0].decomposition

    // One run: one collector, everything at once.
    let whole = tensors[0].result()
    let collector = tensors[0].collector()
    tensors[0].add(0..<random.batch.samples, to: collector)
    collector.finish(into: whole)
    whole.updateCoefficients(0..<random.batch.layout.featureCount)

    // The same in parts, each written and read back.
    var parts: [PartialMoments] = []
    for samples in random.parts {
      let source = tensors.randomElement(using: &random.generator)!
      let collector = source.collector()
      let firstLeaf = samples.lowerBound / decomposition.samplesPerLeaf
      collector.begin(atLeaf: firstLeaf)
      for stretch in random.stretches(samples, decomposition) { source.add(stretch, to: collector) }
      let part = collector.takePart()
      #expect(part.firstLeaf == firstLeaf && part.samples == samples.count, "seed \(seed)")
      #expect(part.hasMask == (random.batch.mask != nil), "seed \(seed)")
      let record = part.record()
      let read = try PartialMoments(record: record, of: decomposition)
      #expect(read == part && read.record() == record, "seed \(seed)")
      parts.append(read)
    }
    // Some neighbours are joined before, as `merge` may do it, and written once more.
    while parts.count > 2, Bool.random(using: &random.generator) {
      let first = Int.random(in: 0..<parts.count - 1, using: &random.generator)
      let joined = try PartialMoments.joined([parts[first + 1], parts[first]])
      parts[first...first + 1] = [try PartialMoments(record: joined.record(), of: decomposition)]
    }
    parts.shuffle(using: &random.generator)
    let joined = try PartialMoments.joined(parts)
    #expect(joined.firstLeaf == 0 && joined.samples == random.batch.samples, "seed \(seed)")

    let result = tensors[0].result()
    try collector.append(joined)
    collector.finish(into: result)
    #expect(result.all.features.map(\.bits) == whole.all.features.map(\.bits), "seed \(seed)")
    #expect(result.counted.features.map(\.bits) == whole.counted.features.map(\.bits), "seed \(seed)")
    #expect(result.record() == whole.record(), "seed \(seed)")

    // A result that was written has the same moments and the same coefficients.
    whole.overflowedOutputs = Int.random(in: 0...9, using: &random.generator)
    let restored = tensors[0].result()
    try restored.restore(from: whole.record())
    #expect(restored.record() == whole.record(), "seed \(seed)")
    #expect(restored.overflowedOutputs == whole.overflowedOutputs, "seed \(seed)")
    #expect(restored.counted.features.map(\.bits) == whole.counted.features.map(\.bits), "seed \(seed)")
    for feature in 0..<random.batch.layout.featureCount {
      #expect(restored.coefficients[feature].bits == whole.coefficients[feature].bits, "seed \(seed)")
    }
  }

  /// The tree itself: each node is its left half merged with its right half, in this order; what is left over merges from the last
  /// to the first. All bits of all results hang on it.
  @Test(arguments: 1...13) func leavesMergeAlongTheTree(leaves: Int) {
    var generator = SplitMix64(seed: 17)
    let layout = FeatureLayout(positionRows: 1, featureCount: 5, planeLength: 64)
    let samples = 64 * leaves - 3
    let batch = generator.batch(layout, samples: samples, type: .double, mean: 1e6)
    let tensors = BatchTensors(batch, .double)
    #expect(tensors.decomposition.samplesPerLeaf == 64)
    func moments(_ samples: Range<Int>) -> [FeatureMoments] {
      let (collector, result) = (tensors.collector(), tensors.result())
      tensors.add(samples, to: collector)
      collector.finish(into: result)
      return result.all.features
    }
    func node(_ leaves: Range<Int>) -> [FeatureMoments] {
      if leaves.count == 1 {
        return moments(64 * leaves.lowerBound..<min(64 * leaves.upperBound, samples))
      }
      var half = 1
      while 2 * half < leaves.count { half *= 2 }
      let left = node(leaves.lowerBound..<leaves.lowerBound + half)
      let right = node(leaves.lowerBound + half..<leaves.upperBound)
      precondition(left.count == right.count)
      return zip(left, right).map { left, right in
        var merged = left
        merged.moments = left.moments.merged(with: right.moments, MergeWeights(left.count, right.count))
        merged.count += right.count
        return merged
      }
    }
    #expect(moments(0..<samples).map(\.bits) == node(0..<leaves).map(\.bits))
  }

  /// The kinds of cases that the seeds are to reach.
  @Test func seedsReachEveryKind() {
    let cases = (1...40).map { RandomCase(seed: $0) }
    let decompositions = cases.map { Decomposition($0.batch.layout) }
    #expect(decompositions.contains { $0.lanesAreColumns && $0.foldedRows > 1 })
    #expect(decompositions.contains { $0.lanesAreColumns && $0.foldedRows == 1 })
    #expect(decompositions.contains { !$0.lanesAreColumns })
    #expect(cases.contains { $0.batch.layout.planeLength > 4096 })
    for type in [KernelType.float, .double] { #expect(cases.contains { $0.type == type }) }
    #expect(cases.contains { $0.batch.dy == nil } && cases.contains { $0.batch.dy != nil })
    #expect(cases.contains { $0.batch.mask == nil } && cases.contains { $0.batch.mask != nil })
    #expect(cases.contains { $0.parts.count > 4 })
    #expect(
      cases.contains { $0.batch.x.contains { !$0.isFinite } && $0.batch.dy != nil && $0.parts.count > 2 })
    // Rows that are too few for a wide row, also where that leaves a last leaf without any.
    let rest = zip(cases, decompositions).filter {
      $1.lanesAreColumns && $0.batch.samples * $0.batch.layout.positionRows % $1.foldedRows > 0
    }
    #expect(rest.contains { $0.0.parts.count > 1 })
  }

  // MARK: - Parts that do not join

  private static let layout = FeatureLayout(positionRows: 1, featureCount: 64, planeLength: 1)

  /// 256 samples are a leaf.
  private static func part(
    _ samples: Range<Int>, layout: FeatureLayout = layout, masked: Bool = false, centered: Bool = false
  ) -> PartialMoments {
    var batch = Batch(
      layout, samples: samples.upperBound,
      x: (0..<samples.upperBound * layout.valuesPerSample).map { Double($0 % 97) })
    if masked { batch.mask = Array(repeating: 1, count: samples.upperBound) }
    if centered { batch.normalization = .running }
    let tensors = BatchTensors(batch, .double)
    let collector = tensors.collector()
    collector.begin(atLeaf: samples.lowerBound / 256)
    tensors.add(samples, to: collector)
    return collector.takePart()
  }

  /// So few values that they make no wide row have gradients, too.
  @Test(arguments: [1, 2, 7], [false, true]) func aSmallPartKeepsItsGradients(samples: Int, hasGradient: Bool)
    throws
  {
    var batch = Batch(
      FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1), samples: samples,
      x: (0..<samples).map { Double($0 * $0) })
    if hasGradient { batch.dy = (0..<samples).map { Double(3 - $0) } }
    let tensors = BatchTensors(batch, .double)
    let whole = tensors.result()
    let first = tensors.collector()
    tensors.add(0..<samples, to: first)
    first.finish(into: whole)
    let collector = tensors.collector()
    collector.begin(atLeaf: 0)
    tensors.add(0..<samples, to: collector)
    let part = collector.takePart()
    let read = try PartialMoments(record: part.record(), of: tensors.decomposition)
    #expect(read == part)
    let second = tensors.collector()
    second.begin(atLeaf: 0)
    try second.append(read)
    let result = tensors.result()
    second.finish(into: result)
    #expect(result.record() == whole.record())
    #expect(result.all.features.map(\.bits) == whole.all.features.map(\.bits))
  }

  @Test func partsThatDoNotFollowAreRefused() throws {
    func expect(_ error: PartialMomentsError, _ parts: PartialMoments...) {
      #expect(throws: error) { try PartialMoments.joined(parts) }
    }
    #expect(throws: PartialMomentsError.none) { try PartialMoments.joined([]) }
    expect(.gap(1..<2), Self.part(512..<768), Self.part(0..<256))
    expect(.overlap(1..<3), Self.part(0..<768), Self.part(256..<512))
    expect(.overlap(0..<1), Self.part(0..<256), Self.part(0..<256))
    expect(.insideLeaf(0), Self.part(0..<255), Self.part(256..<512))
    expect(.anotherMask(found: true), Self.part(0..<256), Self.part(256..<512, masked: true))
    expect(.anotherMask(found: false), Self.part(0..<256, masked: true), Self.part(256..<512))
    expect(.anotherCenter(found: true), Self.part(0..<256), Self.part(256..<512, centered: true))
    expect(.anotherCenter(found: false), Self.part(0..<256, centered: true), Self.part(256..<512))
    let other = FeatureLayout(positionRows: 1, featureCount: 65, planeLength: 1)
    expect(
      .anotherDecomposition(found: other, expected: Self.layout), Self.part(0..<256),
      Self.part(256..<512, layout: other))
  }

  /// What was refused has changed nothing.
  @Test func refusedPartsAddNothing() throws {
    let collector = MomentCollector(Decomposition(Self.layout), hasMask: false)
    try collector.append(Self.part(0..<256))
    #expect(throws: PartialMomentsError.gap(1..<2)) { try collector.append(Self.part(512..<768)) }
    #expect(throws: PartialMomentsError.overlap(0..<1)) { try collector.append(Self.part(0..<256)) }
    #expect(collector.takePart() == Self.part(0..<256))
  }

  @Test func partsWithoutSamplesJoin() throws {
    let empty = Self.part(512..<512)
    #expect(empty.firstLeaf == 2 && empty.endLeaf == 2 && empty.samples == 0)
    let joined = try PartialMoments.joined([Self.part(512..<600), empty, Self.part(0..<512)])
    #expect(joined == Self.part(0..<600))
    #expect(try PartialMoments(record: empty.record(), of: Decomposition(Self.layout)) == empty)
  }

  @Test func equalityLooksAtEverything() {
    #expect(Self.part(0..<300) == Self.part(0..<300))
    #expect(Self.part(0..<300) != Self.part(0..<301))
    #expect(Self.part(256..<512) != Self.part(512..<768))
    #expect(Self.part(0..<256) != Self.part(0..<256, masked: true))
    #expect(Self.part(0..<256) != Self.part(0..<256, centered: true))
  }

  /// 64 features in two nodes, forward only: 4 Doubles each and 65 bytes beside.
  @Test func recordsAreCompact() {
    #expect(Self.part(0..<768).record().count == 2 * 64 * 32 + 61)
  }
}

extension FeatureCoefficients<Double> {
  /// All that it holds, to compare bit for bit; a NaN is a NaN.
  fileprivate var bits: [UInt64] {
    [
      mean.high, mean.low, invStd, scale, beta, gradientMean.high, gradientMean.low, slope, dgamma, dbeta,
    ].map { $0.isNaN ? 0 : $0.bitPattern }
  }
}
