import Arithmetic

/// Collects the moments of a batch for a tile of features, unit by unit, and gives them per feature in the end.
///
/// Used by one thread at a time. Several accumulators can each take a part of the batch that begins at a multiple of a power
/// of two of units and is no longer than that; `append` then joins them in order, with the same result.
public final class MomentAccumulator {
  private let decomposition: Decomposition
  private let groups: Range<Int>
  private let tree: MomentTree
  /// Merges the blocks of one unit.
  private let unitTree: MomentTree
  private let scratch: UnsafeMutablePointer<BlockSums>
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
    scratch = .allocate(capacity: groups.count)
  }

  deinit { scratch.deallocate() }

  /// Adds samples that follow those added before.
  /// - Parameters:
  ///   - x: [samples, P, C, S]
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - samples: whole units, but for the last samples of the batch.
  public func add(x: ReadableTensor, dy: ReadableTensor?, samples: Int) {
    var first = 0
    while first < samples {
      let count = min(decomposition.samplesPerUnit, samples - first)
      addUnit(x, dy, offset: first * decomposition.layout.valuesPerSample, samples: count)
      first += count
    }
  }

  /// Adds what another accumulator of the same tile collected from the samples that follow.
  public func append(_ other: MomentAccumulator) {
    tree.append(other.tree)
    for (feature, moments) in other.rest { rest[feature, default: FeatureMoments()].add(moments) }
    for (feature, counts) in other.nonfiniteValues { nonfiniteValues[feature, default: .init()].add(counts) }
    for (feature, counts) in other.nonfiniteGradients {
      nonfiniteGradients[feature, default: .init()].add(counts)
    }
    other.removeRest()
  }

  /// Writes the moments of every feature of the tile to `target[feature]` and begins anew.
  public func finish(into target: UnsafeMutablePointer<FeatureMoments>) {
    tree.finish { node, count in
      if let node, decomposition.groupsAreFeatures {
        for feature in features {
          let index = feature - 8 * groups.lowerBound
          target[feature] = FeatureMoments(count: count, moments: node[index / 8][index % 8])
        }
        return
      }
      for feature in features { target[feature] = FeatureMoments() }
      guard let node else { return }
      for column in columns {
        let index = column - 8 * groups.lowerBound
        target[decomposition.feature(ofColumn: column)].add(node[index / 8][index % 8], count: count)
      }
    }
    for (feature, moments) in rest { target[feature].add(moments) }
    for (feature, counts) in nonfiniteValues { target[feature].nonfiniteValues = counts }
    for (feature, counts) in nonfiniteGradients { target[feature].nonfiniteGradients = counts }
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

  private func addUnit(_ x: ReadableTensor, _ dy: ReadableTensor?, offset: Int, samples: Int) {
    if decomposition.lanesAreColumns {
      addColumns(x, dy, offset: offset, samples: samples)
    } else {
      addRuns(x, dy, offset: offset, samples: samples)
    }
    unitTree.finish { node, count in
      guard let node else { return }
      tree.push(count: count) { $0.update(from: node, count: groups.count) }
    }
  }

  private func addColumns(_ x: ReadableTensor, _ dy: ReadableTensor?, offset: Int, samples: Int) {
    let stride = decomposition.columnCount
    let (rows, restRows) = decomposition.rows(inSamples: samples)
    var row = 0
    while row < rows {
      let count = min(Decomposition.rowsPerBlock, rows - row)
      let start = offset + row * stride
      unitTree.push(count: count) { node in
        let isFinite = ColumnMoments.block(
          x: x, dy: dy, offset: start, stride: stride, rows: count, columns: stride, groups: groups,
          scratch: scratch, node: node)
        if !isFinite {
          for row in 0..<count { countNonfinite(x, dy, offset: start + row * stride, columns: columns) }
        }
      }
      row += count
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
              x: x, dy: dy, offset: featureStart, stride: stride, runs: runCount, length: count)
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
