/// The last visit of a matrix whose columns fill the lanes.
@frozen
public struct ColumnLoop<E: Element, F: Element, Compiled> {
  @usableFromInline let tensors: LaneVisit<E, F>
  @usableFromInline let coefficients: UnsafePointer<ColumnCoefficients>
  @usableFromInline let groups: Range<Int>
  @usableFromInline let rows: Int
  @usableFromInline let restColumns: Int
  @usableFromInline let stride: Int
  @usableFromInline let steps: RowSteps
  @usableFromInline let mask: ColumnMask?

  /// - Parameters:
  ///   - coefficients: of all groups of eight columns.
  ///   - groups: the groups that are visited.
  ///   - rows: rows of the matrix.
  ///   - restColumns: columns that a last row has which is not complete; 0 if there is none.
  ///   - stride: columns of all other rows; the last group may hold fewer than eight.
  ///   - mask: which values count in no statistic; nil if all count.
  @inlinable @inline(__always)
  public init(
    _ tensors: LaneVisit<E, F>, coefficients: UnsafePointer<ColumnCoefficients>, groups: Range<Int>,
    rows: Int, restColumns: Int, stride: Int, mask: ColumnMask?
  ) {
    self.tensors = tensors
    self.coefficients = coefficients
    self.groups = groups
    self.rows = rows
    self.restColumns = restColumns
    self.stride = stride
    steps = RowSteps(stride: stride, byteCount: MemoryLayout<E>.size)
    self.mask = mask
  }

  // Each of these is a function of its own, so that the compiler takes each small enough to put the whole arithmetic into its loop.

  @inlinable @inline(never)
  func visitForwardAndBackward() -> Bool { visit(.forwardAndBackward) }

  @inlinable @inline(never)
  func visitForward() -> Bool { visit(.forward) }

  @inlinable @inline(never)
  func visitAny(_ wants: VisitWants) -> Bool { visit(wants) }

  /// All groups of eight columns, from the last rows to the first, for the last ones are still in the caches when the moments
  /// have been collected.
  @inlinable @inline(__always)
  func visit(_ wants: VisitWants) -> Bool {
    var canary = OverflowCanary<F>()
    let full = groups.lowerBound..<max(groups.lowerBound, min(groups.upperBound, stride / 8))
    var end = rows
    while end > 0 {
      let block = max(0, end &- RowSteps.rows)..<end
      end = block.lowerBound
      for group in full { canary.add(visitGroup(block, group, lanes: 8, wants)) }
    }
    return canary.isSilent
  }

  /// The last group, where it holds fewer than eight columns, and the last row, where it is not complete.
  @inlinable @inline(never)
  func visitRest(_ wants: VisitWants) -> Bool {
    var canary = OverflowCanary<F>()
    for group in groups {
      let lanes = min(8, stride - 8 * group)
      if lanes < 8 { canary.add(visitGroup(0..<rows, group, lanes: lanes, wants)) }
      let restLanes = min(8, restColumns - 8 * group)
      if restLanes > 0 { canary.add(visitGroup(rows..<rows + 1, group, lanes: restLanes, wants)) }
    }
    return canary.isSilent
  }

  /// True if `visitRest` has anything to do.
  @inlinable @inline(__always)
  var hasRest: Bool { restColumns > 0 || stride % 8 != 0 }

  /// The first `lanes` columns of a group, down a few rows.
  @inlinable @inline(__always)
  func visitGroup(_ rows: Range<Int>, _ group: Int, lanes: Int, _ wants: VisitWants) -> OverflowCanary<F> {
    var canary = OverflowCanary<F>()
    let own = coefficients[group]
    // Positions lie in memory, so that they and what is prefetched beyond it cannot overflow.
    var position = rows.lowerBound &* stride &+ 8 &* group
    for row in rows {
      tensors.prefetch(at: position &+ steps.back, wants)
      tensors.compute(at: position, lanes: lanes, own, wants, canary: &canary) {
        mask.unsafelyUnwrapped.ignored(row: row, group: group, lanes: lanes)
      }
      position = position &+ stride
    }
    return canary
  }
}

/// A mask, [samples, P, S], seen from the columns of a matrix.
@frozen
public struct ColumnMask {
  @usableFromInline let bytes: UnsafePointer<UInt8>
  @usableFromInline let foldedRows: Int
  @usableFromInline let columnsPerRow: Int
  @usableFromInline let runLength: Int

  /// - Parameters:
  ///   - bytes: 0 where a value counts in no statistic.
  ///   - foldedRows: rows of [C, S] that make one row of the matrix.
  ///   - columnsPerRow: C · S.
  ///   - runLength: S.
  @inlinable @inline(__always)
  public init(bytes: UnsafePointer<UInt8>, foldedRows: Int, columnsPerRow: Int, runLength: Int) {
    self.bytes = bytes
    self.foldedRows = foldedRows
    self.columnsPerRow = columnsPerRow
    self.runLength = runLength
  }

  /// Which of eight columns count in no statistic.
  @inlinable @inline(__always)
  func ignored(row: Int, group: Int, lanes: Int) -> SIMDMask<SIMD8<Int64>> {
    var ignored = SIMDMask<SIMD8<Int64>>(repeating: false)
    for lane in 0..<lanes {
      let column = 8 * group + lane
      let narrowRow = row * foldedRows + column / columnsPerRow
      ignored[lane] = bytes[narrowRow * runLength + column % runLength] == 0
    }
    return ignored
  }
}
