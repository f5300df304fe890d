import Arithmetic

/// Collects the moments of all values of a batch for a tile of features, leaf by leaf, and gives them per feature in the end.
///
/// A leaf may arrive in stretches, so that its samples can be summed while they are still in the cache that reading left them in.
final class MomentAccumulator {
  private let decomposition: Decomposition
  private let octets: Range<Int>
  private let tree: MomentTree
  /// Merges the blocks of one leaf.
  private let leafTree: MomentTree
  /// [octets.count], of the block that is not complete yet.
  private let blockSums: UnsafeMutablePointer<BlockSums>
  /// Rows of the matrix in that block.
  private var blockRows = 0
  /// Samples of the leaf that is not complete yet.
  private var leafSamples = 0
  /// Moments of the last rows of the batch, too few for a wide row, [⌈C/8⌉]; empty if there are none, as in whole leaves.
  private var rest: [PairMoments<Lanes>] = []
  /// How many values of each feature those are of.
  private var restCount = 0
  private var nonfiniteValues: [Int: NonfiniteCounts] = [:]
  private var nonfiniteGradients: [Int: NonfiniteCounts] = [:]
  /// [octets.count], around which products with dy are summed; nil for the mean of all values.
  private let centers: [Lanes]?

  /// - Parameters:
  ///   - octets: the tile, octets of columns; all of them unless `octetsAreFeatures`.
  ///   - centers: [C], around which products with dy are summed; nil for the mean of all values.
  init(_ decomposition: Decomposition, octets: Range<Int>, centers: ProductCenters? = nil) {
    self.decomposition = decomposition
    self.octets = octets
    self.centers = centers?.columns(octets, of: decomposition)
    let merging = centers == nil ? MomentTree.Merging.moments : .momentsAroundCenter
    tree = MomentTree(octetCount: octets.count, merging: merging)
    leafTree = MomentTree(octetCount: octets.count, merging: merging)
    blockSums = Self.sums(octets.count).allocate()
  }

  deinit { blockSums.deallocate() }

  /// Bytes that an accumulator for all features takes for a batch of `samples` samples.
  static func memory(_ decomposition: Decomposition, samples: Int) -> Int {
    let blocks = max(
      1,
      decomposition.samplesPerLeaf * decomposition.layout.valuesPerFeatureAndSample
        / Decomposition.rowsPerBlock)
    let octetCount = decomposition.octetCount
    return sums(octetCount).byteCount
      + MomentTree.memory(octetCount: octetCount, leaves: samples / decomposition.samplesPerLeaf + 1)
      + MomentTree.memory(octetCount: octetCount, leaves: blocks)
  }

  private static func sums(_ octetCount: Int) -> Extent<BlockSums> { Extent(octetCount) }

  /// Adds samples that follow those added before.
  /// - Parameters:
  ///   - x: [samples, P, C, S]
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - samples: a multiple of `Decomposition.samplesPerStretch`, but for the last samples of the batch.
  func add(x: ReadableTensor, dy: ReadableTensor?, samples: Int) {
    var first = 0
    while first < samples {
      let count = min(decomposition.samplesPerLeaf - leafSamples, samples - first)
      let offset = first * decomposition.layout.valuesPerSample
      if decomposition.lanesAreColumns {
        addColumns(x, dy, offset: offset, samples: count)
      } else {
        addPlanes(x, dy, offset: offset, samples: count)
      }
      first += count
      leafSamples += count
      if leafSamples == decomposition.samplesPerLeaf { finishLeaf() }
    }
  }

  /// Says which leaf comes first, before anything is added.
  func begin(atLeaf leaf: Int) { tree.begin(atLeaf: leaf) }

  /// Adds what another accumulator of the same tile collected from the samples that follow, which begins anew.
  func append(_ other: MomentAccumulator) {
    finishLeaf()
    other.finishLeaf()
    tree.append(other.tree)
    appendRest(
      other.rest, count: other.restCount, values: other.nonfiniteValues, gradients: other.nonfiniteGradients)
    other.removeRest()
  }

