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
    #expect(output.infiniteOutputs == expected && output.overflows == expected)
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

  /// Each tensor counts where the other two are finite, also in what is left behind the last eight lanes.
  @Test(arguments: ["y", "x-hat", "dx"], [1, 3, 40]) func eachTensorIsCountedAlone(
    tensor: String, planeLength: Int
  ) {
    let layout = FeatureLayout(positionRows: 1, featureCount: 2, planeLength: planeLength)
    let count = 2 * layout.valuesPerSample
    var batch = Batch(layout, samples: 2, x: Array(repeating: 1, count: count))
    batch.normalization = .running
    batch.epsilon = 0
    // Feature 0: γ·(x - 0)/√variance, 1/√variance and γ/√variance·dy, of which one is 1e40.
    let (variance, gamma, dy) =
      switch tensor {
      case "y": (1.0, 1e40, 1e-10)
      case "x-hat": (1e-80, 1e-30, 1.0)
      default: (1.0, 1.0, 1e40)
      }
    batch.given = [GivenStatistics(mean: 0, variance: variance), GivenStatistics()]
    batch.parameters[0].gamma = gamma
    batch.dy = (0..<count).map { $0 / planeLength % 2 == 0 ? dy : 1 }
    let output = Kernels(input: .double, output: .float).run(batch)
    #expect(!output.isFinite)
    #expect(output.infiniteOutputs == 2 * planeLength && output.overflows == 2 * planeLength)
  }

  /// What is infinite because something that it comes from is does not overflow: x, dy, and what is given.
  @Test(arguments: [1, 2, Int.max]) func whatIsInfiniteBeforeDoesNotOverflow(octetsPerTile: Int) throws {
    var generator = SplitMix64(seed: 73)
    let layout = FeatureLayout(positionRows: 1, featureCount: 20, planeLength: 1)
    var batch = generator.batch(layout, samples: 12, type: .float)
    batch.normalization = .running
    for feature in [0, 9, 19] { batch.parameters[feature].gamma = Double(Float.greatestFiniteMagnitude) }
    batch.x[batch.index(row: 3, feature: 1, position: 0)] = .infinity
    let place = batch.index(row: 5, feature: 10, position: 0)
    batch.dy?[place] = -.infinity
    batch.given[18].mean = .infinity
    let kernels = Kernels(input: .float, output: .float, octetsPerTile: octetsPerTile)
    let output = kernels.run(batch)
    let reference = batch.reference
    let expected = [0, 9, 19].reduce(0) { sum, feature in
      sum
        + [reference.y, reference.dx].reduce(0) {
          $0 + batch.column(feature, of: $1).count { $0.isFinite && Float($0).isInfinite }
        }
    }
    #expect(expected > 20 && output.overflows == expected)
    // One y, one dx, and every y and x̂ of what is given as infinite.
    #expect(output.infiniteOutputs >= expected + 2 + 12)
  }

  /// Under a mask, of features 0 to 4: Σdy is beyond the range of Double, and Σdy·x is 0; Σdy·x is, and Σdy is 0; neither is; dy is infinite, so
  /// that nothing overflows; x is not a number.
  @Test func oneOfTwoGradientsOverflowsUnderAMask() {
    let layout = FeatureLayout(positionRows: 1, featureCount: 5, planeLength: 1)
    let x: [Double] = [0, 1e10, 1, 1, .nan, 0, -1e10, 2, 2, 1, 0, 0, 3, 3, 2]
    var batch = Batch(layout, samples: 3, x: x)
    batch.dy = [1.5e308, 1e300, 1, .infinity, 1, 1.5e308, -1e300, 2, 1, 1, 0, 0, 0, 0, 0]
    batch.mask = [1, 1, 0]
    let result = DiagnosedBatch().run(batch)
    #expect(result.gradientOverflows == [0, 1])
    #expect(!result.coefficients[0].dbeta.isFinite && result.coefficients[1].dbeta == 0)
    #expect(result.coefficients[2].dbeta == 3)
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
