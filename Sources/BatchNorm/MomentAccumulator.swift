import Arithmetic

/// Collects the moments of a batch for a tile of features, unit by unit, and gives them per feature in the end.
///
/// A unit may arrive in pieces, so that its samples can be summed while they are still in the cache that reading left them in.
///
/// Used by one thread at a time. Several accumulators can each take a part of the batch that begins at a multiple of a power
/// of two of units and is no longer than that; `append` then joins them in order, with the same result.
public final class MomentAccumulator {
  private let decomposition: Decomposition
  private let groups: Range<Int>
  private let tree: MomentTree
  /// Merges the blocks of one unit.
  private let unitTree: MomentTree
  /// [groups.count], of the block that is not complete yet.
  private let blockSums: UnsafeMutablePointer<BlockSums>
  /// Rows of the matrix in that block.
  private var blockRows = 0
  /// Samples of the unit that is not complete yet.
  private var unitSamples = 0
  /// Moments of the last rows of the batch, too few for a wide row, by feature.
  private var rest: [Int: FeatureMoments] = [:]
  private var nonfiniteValues: [Int: NonfiniteCounts] = [:]
  private var nonfiniteGradients: [Int: NonfiniteCounts] = [:]

  /// - Parameter groups: the tile, groups of eight columns; all of them unless `groupsAreFeatures`.
  public init(_ decomposition: Decomposition, groups: Range<Int>) {
    self.decomposition = decomposition
    self.groups = groups
    tree = MomentTree(groupCount: groups.count)
    unitTree = MomentTree(groupCount: groups.count)
    blockSums = .allocate(capacity: groups.count)
  }

  deinit { blockSums.deallocate() }

  /// Bytes that an accumulator for all features takes for a batch of `samples` samples.
  public static func memory(_ decomposition: Decomposition, samples: Int) -> Int {
    let blocks = max(
      1,
      decomposition.samplesPerUnit * decomposition.layout.valuesPerFeatureAndSample
        / Decomposition.rowsPerBlock)
    let nodes =
      MomentTree.nodeCount(leaves: samples / decomposition.samplesPerUnit + 1)
      + MomentTree.nodeCount(leaves: blocks)
    return decomposition.groupCount
      * (MemoryLayout<BlockSums>.stride + nodes * MemoryLayout<PairMoments<Lanes>>.stride)
  }

  /// Adds samples that follow those added before.
  /// - Parameters:
  ///   - x: [samples, P, C, S]
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - samples: a multiple of `Decomposition.samplesPerPiece`, but for the last samples of the batch.
  public func add(x: ReadableTensor, dy: ReadableTensor?, samples: Int) {
    var first = 0
    while first < samples {
      let count = min(decomposition.samplesPerUnit - unitSamples, samples - first)
      let offset = first * decomposition.layout.valuesPerSample
      if decomposition.lanesAreColumns {
        addColumns(x, dy, offset: offset, samples: count)
      } else {
        addRuns(x, dy, offset: offset, samples: count)
      }
      first += count
      unitSamples += count
      if unitSamples == decomposition.samplesPerUnit { finishUnit() }
    }
  }

  /// Adds what another accumulator of the same tile collected from the samples that follow.
  public func append(_ other: MomentAccumulator) {
    finishUnit()
    other.finishUnit()
    tree.append(other.tree)
    for (feature, moments) in other.rest {
      rest[feature, default: FeatureMoments()].add(moments.moments, count: moments.count)
    }
    for (feature, counts) in other.nonfiniteValues { nonfiniteValues[feature, default: .init()].add(counts) }
    for (feature, counts) in other.nonfiniteGradients {
      nonfiniteGradients[feature, default: .init()].add(counts)
    }
    other.removeRest()
  }

  /// Writes the moments of every feature of the tile to `target` and begins anew.
  public func finish(into target: BatchMoments) {
    finishUnit()
    tree.finish { node, count in
      if let node, decomposition.groupsAreFeatures {
        target.count = count
        (target.groups + groups.lowerBound).update(from: node, count: groups.count)
        return
      }
      // Columns of one feature merge.
      var moments = Array(repeating: FeatureMoments(), count: features.count)
      if let node {
        for column in columns {
          let index = column - 8 * groups.lowerBound
          moments[decomposition.feature(ofColumn: column) - features.lowerBound].add(
            node[index / 8][index % 8], count: count)
        }
      }
      for feature in features {
        if let more = rest[feature] {
          moments[feature - features.lowerBound].add(more.moments, count: more.count)
        }
        target.groups[feature / 8][feature % 8] = moments[feature - features.lowerBound].moments
      }
      target.count = moments.first?.count ?? 0
    }
    target.setNonfinite(features, values: nonfiniteValues, gradients: nonfiniteGradients)
    removeRest()
  }

