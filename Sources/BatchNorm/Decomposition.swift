/// The one view of every layout: each sample is a row-major block of shape [P, C, S].
///
/// P is the product of the axes between the samples' axis and the features' axis, S of those after it: N×C and
/// channels-last data have S = 1, NCHW data have P = 1. Since samples follow each other, a range of samples is
/// [R, C, S] with R = samples · P rows.
public struct FeatureLayout: Hashable, Sendable {
  /// P, rows of [C, S] in one sample.
  public let positionRows: Int
  /// C.
  public let featureCount: Int
  /// S, consecutive values of one feature.
  public let planeLength: Int

  /// A view with P rows of C features with S consecutive values each.
  public init(positionRows: Int, featureCount: Int, planeLength: Int) {
    self.positionRows = positionRows
    self.featureCount = featureCount
    self.planeLength = planeLength
  }

  /// The view of a dataset of shape [N, …] whose axis `featureAxis` (1 or more, or negative, counted from the
  /// end) holds the features; nil if the dataset has no such axis beside the samples' one.
  public init?(shape: [Int], featureAxis: Int) {
    let axis = featureAxis < 0 ? shape.count + featureAxis : featureAxis
    guard axis >= 1, axis < shape.count else { return nil }
    self.init(
      positionRows: shape[1..<axis].reduce(1, *),
      featureCount: shape[axis],
      planeLength: shape[(axis + 1)...].reduce(1, *))
  }

  /// P · C · S.
  public var valuesPerSample: Int { positionRows * featureCount * planeLength }

  /// P · S, the values that one sample adds to each feature.
  public var valuesPerFeatureAndSample: Int { positionRows * planeLength }
}

/// How the values of a batch are cut into blocks, whose moments are merged along a binary tree.
///
/// It follows from the layout alone. Threads, tiles and the memory limit decide who computes a block and when, never
/// what a block is or in which order blocks merge; so every result is the same to the last bit for all of them.
///
/// The data is seen in one of two ways:
/// - **columns**: a matrix whose columns are (feature, position) pairs, eight of which fill the lanes; for short planes.
///   With few columns, `foldedRows` rows are laid side by side as one wide row, to fill the lanes all the same, and the
///   columns of one feature merge in the end.
/// - **planes**: the consecutive values of a feature, as the planes of NCHW data, fill the lanes.
public struct Decomposition: Hashable, Sendable {
  /// The shape that everything else follows from.
  public let layout: FeatureLayout
  /// True if lanes are columns, false if lanes are positions of a plane.
  public let lanesAreColumns: Bool
  /// Rows of [C, S] that make one row of the matrix; a power of two, 1 for wide data.
  public let foldedRows: Int
  /// Samples in a leaf of the tree over the batch; a power of two.
  public let samplesPerLeaf: Int

  /// Which machine code computes it.
  public let kernels: KernelSet

  /// Rows of the matrix that are summed in plain Double before their moments are formed.
  ///
  /// A block's own first row is subtracted first. As that row is one of the values, the condition number of the block's
  /// variance is at most the block's size (Cauchy–Schwarz), so 256 values cost at most 256 ulp, in practice a few.
  static let rowsPerBlock = 256
  /// Values of one feature in a block of planes.
  static let valuesPerBlock = 4096
  /// From this length of a plane on, lanes are positions.
  static let shortestPlane = 32
  /// The least number of columns of the matrix, if there are rows enough to fold.
  static let fewestColumns = 64

  /// Decides how a layer of this shape is cut.
  public init(_ layout: FeatureLayout, kernels: KernelSet = .best) {
    self.layout = layout
    self.kernels = kernels
    lanesAreColumns = layout.planeLength < Self.shortestPlane
    var folded = 1
    var samples = 1
    if lanesAreColumns {
      let columns = max(1, layout.featureCount * layout.planeLength)
      while folded * columns < Self.fewestColumns
        || (folded * columns < 8 * Self.fewestColumns && folded * columns % 8 != 0)
      {
        folded *= 2
      }
      let rows = max(1, layout.positionRows)
      while samples * rows < folded * Self.rowsPerBlock || samples * rows % folded != 0 { samples *= 2 }
    } else {
      while samples * max(1, layout.valuesPerFeatureAndSample) < Self.valuesPerBlock { samples *= 2 }
    }
    foldedRows = folded
    samplesPerLeaf = samples
  }

  /// Columns for which moments are kept: foldedRows · C · S, or C.
  public var columnCount: Int {
    lanesAreColumns ? foldedRows * layout.featureCount * layout.planeLength : layout.featureCount
  }

  /// Octets of columns.
  public var octetCount: Int { (columnCount + 7) / 8 }

  /// The feature that a column belongs to.
  public func feature(ofColumn column: Int) -> Int {
    lanesAreColumns ? column / layout.planeLength % layout.featureCount : column
  }

  /// After so many octets of columns the same features come again in the same lanes, if there are so many.
  var octetPeriod: Int {
    let columns = layout.featureCount * layout.planeLength
    // C · S / gcd(C · S, 8)
    return columns >> min(3, columns.trailingZeroBitCount)
  }

  /// True if the first C columns are the features, whole octets of them: nothing but rows is folded.
  var columnsAreFeaturesInTurn: Bool {
    lanesAreColumns && layout.planeLength == 1 && layout.featureCount % 8 == 0
  }

  /// Values of each column in `samples` samples, and of the columns of the rest that makes no whole wide row.
  func rows(inSamples samples: Int) -> (wide: Int, rest: Int) {
    (samples * layout.positionRows / foldedRows, samples * layout.positionRows % foldedRows)
  }

  /// The least number of samples whose moments can be collected at a time: 1 where every sample is whole rows of the matrix, else
  /// a leaf.
  public var samplesPerStretch: Int { lanesAreColumns && foldedRows == 1 ? 1 : samplesPerLeaf }

  /// True if tiles of features can be cut at octets of columns: nothing is folded, and each column is a feature.
  public var octetsAreFeatures: Bool { columnCount == layout.featureCount }

  /// The columns of some octets.
  func columns(of octets: Range<Int>) -> Range<Int> {
    8 * octets.lowerBound..<min(8 * octets.upperBound, columnCount)
  }

  /// The features of a tile: those of its octets where each column is a feature, else all.
  func features(of octets: Range<Int>) -> Range<Int> {
    octetsAreFeatures ? columns(of: octets) : 0..<layout.featureCount
  }

  /// What of x and dy a core's second-level cache keeps from the moments to the results, whatever else is in it.
  private static let tileBytes = 1 << 18
  /// Narrower tiles of a matrix are scattered parts of memory, which costs more than the cache gives.
  private static let fewestOctets = 8

  /// Tiles of features that are best computed one after the other when a whole batch is in memory; a single one where tiles that
  /// fit in the cache cannot be cut.
  /// - Parameters:
  ///   - samples: of the batch.
  ///   - bytesPerValue: bytes of a value of x, and of dy if it is there.
  public func tiles(samples: Int, bytesPerValue: Int) -> [Range<Int>] {
    guard octetsAreFeatures else { return [0..<octetCount] }
    let octetBytes = max(1, samples * layout.valuesPerFeatureAndSample * 8 * bytesPerValue)
    var count = max(1, Self.tileBytes / octetBytes)
    if lanesAreColumns && count < Self.fewestOctets { count = max(1, octetCount) }
    return stride(from: 0, to: octetCount, by: count).map { $0..<min($0 + count, octetCount) }
  }
}

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
