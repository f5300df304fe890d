import BatchNorm
import BatchNormReference
import Testing

/// What a collector had of one batch is in no later one.
@Suite(.timeLimit(.minutes(30))) struct CollectorReuseTests {
  /// Two batches of a layer, of which the first has numbers that are not finite, and that count: two in feature 1 of x, one in feature 2 of dy.
  private static func batches(masked: Bool, planeLength: Int) -> (spoiled: Batch, clean: Batch) {
    let layout = FeatureLayout(positionRows: 1, featureCount: 3, planeLength: planeLength)
    let samples = 700
    var generator = SplitMix64(seed: 83)
    var spoiled = generator.batch(layout, samples: samples, type: .double)
    var clean = generator.batch(layout, samples: samples, type: .double)
    if masked {
      let mask: [UInt8] = (0..<samples * layout.valuesPerFeatureAndSample).map { $0 % 5 == 0 ? 0 : 1 }
      spoiled.mask = mask
      clean.mask = mask
    }
    let position = planeLength > 1 ? 1 : 0
    let places = (1...3).map { spoiled.index(row: $0, feature: $0 == 3 ? 2 : 1, position: position) }
    spoiled.x[places[0]] = .nan
    spoiled.x[places[1]] = .infinity
    spoiled.dy?[places[2]] = -.infinity
    return (spoiled, clean)
  }

  /// The result of the first one is used again, too.
  @Test(arguments: [false, true], [1, 40]) func aFinishedBatchLeavesNothing(masked: Bool, planeLength: Int) {
    let (spoiled, clean) = Self.batches(masked: masked, planeLength: planeLength)
    let (first, second) = (BatchTensors(spoiled, .double), BatchTensors(clean, .double))
    let (collector, result) = (first.collector(), first.result())
    first.add(0..<spoiled.samples, to: collector)
    result.take(collector)
    #expect(result.counted[1].nonfiniteValues.total == 2 && result.all[1].nonfiniteValues.total == 2)
    #expect(result.all[2].nonfiniteGradients.total == 1)
    second.add(0..<clean.samples, to: collector)
    result.take(collector)
    let (own, expected) = (second.collector(), second.result())
    second.add(0..<clean.samples, to: own)
    expected.take(own)
    #expect(result.record() == expected.record())
    #expect(result.counted.means.allSatisfy(\.isFinite) && result.all.nonfiniteFeatures.isEmpty)
    #expect(result.coefficients[2].dbeta.isFinite)
  }

  /// Neither does a part of a batch, wherever it began.
  @Test(arguments: [false, true], [1, 40]) func aTakenPartLeavesNothing(masked: Bool, planeLength: Int) {
    let (spoiled, clean) = Self.batches(masked: masked, planeLength: planeLength)
    let (first, second) = (BatchTensors(spoiled, .double), BatchTensors(clean, .double))
    let collector = first.collector()
    collector.begin(atLeaf: 2)
    first.add(0..<spoiled.samples, to: collector)
    let before = collector.takePart()
    #expect(before.firstLeaf == 2 && before.samples == 700)
    second.add(0..<clean.samples, to: collector)
    let part = collector.takePart()
    let own = second.collector()
    second.add(0..<clean.samples, to: own)
    #expect(part == own.takePart() && part.firstLeaf == 0 && part.samples == 700)
  }

  /// Of several leaves the sums for diagnostics are added up along the tree of their own batch.
  @Test func diagnosticsAreThoseOfTheirBatch() {
    let layout = FeatureLayout(positionRows: 1, featureCount: 128, planeLength: 1)
    var generator = SplitMix64(seed: 89)
    let batches = (0..<2).map { _ in generator.batch(layout, samples: 1500, type: .double) }
    let decomposition = Decomposition(layout)
    #expect(decomposition.leafCount(samples: 1500) == 6)
    /// What one collector gives for the last of some batches.
    func record(_ batches: [Batch]) -> [UInt8] {
      let collector = MomentCollector(decomposition, hasMask: false, diagnoses: true)
      let result = BatchResult(decomposition, batches[0].rule, hasMask: false, diagnoses: true)
      for batch in batches {
        BatchTensors(batch, .double).add(0..<batch.samples, to: collector)
        result.take(collector)
      }
      return result.record()
    }
    #expect(record(batches) == record([batches[1]]))
  }
}