  private func removeRest() {
    rest.removeAll()
    nonfiniteValues.removeAll()
    nonfiniteGradients.removeAll()
  }

  /// The columns of the tile.
  private var columns: Range<Int> {
    8 * groups.lowerBound..<min(8 * groups.upperBound, decomposition.columnCount)
  }

  /// The features of the tile.
  public var features: Range<Int> {
    decomposition.groupsAreFeatures ? columns : 0..<decomposition.layout.featureCount
  }

  // MARK: - A unit

  private func finishUnit() {
    if unitSamples == 0 { return }
    finishBlock()
    unitTree.finish { node, count in
      guard let node else { return }
      let groupCount = groups.count
      tree.push(count: count) { $0.update(from: node, count: groupCount) }
    }
    unitSamples = 0
  }

  private func finishBlock() {
    if blockRows == 0 { return }
    let (sums, rows, groupCount) = (blockSums, blockRows, groups.count)
    unitTree.push(count: rows) { node in
      for index in 0..<groupCount { node[index] = sums[index].moments(count: rows) }
    }
    blockRows = 0
  }

  private func addColumns(_ x: ReadableTensor, _ dy: ReadableTensor?, offset: Int, samples: Int) {
    let stride = decomposition.columnCount
    let (rows, restRows) = decomposition.rows(inSamples: samples)
    var row = 0
    while row < rows {
      let count = min(Decomposition.rowsPerBlock - blockRows, rows - row)
      let start = offset + row * stride
      let isFinite = ColumnMoments.add(
        x: x, dy: dy, offset: start, stride: stride, rows: count, groups: groups,
        begins: blockRows == 0, to: blockSums, kernels: decomposition.kernels)
      if !isFinite {
        for row in 0..<count { countNonfinite(x, dy, offset: start + row * stride, columns: columns) }
      }
      row += count
      blockRows += count
      if blockRows == Decomposition.rowsPerBlock { finishBlock() }
    }
    if restRows > 0 { addRest(x, dy, offset: offset + rows * stride, rows: restRows) }
  }

  /// Adds rows of [C, S] that are too few for a wide row: one value a column.
  private func addRest(_ x: ReadableTensor, _ dy: ReadableTensor?, offset: Int, rows: Int) {
    let columns = rows * decomposition.layout.featureCount * decomposition.layout.runLength
    for column in 0..<columns {
      var value = PairMoments<Double>.empty
      value.mean = DoubleDouble(x[offset + column])
      if let dy { value.gradientMean = DoubleDouble(dy[offset + column]) }
      rest[decomposition.feature(ofColumn: column), default: FeatureMoments()].add(value, count: 1)
    }
    countNonfinite(x, dy, offset: offset, columns: 0..<columns)
  }

  private func addRuns(_ x: ReadableTensor, _ dy: ReadableTensor?, offset: Int, samples: Int) {
    let layout = decomposition.layout
    let runs = samples * layout.rowsPerSample
    let stride = layout.featureCount * layout.runLength
    // Short runs are taken together, a long one is cut.
    let runsPerBlock = max(1, Decomposition.valuesPerBlock / layout.runLength)
    let length = min(layout.runLength, Decomposition.valuesPerBlock)
    for run in Swift.stride(from: 0, to: runs, by: runsPerBlock) {
      let runCount = min(runsPerBlock, runs - run)
      for position in Swift.stride(from: 0, to: layout.runLength, by: length) {
        let count = min(length, layout.runLength - position)
        let start = offset + run * stride + position
        unitTree.push(count: runCount * count) { node in
          for feature in columns {
            let featureStart = start + feature * layout.runLength
            let block = RunMoments.block(
              x: x, dy: dy, offset: featureStart, stride: stride, runs: runCount, length: count,
              kernels: decomposition.kernels)
            let index = feature - columns.lowerBound
            if index % 8 == 0 { node[index / 8] = .empty }
            node[index / 8][index % 8] = block.moments
            if !block.isFinite {
              for run in 0..<runCount {
                for value in 0..<count {
                  countNonfinite(x, dy, at: featureStart + run * stride + value, feature: feature)
                }
              }
            }
          }
        }
      }
    }
  }

  // MARK: - Values that are not finite

  private func countNonfinite(_ x: ReadableTensor, _ dy: ReadableTensor?, offset: Int, columns: Range<Int>) {
    for column in columns {
      countNonfinite(x, dy, at: offset + column, feature: decomposition.feature(ofColumn: column))
    }
  }

  private func countNonfinite(_ x: ReadableTensor, _ dy: ReadableTensor?, at index: Int, feature: Int) {
    let value = x[index]
    if !value.isFinite { nonfiniteValues[feature, default: NonfiniteCounts()].count(value) }
    if let gradient = dy?[index], !gradient.isFinite {
      nonfiniteGradients[feature, default: NonfiniteCounts()].count(gradient)
    }
  }
}
