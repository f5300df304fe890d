extension Decomposition {
  /// True if some of the features can be computed apart from the others: no row of the matrix holds a feature twice.
  public var isDivisible: Bool { foldedRows == 1 }

  /// How the values of some of the features are cut, which lie in memory without the others: into the same blocks and leaves, so
  /// that their results have the same bits.
  /// - Parameter featureCount: all features unless `isDivisible`.
  public func slice(featureCount: Int) -> Decomposition {
    precondition(isDivisible || featureCount == layout.featureCount, "folded rows hold all features")
    return Decomposition(
      layout: FeatureLayout(
        positionRows: layout.positionRows, featureCount: featureCount, planeLength: layout.planeLength),
      lanesAreColumns: lanesAreColumns, foldedRows: foldedRows, samplesPerLeaf: samplesPerLeaf,
      kernels: kernels)
  }

  private init(
    layout: FeatureLayout, lanesAreColumns: Bool, foldedRows: Int, samplesPerLeaf: Int, kernels: KernelSet
  ) {
    self.layout = layout
    self.lanesAreColumns = lanesAreColumns
    self.foldedRows = foldedRows
    self.samplesPerLeaf = samplesPerLeaf
    self.kernels = kernels
  }
}