  /// Adds what is known of the samples that follow.
  func append(_ part: TreePart) {
    finishLeaf()
    tree.append(part)
    appendRest(
      part.rest.map(\.moments).octets, count: part.rest.first?.count ?? 0, values: part.nonfiniteValues,
      gradients: part.nonfiniteGradients)
  }

  private func appendRest(
    _ more: [PairMoments<Lanes>], count: Int, values: [Int: NonfiniteCounts],
    gradients: [Int: NonfiniteCounts]
  ) {
    // Only the last leaf of a batch has such rows.
    if !more.isEmpty { (rest, restCount) = (more, count) }
    nonfiniteValues.add(values)
    nonfiniteGradients.add(gradients)
  }

  /// What was collected, as a value; begins anew.
  func takePart() -> TreePart {
    finishLeaf()
    let ofRest = rest.isEmpty ? 0..<0 : features
    let part = TreePart(
      nodes: tree.takeNodes(columnCount: columns.count),
      rest: ofRest.map { FeatureMoments(count: restCount, moments: rest[$0 / 8][$0 % 8]).canonical },
      nonfiniteValues: nonfiniteValues, nonfiniteGradients: nonfiniteGradients)
    removeRest()
    return part
  }

  /// Writes the moments of every feature of the tile to `target` and begins anew.
  func finish(into target: BatchMoments) {
    finishLeaf()
    tree.finish { node, count in
      if let node, decomposition.octetsAreFeatures {
        target.count = count
        (target.octets + octets.lowerBound).update(from: node, count: octets.count)
        return
      }
      if node == nil, !rest.isEmpty {
        target.count = restCount
        rest.withUnsafeBufferPointer { target.octets.update(from: $0.baseAddress!, count: $0.count) }
        return
      }
      // Columns of one feature merge.
      var moments = Array(repeating: FeatureMoments(), count: features.count)
      if let node {
        for column in columns {
          let index = column - 8 * octets.lowerBound
          moments[decomposition.feature(ofColumn: column) - features.lowerBound].add(
            node[index / 8][index % 8], count: count, isCentered: centers != nil)
        }
      }
      for feature in features {
        if !rest.isEmpty {
          moments[feature - features.lowerBound].add(
            rest[feature / 8][feature % 8], count: restCount, isCentered: centers != nil)
        }
        target.octets[feature / 8][feature % 8] = moments[feature - features.lowerBound].moments
      }
      target.count = moments.first?.count ?? 0
    }
    target.setNonfinite(features, values: nonfiniteValues, gradients: nonfiniteGradients)
    removeRest()
  }

  private func removeRest() {
    // There can be as many batches as samples.
    if !rest.isEmpty { rest.removeAll(keepingCapacity: true) }
    restCount = 0
    if !nonfiniteValues.isEmpty { nonfiniteValues.removeAll() }
    if !nonfiniteGradients.isEmpty { nonfiniteGradients.removeAll() }
  }

  /// The columns of the tile.
  private var columns: Range<Int> { decomposition.columns(of: octets) }

  /// The features of the tile.
  var features: Range<Int> { decomposition.features(of: octets) }

  // MARK: - A leaf

  private func finishLeaf() {
    if leafSamples == 0 { return }
    finishBlock()
    leafTree.finish { node, count in
      guard let node else { return }
      let octetCount = octets.count
      tree.push(count: count) { $0.update(from: node, count: octetCount) }
    }
    leafSamples = 0
  }

  private func finishBlock() {
    if blockRows == 0 { return }
    let (sums, rows, octetCount, isCentered) = (blockSums, blockRows, octets.count, centers != nil)
    leafTree.push(count: rows) { node in
      for index in 0..<octetCount { node[index] = sums[index].moments(count: rows, isCentered: isCentered) }
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
      let isFinite = withCenters { centers in
        ColumnMoments.add(
          x: x, dy: dy, offset: start, stride: stride, rows: count, octets: octets,
          begins: blockRows == 0, to: blockSums, around: centers, kernels: decomposition.kernels)
      }
      if !isFinite {
        for row in 0..<count { countNonfinite(x, dy, offset: start + row * stride, columns: columns) }
      }
      row += count
      blockRows += count
      if blockRows == Decomposition.rowsPerBlock { finishBlock() }
    }
    if restRows > 0 { addRest(x, dy, offset: offset + rows * stride, rows: restRows) }
  }

