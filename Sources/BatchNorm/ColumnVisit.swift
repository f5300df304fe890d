import Arithmetic

/// The last visit where columns fill the lanes; see `Decomposition`.
enum ColumnVisit {
  /// Rows that share one load of the coefficients.
  private static let rowsAtOnce = 8

  /// - Parameter coefficients: [groupCount]
  static func run(
    _ visit: Visit, _ decomposition: Decomposition, _ coefficients: UnsafePointer<ColumnCoefficients>,
    _ groups: Range<Int>
  ) -> Bool {
    switch (visit.x.type, visit.outputType) {
    case (.float, .float):
      run(visit, decomposition, coefficients, groups, visit.pointers(Float.self, Float.self))
    case (.float, .double):
      run(visit, decomposition, coefficients, groups, visit.pointers(Float.self, Double.self))
    case (.double, .float):
      run(visit, decomposition, coefficients, groups, visit.pointers(Double.self, Float.self))
    case (.double, .double):
      run(visit, decomposition, coefficients, groups, visit.pointers(Double.self, Double.self))
    }
  }

  @inline(__always)
  private static func run<E: Element, F: Element>(
    _ visit: Visit, _ decomposition: Decomposition, _ coefficients: UnsafePointer<ColumnCoefficients>,
    _ groups: Range<Int>, _ pointers: LaneVisit<E, F>
  ) -> Bool {
    let columns = decomposition.columnCount
    let (rows, restRows) = decomposition.rows(inSamples: visit.samples)
    let restColumns = restRows * decomposition.layout.featureCount * decomposition.layout.runLength
    let mask = visit.mask.map { ColumnMask(bytes: $0, decomposition: decomposition) }
    var canary = SIMD8<F>(repeating: 0)

    /// Rows `rows` of the matrix, in their first `columns` columns.
    @inline(__always)
    func visitRows(_ rows: Range<Int>, columns: Int, wants: VisitWants) {
      let full = groups.lowerBound..<max(groups.lowerBound, min(groups.upperBound, columns / 8))
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: rowsAtOnce) {
        let block = first..<min(first + rowsAtOnce, rows.upperBound)
        for group in full {
          visitGroup(
            block, group, lanes: 8, coefficients[group], decomposition.columnCount,
            pointers,
            mask, wants, &canary)
        }
      }
      if full.upperBound < groups.upperBound, 8 * full.upperBound < columns {
        visitGroup(
          rows, full.upperBound, lanes: columns - 8 * full.upperBound,
          coefficients[full.upperBound], decomposition.columnCount, pointers, mask, wants,
          &canary)
      }
    }

    switch visit.wants {
    case .forwardAndBackward: visitRows(0..<rows, columns: columns, wants: .forwardAndBackward)
    case .forward: visitRows(0..<rows, columns: columns, wants: .forward)
    default: visitRows(0..<rows, columns: columns, wants: visit.wants)
    }
    if restColumns > 0 { visitRows(rows..<rows + 1, columns: restColumns, wants: visit.wants) }
    return canary == .zero
  }

  /// The first `lanes` columns of a group, down a few rows.
  @inline(__always)
  private static func visitGroup<E: Element, F: Element>(
    _ rows: Range<Int>, _ group: Int, lanes: Int, _ columns: ColumnCoefficients, _ stride: Int,
    _ pointers: LaneVisit<E, F>, _ mask: ColumnMask?, _ wants: VisitWants, _ canary: inout SIMD8<F>
  ) {
    var position = rows.lowerBound * stride + 8 * group
    for row in 0..<rowsAtOnce {
      pointers.prefetch(at: position + (rowsAtOnce + row) * stride, wants)
    }
    for row in rows {
      pointers.compute(at: position, lanes: lanes, columns, wants, canary: &canary) {
        mask?.ignored(row: row, group: group, lanes: lanes) ?? .init(repeating: false)
      }
      position += stride
    }
  }
}

/// A mask, [samples, P, S], seen from the columns of the matrix.
private struct ColumnMask {
  let bytes: UnsafePointer<UInt8>
  let decomposition: Decomposition

  /// Which of eight columns count in no statistic.
  func ignored(row: Int, group: Int, lanes: Int) -> SIMDMask<SIMD8<Int64>> {
    let layout = decomposition.layout
    var ignored = SIMDMask<SIMD8<Int64>>(repeating: false)
    for lane in 0..<lanes {
      let column = 8 * group + lane
      let narrowRow = row * decomposition.foldedRows + column / (layout.featureCount * layout.runLength)
      ignored[lane] = bytes[narrowRow * layout.runLength + column % layout.runLength] == 0
    }
    return ignored
  }
}
