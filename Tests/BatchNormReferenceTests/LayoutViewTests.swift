import Testing

@testable import BatchNormReference

@Suite(.timeLimit(.minutes(30))) struct LayoutViewTests {
  @Test(arguments: [
    ([6, 4], 1, (6, 4, 1)),
    ([2, 3, 4, 5], 1, (2, 3, 20)),
    ([2, 3, 4, 5], -1, (24, 5, 1)),
    ([2, 3, 4, 5], -2, (6, 4, 5)),
    ([2, 3, 4, 5], -3, (2, 3, 20)),
    ([2, 3, 4, 5], 2, (6, 4, 5)),
  ])
  func foldsShapes(shape: [Int], axis: Int, expected: (Int, Int, Int)) {
    let layout = LayoutView(shape: shape, featureAxis: axis)
    #expect((layout.outer, layout.featureCount, layout.inner) == expected)
    #expect(layout.elementCount == shape.reduce(1, *))
  }

  /// [N = 2, P = 1, C = 2, S = 3]: the value nCs is written as the number 100n + 10c + s.
  @Test func rowsAreInOrderOfSampleAndPosition() {
    let layout = LayoutView(shape: [2, 2, 3], featureAxis: 1)
    let matrix = layout.matrix(from: [0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112])
    #expect(matrix.column(0) == [0, 1, 2, 100, 101, 102])
    #expect(matrix.column(1) == [10, 11, 12, 110, 111, 112])
  }

  @Test(arguments: [1, 2, 3, -1])
  func tensorInvertsMatrix(axis: Int) {
    let layout = LayoutView(shape: [2, 3, 4, 5], featureAxis: axis)
    let tensor = (0..<120).map(Double.init)
    #expect(layout.tensor(from: layout.matrix(from: tensor)) == tensor)
  }
}
