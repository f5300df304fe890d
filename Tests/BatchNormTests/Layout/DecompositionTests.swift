import BatchNorm
import Testing

@Suite(.timeLimit(.minutes(30))) struct DecompositionTests {
  static let layouts = [0, 1, 2, 5].flatMap { rows in
    [1, 3, 8, 63, 64, 65, 1000].flatMap { features in
      [0, 1, 2, 31, 32, 49, 4096].map {
        FeatureLayout(positionRows: rows, featureCount: features, planeLength: $0)
      }
    }
  }

  /// Also for layouts that hold no value at all.
  @Test(arguments: layouts) func unitsArePowersOfTwo(layout: FeatureLayout) {
    let decomposition = Decomposition(layout)
    #expect(decomposition.samplesPerLeaf.nonzeroBitCount == 1)
    #expect(decomposition.foldedRows.nonzeroBitCount == 1)
    #expect(decomposition.lanesAreColumns == (layout.planeLength < 32))
    #expect(decomposition.lanesAreColumns || decomposition.foldedRows == 1)
    #expect(8 * decomposition.octetCount >= decomposition.columnCount)
  }

  /// A leaf of folded rows ends with a whole wide row, so that only the end of a batch has a rest.
  @Test(arguments: layouts.filter { $0.valuesPerSample > 0 })
  func unitsHaveNoRest(layout: FeatureLayout) {
    let decomposition = Decomposition(layout)
    #expect(decomposition.samplesPerLeaf * layout.positionRows % decomposition.foldedRows == 0)
  }

  @Test func columnsBelongToTheirFeatures() {
    let folded = Decomposition(FeatureLayout(positionRows: 1, featureCount: 3, planeLength: 2))
    #expect(folded.foldedRows > 1)
    for column in 0..<folded.columnCount {
      #expect(folded.feature(ofColumn: column) == column % 6 / 2)
    }
    let planes = Decomposition(FeatureLayout(positionRows: 1, featureCount: 3, planeLength: 49))
    #expect((0..<3).map(planes.feature(ofColumn:)) == [0, 1, 2])
  }
}
