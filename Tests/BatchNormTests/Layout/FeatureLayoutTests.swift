import BatchNorm
import Testing

@Suite(.timeLimit(.minutes(30))) struct FeatureLayoutTests {
  @Test(arguments: [
    ([8, 5], 1, [1, 5, 1]), ([8, 5], -1, [1, 5, 1]), ([8, 5, 6, 7], 1, [1, 5, 42]),
    ([8, 6, 7, 5], -1, [42, 5, 1]), ([8, 2, 3, 4, 5], 2, [2, 3, 20]), ([8, 2, 3, 4, 5], -2, [6, 4, 5]),
    ([0, 5], 1, [1, 5, 1]), ([8, 0, 5], 2, [0, 5, 1]),
  ]) func viewsEveryShapeAsRowsFeaturesAndRuns(shape: [Int], axis: Int, expected: [Int]) throws {
    let layout = try #require(FeatureLayout(shape: shape, featureAxis: axis))
    #expect([layout.positionRows, layout.featureCount, layout.planeLength] == expected)
    #expect(layout.valuesPerSample == expected.reduce(1, *))
    #expect(layout.valuesPerFeatureAndSample == expected[0] * expected[2])
  }

  @Test(arguments: [([8, 5], 0), ([8, 5], 2), ([8, 5], -2), ([8, 5], -3), ([8], 1), ([], 1)])
  func refusesAxesThatHoldNoFeatures(shape: [Int], axis: Int) {
    #expect(FeatureLayout(shape: shape, featureAxis: axis) == nil)
  }
}