  private func withCenters<Value>(_ body: (UnsafePointer<Lanes>?) -> Value) -> Value {
    guard let centers else { return body(nil) }
    return centers.withUnsafeBufferPointer { body($0.baseAddress) }
  }

  /// The center of a column of the tile.
  private func center(ofColumn column: Int) -> Double? {
    centers.map { $0[column / 8 - octets.lowerBound][column % 8] }
  }

  /// Adds rows of [C, S] that are too few for a wide row: one value of each feature after the other.
  private func addRest(_ x: ReadableTensor, _ dy: ReadableTensor?, offset: Int, rows: Int) {
    let layout = decomposition.layout
    let length = layout.planeLength
    if rest.isEmpty {
      rest.append(contentsOf: repeatElement(.empty, count: FeatureOctets.count(layout.featureCount)))
    }
    var isFinite = true
    for row in 0..<rows {
      for position in 0..<length {
        let weights = restCount == 0 ? nil : MergeWeights(restCount, 1)
        for octet in rest.indices {
          let column = (row * layout.featureCount + 8 * octet) * length + position
          let count = min(8, layout.featureCount - 8 * octet)
          let value = value(x, dy, offset: offset, column: column, stride: length, count: count)
          isFinite = isFinite && ((value.mean.high + value.gradientMean.high) * 0).total == 0
          rest[octet] = weights.map { merged(rest[octet], value, $0) } ?? value
        }
        restCount += 1
      }
    }
    let columns = rows * layout.featureCount * length
    if !isFinite { countNonfinite(x, dy, offset: offset, columns: 0..<columns) }
  }

  /// The moments of one value of up to eight features.
  @inline(__always)
  private func value(
    _ x: ReadableTensor, _ dy: ReadableTensor?, offset: Int, column: Int, stride: Int, count: Int
  ) -> PairMoments<Lanes> {
    var value = PairMoments<Lanes>.empty
    let values = x.lanes(at: offset + column, stride: stride, count: count)
    value.mean = DoubleDouble(values)
    guard let dy else { return value }
    let gradients = dy.lanes(at: offset + column, stride: stride, count: count)
    value.gradientMean = DoubleDouble(gradients)
    if centers != nil {
      var center = Lanes.zero
      for lane in 0..<count { center[lane] = self.center(ofColumn: column + lane * stride) ?? 0 }
      value.comoment = (values - center) * gradients
    }
    return value
  }

  @inline(__always)
  private func merged(
    _ a: PairMoments<Lanes>, _ b: PairMoments<Lanes>, _ weights: MergeWeights
  ) -> PairMoments<Lanes> {
    centers == nil ? a.merged(with: b, weights) : a.mergedAroundCenter(with: b, weights)
  }

  private func addPlanes(_ x: ReadableTensor, _ dy: ReadableTensor?, offset: Int, samples: Int) {
    let layout = decomposition.layout
    let planes = samples * layout.positionRows
    let stride = layout.featureCount * layout.planeLength
    // Short planes are taken together, a long one is cut.
    let planesPerBlock = max(1, Decomposition.valuesPerBlock / layout.planeLength)
    let length = min(layout.planeLength, Decomposition.valuesPerBlock)
    for plane in Swift.stride(from: 0, to: planes, by: planesPerBlock) {
      let planeCount = min(planesPerBlock, planes - plane)
      for position in Swift.stride(from: 0, to: layout.planeLength, by: length) {
        let count = min(length, layout.planeLength - position)
        let start = offset + plane * stride + position
        leafTree.push(count: planeCount * count) { node in
          for feature in columns {
            let featureStart = start + feature * layout.planeLength
            let block = PlaneMoments.block(
              x: x, dy: dy, offset: featureStart, stride: stride, planes: planeCount, length: count,
              around: center(ofColumn: feature), kernels: decomposition.kernels)
            let index = feature - columns.lowerBound
            if index % 8 == 0 { node[index / 8] = .empty }
            node[index / 8][index % 8] = block.moments
            if !block.isFinite {
              for plane in 0..<planeCount {
                for value in 0..<count {
                  countNonfinite(x, dy, at: featureStart + plane * stride + value, feature: feature)
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
