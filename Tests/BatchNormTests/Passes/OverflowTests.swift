import BatchNorm
import BatchNormReference
import Testing

/// Numbers that fit a Double but not the output are reported and counted.
@Suite(.timeLimit(.minutes(30))) struct OverflowTests {
  @Test(arguments: DegenerateTests.shapes.filter { $0.samples > 1 }, [false, true])
  func outputsThatBecomeInfiniteAreCounted(shape: LayoutBatchTests.Shape, inPlace: Bool) throws {
    var generator = SplitMix64(seed: 71)
    var batch = generator.batch(shape.layout, samples: shape.samples, type: .float)
    // About half of the values of feature 1 lie beyond the largest Float.
    batch.parameters[1].gamma = Double(Float.greatestFiniteMagnitude)
    let kernels = Kernels(input: .float, output: .float, inPlace: inPlace, wantsGradient: false)
    let output = kernels.run(batch)
    let expected = batch.reference.y.count { Float($0).isInfinite }
    #expect(expected > 0 && expected < shape.samples * shape.layout.valuesPerFeatureAndSample)
    #expect(!output.isFinite)
    #expect(output.infiniteOutputs == expected)
    #expect(output.coefficients.allSatisfy { $0.isFinite })
    // The same numbers fit a Double.
    #expect(Kernels(input: .float, output: .double).run(batch).isFinite)
  }

  /// Every tensor counts: y, x̂ and dx.
  @Test func allTensorsAreCounted() {
    var batch = Batch(
      FeatureLayout(positionRows: 1, featureCount: 2, planeLength: 1), samples: 2, x: [1, 1, -1, -1])
    batch.dy = [1e30, 1, 1e30, 1]
    batch.normalization = .running
    batch.given = [GivenStatistics(mean: 0, variance: 1e-80), GivenStatistics()]
    batch.epsilon = 0
    let output = Kernels(input: .double, output: .float).run(batch)
    // Feature 0: y, x̂ = ±1e40 and dx = 1e70 in both samples.
    #expect(output.infiniteOutputs == 6)
    #expect(!output.isFinite)
  }

  @Test func onlyTheChosenFeaturesAreCounted() {
    let memory = TensorMemory([1, .infinity, 1, -.infinity, .nan, 1], .float)
    let visit = SampleTensors(
      x: memory.readable, dy: nil, y: memory.writable, xHat: nil, dx: nil, mask: nil, centersGradient: true,
      samples: 3)
    let layout = FeatureLayout(positionRows: 1, featureCount: 2, planeLength: 1)
    #expect(visit.infiniteOutputs(layout) { _ in true } == 2)
    #expect(visit.infiniteOutputs(layout) { $0 == 0 } == 0)
  }
}
